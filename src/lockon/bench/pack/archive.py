"""Submissions on disk: a zip file or a folder, read into memory file by file and never unpacked."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from lockon._files import write_bytes
from lockon.errors import LockonError

LARGEST = 64 * 2**20  # bytes of one file; a box file of a very long video has about 1 MB
_DATE = (2000, 1, 1, 0, 0, 0)  # equal results make equal archives


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
        LockonError: No such file, not a zip file, or damaged.
    """
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            if file.is_file() and not _is_litter(file.relative_to(path).as_posix()):
                yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the zip file or folder that `lockon bench pack` wrote")
    try:
        with zipfile.ZipFile(path) as archive:
            for info in sorted(archive.infolist(), key=lambda one: one.filename):
                if info.is_dir() or _is_litter(info.filename):
                    continue
                if info.file_size > LARGEST:
                    raise LockonError(f"{path}: {info.filename} has {info.file_size} bytes; a file of boxes has less than {LARGEST}")
                yield info.filename, archive.read(info)
    except (zipfile.BadZipFile, RuntimeError, EOFError) as error:
        raise LockonError(f"{path} is no zip file that can be read ({error}); pack it again") from None


def _is_litter(name: str) -> bool:
    return any(part == "__MACOSX" or (part.startswith(".") and part.strip(".")) for part in PurePosixPath(name).parts)


__all__ = ["read_submission", "write_submission", "zip_bytes"]
