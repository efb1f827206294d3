"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from lockon.errors import LockonError


class PendingFile:
    """A temporary file beside its destination that takes the destination's name on `commit`.

    It is created at once, so that a folder that cannot be written to is an error before any work is done.

    Args:
        path: The destination.

    Attributes:
        path: The destination.
        temp: The temporary file, in the same folder and with the same suffix.

    Raises:
        LockonError: The folder cannot be made or written to, or the destination is a folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        if self.path.is_dir():
            raise LockonError(f"cannot write {self.path}: it is a folder; give a file name in it")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{self.path.stem}.", suffix=f".tmp{self.path.suffix}", dir=self.path.parent)
        except OSError as error:
            raise LockonError(
                f"cannot write {self.path}: {error.strerror} ({error.filename}); choose a folder that you may write to"
            ) from None
        os.close(handle)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)  # mkstemp makes files that only their owner can read
        self.temp = Path(name)

    def commit(self) -> None:
        """Give the temporary file its final name; an older file of that name is replaced."""
        os.replace(self.temp, self.path)

    def discard(self) -> None:
        """Remove the temporary file; the destination stays as it was."""
        self.temp.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file atomically.

    Args:
        path: The file; its folder is made where it is missing.
        content: All of its bytes.

    Raises:
        LockonError: The file cannot be written.
    """
    pending = PendingFile(path)
    try:
        pending.temp.write_bytes(content)
        pending.commit()
    except OSError as error:
        pending.discard()
        raise LockonError(f"cannot write {pending.path}: {error.strerror}") from None


def read_json_object(path: Path, advice: str) -> dict[str, Any]:
    """Read the single JSON object in a file.

    Args:
        path: The file.
        advice: The end of the error message: what to do instead.

    Raises:
        LockonError: The file cannot be read, is no JSON, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LockonError(f"{path} is not a readable JSON file ({error}); {advice}") from None
    if not isinstance(content, dict):
        raise LockonError(f"{path} holds a {type(content).__name__}, expected one JSON object; {advice}")
    return content


__all__ = ["PendingFile", "read_json_object", "write_bytes"]
