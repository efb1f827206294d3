"""Files that appear under their name only when they are complete."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType

from lockon.errors import LockonError, OutputError

_PREFIX = ".lockon-"  # of temporary files
_DESCRIPTOR = re.compile(r"/(?:dev|proc/self)/fd/(\d+)")


class PendingFile:
    """A temporary file that takes the place of its destination on `commit`.

    It is created at once, so that a folder that cannot be written to is an error before any work is done. It lies beside its
    destination, where a link leads if that is one. What is no regular file (a terminal, a pipe, /dev/stdout) is written through
    on `commit`, never replaced. Temporary files that a killed process left in the folder are removed.

    As a context manager it commits at the end, and discards where the block fails.

    Args:
        path: The destination.

    Attributes:
        path: The destination.
        temp: The temporary file, with the same suffix.

    Raises:
        LockonError: The folder cannot be made or written to, the name is no name for a file, or the destination is a folder.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._stream = descriptor_of(self.path)
        try:
            self._final = self.path.resolve()
            if self._stream is None and self._final.is_dir():
                raise LockonError(f"cannot write {self.path}: it is a folder; give a file name in it")
            self._is_special = self._stream is not None or (self._final.exists() and not self._final.is_file())
            folder = Path(tempfile.gettempdir()) if self._is_special else self._final.parent
            folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(folder)
            self._lock, self.temp = _locked_file(folder, self.path.suffix)
        except (OSError, ValueError, RuntimeError) as error:  # a loop of links is a RuntimeError, a null byte a ValueError
            raise cannot_write(self.path, error, "; choose a folder that you may write to") from None

    def commit(self) -> None:
        """Flush the temporary file to the disk and give it its final name; an older file of that name is replaced.

        Raises:
            LockonError: The disk is full or the folder is gone; an older file stays as it was.
        """
        try:
            if self._is_special:
                with self.temp.open("rb") as source, open(self.path if self._stream is None else os.dup(self._stream), "wb") as out:
                    shutil.copyfileobj(source, out)
            else:
                os.fsync(self._lock)
                if os.name == "nt":
                    self._release()  # Windows renames no file that is open
                os.replace(self.temp, self._final)
        except OSError as error:
            raise cannot_write(self.path, error) from None
        finally:
            self.discard()

    def discard(self) -> None:
        """Remove the temporary file; the destination stays as it was."""
        with contextlib.suppress(OSError):
            self.temp.unlink(missing_ok=True)
        self._release()

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def __enter__(self) -> PendingFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is None:
            self.commit()
            return
        self.discard()
        if isinstance(error, OSError):
            raise cannot_write(self.path, error) from None


