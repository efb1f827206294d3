"""Submissions on disk: a zip file or a folder, read into memory file by file and never unpacked."""

from __future__ import annotations

import io
import lzma
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from lockon._files import write_bytes
from lockon.errors import LockonError

LARGEST = 64 * 2**20  # bytes of one file; a box file of a very long video has about 1 MB
LARGEST_IN_ALL = 16 * LARGEST
_DATE = (2000, 1, 1, 0, 0, 0)  # equal results make equal archives
# What a damaged file can raise: the parts of an archive are read by several libraries.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    OSError,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    MemoryError,
)


def zip_bytes(files: Iterable[tuple[str, bytes]]) -> bytes:
    """Return a zip archive, the same for the same files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            info = zipfile.ZipInfo(name, _DATE)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = 0o644 << 16
            archive.writestr(info, content)
    return buffer.getvalue()


def write_submission(path: Path, files: list[tuple[str, bytes]]) -> None:
    """Return a zip file where the path ends in .zip, else a folder.

    Raises:
        LockonError: It cannot be written.
    """
    if path.suffix == ".zip":
        write_bytes(path, zip_bytes(files))
        return
    for name, content in files:
        write_bytes(path.joinpath(*name.split("/")), content)


def read_submission(path: Path) -> Iterator[tuple[str, bytes]]:
    """Read the relative path and content of every file of a zip file or folder; what operating systems add is left out.

    Raises:
        LockonError: No such file, not a zip file, damaged, with links or names that come twice, or too large when unpacked.
    """
    if path.is_dir():
        yield from _read_folder(path)
        return
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the zip file or folder that `lockon bench pack` wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            infos = sorted(archive.infolist(), key=lambda one: one.filename)
            _check_members(path, infos)
            for info in infos:
                if not (info.is_dir() or _is_litter(info.filename)):
                    yield info.filename, archive.read(info)  # never more than the size that was checked
    except LockonError:
        raise
    except _DAMAGE as error:
        raise LockonError(f"{path} is no zip file that can be read ({error}); pack it again") from None


def _check_members(path: Path, infos: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse an archive before anything in it is unpacked."""
    total, names = 0, set[str]()
    for info in infos:
        if stat.S_ISLNK(info.external_attr >> 16):
            raise LockonError(f"{path}: {info.filename} is a link; a submission has files of boxes alone")
        if info.filename in names:
            raise LockonError(f"{path}: {info.filename} is in it twice; pack it again")
        names.add(info.filename)
        total += info.file_size
        _check_size(path, info.filename, info.file_size, total)


def _read_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    total = 0
    try:
        for file in sorted(folder.rglob("*")):
            name = file.relative_to(folder).as_posix()
            if file.is_file() and not _is_litter(name):
                size = file.stat().st_size
                total += size
                _check_size(folder, name, size, total)
                yield name, file.read_bytes()
    except OSError as error:
        raise LockonError(f"{error.filename} cannot be read: {error.strerror}; pack the results again") from None


def _check_size(path: Path, name: str, size: int, total: int) -> None:
    if size > LARGEST:
        raise LockonError(f"{path}: {name} has {size} bytes; a file of boxes has less than {LARGEST}")
    if total > LARGEST_IN_ALL:
        raise LockonError(f"{path} has more than {LARGEST_IN_ALL} bytes when it is unpacked; a submission has less")


def _is_litter(name: str) -> bool:
    return any(part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in PurePosixPath(name).parts)


__all__ = ["read_submission", "write_submission", "zip_bytes"]
