"""Where weights come from: the revision of the code that trained them."""

from __future__ import annotations

import subprocess
from pathlib import Path


def git_revision() -> str:
    """Commit of the checkout that this package is imported from, with "+changes" if files differ from it; "unknown" outside one."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(folder.parent))
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{revision}+changes" if changed else revision