class PendingText(PendingFile):
    """A pending file of text, which is written as the work goes on.

    Attributes:
        out: The open stream; write to it within `guarded`. It is closed by `commit` and `discard`.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        super().__init__(path)
        self.out = self.temp.open("w", encoding="utf-8", newline="\n")

    @contextlib.contextmanager
    def guarded(self) -> Iterator[None]:
        """Discard the file where the block cannot write to it, such as on a full disk, and say so in one line."""
        try:
            yield
        except OSError as error:
            self.discard()
            raise cannot_write(self.path, error) from None

    def commit(self) -> None:
        """Write what the stream still holds, and give the file its final name, see `PendingFile.commit`."""
        with self.guarded():
            self.out.close()
        super().commit()

    def discard(self) -> None:
        """Close the stream and remove the file; the destination stays as it was."""
        with contextlib.suppress(OSError):
            self.out.close()  # what it still holds may meet the error of before
        super().discard()


def cannot_write(path: Path, error: Exception, advice: str = "") -> OutputError:
    """Return the one-line error for a file that the system refuses to write."""
    reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    where = f" ({error.filename})" if isinstance(error, OSError) and error.filename and advice else ""
    return OutputError(f"cannot write {path}: {reason}{where}{advice}")


def descriptor_of(path: Path) -> int | None:
    """Return the number of the open file that a path such as /dev/stdout or /dev/fd/3 names; None for other paths."""
    text = os.path.normpath(path)
    number = _DESCRIPTOR.fullmatch(text)
    return int(number[1]) if number else {"/dev/stdout": 1, "/dev/stderr": 2}.get(text)


def _locked_file(folder: Path, suffix: str) -> tuple[int, Path]:
    """Create a temporary file that is locked while this process lives, so that others can tell it from a leftover."""
    while True:
        handle, name = tempfile.mkstemp(prefix=_PREFIX, suffix=f".tmp{suffix}", dir=folder)
        if _locks(handle) is not False and os.path.exists(name):  # else another process took it for a leftover in between
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(name, 0o666 & ~umask)  # mkstemp makes files that only their owner can read
            return handle, Path(name)
        os.close(handle)


def _locked_folder(folder: Path) -> tuple[int | None, Path]:
    """Create a temporary folder that is locked while this process lives; the lock is None where folders cannot be locked."""
    while True:
        name = Path(tempfile.mkdtemp(prefix=_PREFIX, suffix=".tmp", dir=folder))
        if os.name == "nt":
            return None, name  # Windows opens no folder
        with contextlib.suppress(FileNotFoundError):  # another process took it for a leftover
            handle = os.open(name, os.O_RDONLY)
            if _locks(handle) is not False and name.exists():
                return handle, name
            os.close(handle)


def _locks(handle: int) -> bool | None:
    """Lock an open file or folder; return whether that worked, None where files cannot be locked."""
    try:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return None
    return True


@lru_cache(maxsize=256)
def _remove_leftovers(folder: Path) -> None:
    """Remove what processes that are no more left unfinished in a folder; looks once per process."""
    for leftover in folder.glob(f"{_PREFIX}*.tmp*"):
        with contextlib.suppress(OSError):
            handle = os.open(leftover, os.O_RDONLY)
            try:
                if _locks(handle):
                    shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
            finally:
                os.close(handle)


@contextlib.contextmanager
def pending_files(folder: Path, last: str = "") -> Iterator[Path]:
    """Yield a temporary folder for several files, which take their names in `folder` together when the block ends well.

    Args:
        folder: Where they belong; made if missing.
        last: Name of the file that is put in place last: the one by which others find the rest.

    Raises:
        LockonError: The folder cannot be made or written to, or the disk is full; files of before stay as they were.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        lock, temporary = _locked_folder(folder)
        try:
            yield temporary
            files = sorted(temporary.iterdir(), key=lambda file: file.name == last)
            for file in files:
                with file.open("rb+") as content:
                    os.fsync(content.fileno())
            for file in files:
                os.replace(file, folder / file.name)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if lock is not None:
                os.close(lock)
    except OSError as error:
        raise cannot_write(folder, error, "; choose a folder that you may write to") from None


def refuse_overwriting(outputs: Sequence[tuple[str, Path]], sources: Iterable[str | os.PathLike[str]]) -> None:
    """Refuse outputs that are a source, or each other, by whatever spelling or link; call it before any work.

    Args:
        outputs: Pairs of the option and its path, such as ("--out", Path("out.mp4")). Pipes and devices may take several.
        sources: What is read: files and folders; anything else, such as URLs, is no path that can be met.

    Raises:
        LockonError: Naming the option and what it would overwrite.
    """
    taken = {identity: f"the source {os.fspath(source)}" for source in sources if (identity := _identity(Path(source))) is not None}
    for option, path in outputs:
        identity = _identity(path)
        if identity in taken:
            raise LockonError(f"{option} {path} would overwrite {taken[identity]}; choose another name")
        if identity is not None:
            taken[identity] = f"what {option} writes"


def _identity(path: Path) -> Hashable:
    """Return a value that is equal for two paths to one file or folder; None for what several may write to."""
    if descriptor_of(path) is not None or path == Path("-"):
        return None
    try:
        stated = path.stat()
    except (OSError, ValueError):
        return os.path.normcase(os.path.realpath(path))
    regular = stat.S_ISREG(stated.st_mode) or stat.S_ISDIR(stated.st_mode)
    return (stated.st_dev, stated.st_ino) if regular else None


def write_bytes(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a whole file atomically.

    Args:
        path: The file; its folder is made where it is missing.
        content: All of its bytes.

    Raises:
        LockonError: The file cannot be written.
    """
    with PendingFile(path) as pending:
        pending.temp.write_bytes(content)


__all__ = ["PendingFile", "PendingText", "cannot_write", "descriptor_of", "pending_files", "refuse_overwriting", "write_bytes"]
