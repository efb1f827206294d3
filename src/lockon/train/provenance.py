"""Where weights come from: the header that a training run gives them, and the revision of the code that trained them."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lockon.config import as_json

LICENCE = "code Apache-2.0; weights: as far as the licences of the training data named here allow"


def trained_header(name: str, model: Any, *, tracker: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Describe a training run in the header of its weight file.

    Args:
        name: Of the zoo.
        model: The network's `ModelConfig`.
        tracker: Inference parameters that the training decides.
        data: What it learns from; both JSON values by name.
    """
    return {
        "architecture": name,
        "config": {"model": as_json(model)},
        "tracker": dict(tracker),
        "licence": LICENCE,
        "data": dict(data),
        "git_revision": git_revision(),
    }


def git_revision() -> str:
    """Return the commit of the checkout that this package is in, with "+changes" if files differ from it; "unknown" outside one."""
    folder = Path(__file__).parent

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        revision = git("rev-parse", "HEAD")
        changed = git("status", "--porcelain", "--untracked-files=no", "--", str(folder.parent))
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{revision}+changes" if changed else revision
