"""The JSON header inside deployed files, and the rule that joins the files of one model.

A model is deployed as plain ONNX files, one per graph: ``NAME.onnx`` sees search crops, ``NAME.PART.onnx`` does the rest, for example
``NAME.template.onnx`` encodes template crops (`lockon.export.ports`). All carry the same header under the metadata key "lockon"; its `pair`
id is made from the weights, so that files of different exports are refused, and its `graphs` names every graph's ports. Beside the
header stands the hash of the file (`lockon._weights`). The header is read by walking the top level of the protobuf message (ONNX's
``ModelProto``, field 14 is `metadata_props`), which needs neither the `onnx` package nor a session.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lockon._files import pending_files
from lockon._require import install_command
from lockon._weights import METADATA_KEY, check_seal, parse_header
from lockon.errors import LockonError
from lockon.export.ports import PARTS, check_graphs

FORMAT = 2
HEADER_KEYS = ("format", "architecture", "config", "tracker", "licence", "data", "metrics", "git_revision", "graphs", "pair")

_METADATA_PROPS = 14  # ModelProto.metadata_props, repeated StringStringEntryProto {1: key, 2: value}
_VARINT, _LENGTH = 0, 2  # protobuf wire types
_FIXED = {1: 8, 5: 4}  # bytes of the wire types of a fixed length


def part_path(path: Path, part: str) -> Path:
    """Return a graph's file beside a search graph's file.

    Args:
        path: The search graph's file.
        part: One of `PARTS`.

    >>> part_path(Path("runs/siammask-r50.onnx"), "mask").name
    'siammask-r50.mask.onnx'
    """
    return path if part == "search" else path.with_name(f"{path.stem}.{part}{path.suffix}")


def model_files(path: Path) -> tuple[Path, ...]:
    """Return all files of the weights in `path`: the parts of an exported model (OpenVINO's with their constants), or the one file.

    Raises:
        LockonError: `path` is no model's main file, or no other part lies beside it.
    """
    if path.suffix not in (".onnx", ".xml"):
        return (path,)
    check_main(path, (".onnx", ".xml"))
    parts = [file for part in PARTS if (file := part_path(path, part)).is_file()]
    if len(parts) == 1:
        raise LockonError(f"{path} is alone, but a model is two files or more; copy all that `lockon export` wrote")
    return (*parts, *(part.with_suffix(".bin") for part in parts if part.suffix == ".xml"))


@contextmanager
def new_files(path: Path) -> Iterator[Path]:
    """Yield a temporary path for a new model; its files take the places of those of `path` when all of them are written.

    The main file comes last: a model is known by its path. An earlier model of this name may have had other parts.

    Args:
        path: The main file; its folder is made if missing.

    Raises:
        LockonError: The folder cannot be written.
    """
    with pending_files(path.parent, last=path.name) as folder:
        yield folder / path.name
        if any(folder.iterdir()):
            for part in PARTS:
                if not part_path(folder / path.name, part).exists():
                    part_path(path, part).unlink(missing_ok=True)


def check_main(path: Path, suffixes: tuple[str, ...]) -> None:
    """Check that `path` is the main file of a model, that of its search graph; its other parts are not looked for.

    Args:
        path: The file.
        suffixes: Suffixes of the files that the caller can run.

    Raises:
        LockonError: It is missing, torch weights, another part of a model, or of another type.
    """
    if path.suffix == ".safetensors":
        raise LockonError(
            f"{path} holds torch weights, expected {' or '.join(suffixes)}; "
            f"to run it, type: {install_command('torch')}; to deploy it: lockon export NAME --weights {path}"
        )
    if path.suffix not in suffixes:
        raise LockonError(
            f"{path} is not a deployed model; expected a file that ends in {' or '.join(suffixes)}, as `lockon export` writes"
        )
    for part in PARTS[1:]:
        if path.stem.endswith(f".{part}"):
            search = path.with_name(f"{path.stem.removesuffix(f'.{part}')}{path.suffix}")
            raise LockonError(f"{path} is the {part} part of a model; give its main file, {search}")
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the path of a model that `lockon export` wrote")


def check_header(path: Path, text: str | None) -> dict[str, Any]:
    """Parse and check the header of a file.

    Args:
        path: The file, for messages.
        text: The JSON in the file, or None where there is none.

    Raises:
        LockonError: No header, broken JSON, missing keys, or a format of another version.
    """
    if text is None:
        raise LockonError(f"{path} has no lockon header, so it is no lockon model; make one with `lockon export`")
    header = parse_header(path, text)
    if type(header.get("format")) is not int:
        raise LockonError(f"{path} has a damaged lockon header (no format number); export or copy the file again")
    if header["format"] != FORMAT:
        raise LockonError(
            f"{path} is of format {header['format']}, this version reads format {FORMAT}; update lockon or export the model again"
        )
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise LockonError(f"{path} has a lockon header without {', '.join(missing)}; export the model again")
    check_graphs(path, header["graphs"])
    return header


def read_sealed(path: Path) -> dict[str, Any]:
    """Check the hash of an ONNX file, and read its header.

    Raises:
        LockonError: As `read_header`; the content is not what was exported.
    """
    sealed = check_seal(path)
    header = read_header(path)
    if not sealed:
        raise unsealed(path)
    return header


def unsealed(path: Path) -> LockonError:
    """Return the error for a deployed file without a hash."""
    return LockonError(f"{path} has no hash, so nobody can tell whether its weights are damaged; export the model again")


def check_same_pair(path: Path, header: dict[str, Any], other: Path, other_header: dict[str, Any]) -> None:
    """Refuse two files that were not exported together.

    Args:
        path: The search graph's file.
        header: Its header.
        other: Another file of the model.
        other_header: Its header.

    Raises:
        LockonError: The `pair` ids differ.
    """
    if header["pair"] != other_header["pair"]:
        raise LockonError(
            f"{path.name} (pair {header['pair']}) and {other.name} (pair {other_header['pair']}) are of different exports; "
            "copy all files from one"
        )


def read_header(path: Path) -> dict[str, Any]:
    """Read the lockon header of an ONNX file.

    Raises:
        LockonError: Not ONNX or truncated, no header, or a header that this version cannot read.
    """
    try:
        text = _metadata(path).get(METADATA_KEY)
    except (EOFError, UnicodeDecodeError):
        raise LockonError(f"{path} is truncated or not ONNX ({path.stat().st_size} bytes); export or copy the file again") from None
    return check_header(path, text)


def _metadata(path: Path) -> dict[str, str]:
    """Read all of `ModelProto.metadata_props`.

    Raises:
        EOFError: The bytes are no protobuf message or end too early.
    """
    if path.stat().st_size == 0:
        raise EOFError
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        entries = [data[start:end] for field, wire, start, end in _fields(data) if (field, wire) == (_METADATA_PROPS, _LENGTH)]
    texts = [{field: entry[start:end].decode() for field, _, start, end in _fields(entry)} for entry in entries]
    return {text.get(1, ""): text.get(2, "") for text in texts}


def _fields(data: bytes | mmap.mmap) -> Iterator[tuple[int, int, int, int]]:
    """Yield number, wire type, start and end of the value of each field of a protobuf message.

    Raises:
        EOFError: The bytes are no such message.
    """
    end = 0
    while end < len(data):
        key, start = _varint(data, end)
        field, wire = divmod(key, 8)
        if wire == _LENGTH:
            length, start = _varint(data, start)
            end = start + length
        elif wire == _VARINT:
            end = _varint(data, start)[1]
        else:
            end = start + _FIXED.get(wire, len(data))
        if field == 0 or end > len(data):
            raise EOFError
        yield field, wire, start, end


def _varint(data: bytes | mmap.mmap, at: int) -> tuple[int, int]:
    """Return the number that begins at a byte, and where it ends."""
    value = 0
    for index, byte in enumerate(data[at : at + 10]):
        value |= (byte & 0x7F) << (7 * index)
        if byte < 0x80:
            return value, at + index + 1
    raise EOFError
