"""The JSON header inside deployed files, and the rule that joins the files of one model.

A model is deployed as two plain ONNX files: ``NAME.onnx`` matches search crops, ``NAME.template.onnx`` encodes template
crops. One with masks has a third, ``NAME.mask.onnx``. All carry the same header under the metadata key "lockon"; its `pair`
id is made from the weights, so that files of different exports are refused. The header is read by walking the top level of
the protobuf message (ONNX's ``ModelProto``, field 14 is `metadata_props`), which needs neither the `onnx` package nor a session.
"""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any, BinaryIO

from lockon.errors import LockonError

METADATA_KEY = "lockon"
FORMAT = 1
HEADER_KEYS = ("format", "architecture", "config", "tracker", "licence", "data", "metrics", "git_revision", "pair")

_METADATA_PROPS = 14  # ModelProto.metadata_props, repeated StringStringEntryProto {1: key, 2: value}
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # protobuf wire types


def template_path(path: Path) -> Path:
    """Return the template graph's file beside a search graph's file.

    >>> template_path(Path("runs/lockon-s.onnx")).name
    'lockon-s.template.onnx'
    """
    return part_path(path, "template")


def part_path(path: Path, part: str) -> Path:
    """Return a graph's file beside a search graph's file.

    Args:
        path: The search graph's file.
        part: "search", "template" or "mask".

    >>> part_path(Path("runs/siammask-r50.onnx"), "mask").name
    'siammask-r50.mask.onnx'
    """
    return path if part == "search" else path.with_name(f"{path.stem}.{part}{path.suffix}")


def model_files(path: Path) -> tuple[Path, ...]:
    """Return all files of the weights in `path`: the parts of an exported model (OpenVINO's with their constants), or the one file.

    Raises:
        LockonError: A part of an exported model is missing.
    """
    if path.suffix not in (".onnx", ".xml"):
        return (path,)
    mask = part_path(path, "mask")
    parts = (path, check_pair(path, (".onnx", ".xml")), *((mask,) if mask.is_file() else ()))
    return (*parts, *(part.with_suffix(".bin") for part in parts if part.suffix == ".xml"))


def check_pair(path: Path, suffixes: tuple[str, ...]) -> Path:
    """Return the template file that belongs to the search file `path`.

    Args:
        path: The search graph's file.
        suffixes: Suffixes of the files that the caller can run.

    Raises:
        LockonError: Either file is missing, `path` is torch weights, the template graph itself, or of another type.
    """
    if path.suffix == ".safetensors":
        raise LockonError(
            f"{path} holds torch weights, expected {' or '.join(suffixes)}; "
            f"install lockon[torch] to run it, or type: lockon export NAME --weights {path}"
        )
    if path.suffix not in suffixes:
        raise LockonError(
            f"{path} is not a deployed model; expected a file that ends in {' or '.join(suffixes)}, as `lockon export` writes"
        )
    parts = {"template": "the template half of a model; give the other half", "mask": "the mask part of a model; give its search part"}
    for part, advice in parts.items():
        if path.stem.endswith(f".{part}"):
            search = path.with_name(f"{path.stem.removesuffix(f'.{part}')}{path.suffix}")
            raise LockonError(f"{path} is {advice}, {search}")
    template = template_path(path)
    if not path.is_file():
        raise LockonError(f"{path} does not exist; give the path of a model that `lockon export` wrote")
    if not template.is_file():
        raise LockonError(f"{template} is missing beside {path}; a model is these two files, copy both")
    return template


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
    try:
        header = json.loads(text)
    except json.JSONDecodeError:
        raise LockonError(f"{path} has a damaged lockon header; export or copy the file again") from None
    if not isinstance(header, dict) or not isinstance(header.get("format"), int):
        raise LockonError(f"{path} has a damaged lockon header (no format number); export or copy the file again")
    if header["format"] != FORMAT:
        raise LockonError(
            f"{path} is of format {header['format']}, this version reads format {FORMAT}; update lockon or export the model again"
        )
    missing = [key for key in HEADER_KEYS if key not in header]
    if missing:
        raise LockonError(f"{path} has a lockon header without {', '.join(missing)}; export the model again")
    return header


def check_same_pair(path: Path, header: dict[str, Any], template: Path, template_header: dict[str, Any]) -> None:
    """Refuse two files that were not exported together.

    Args:
        path: The search graph's file.
        header: Its header.
        template: Another file of the model.
        template_header: Its header.

    Raises:
        LockonError: The `pair` ids differ.
    """
    if header["pair"] != template_header["pair"]:
        raise LockonError(
            f"{path.name} (pair {header['pair']}) and {template.name} (pair {template_header['pair']}) are of different exports; "
            "copy both files from one"
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
    properties: dict[str, str] = {}
    size = path.stat().st_size
    if size == 0:
        raise EOFError
    with path.open("rb") as file:
        while file.tell() < size:
            field, wire = divmod(_varint(file), 8)
            if field == 0:
                raise EOFError
            if field == _METADATA_PROPS and wire == _LENGTH:
                key, value = _entry(_take(file, size))
                properties[key] = value
            else:
                _skip(file, wire, size)
    return properties


def _varint(file: BinaryIO) -> int:
    value = 0
    for shift in range(0, 70, 7):
        byte = file.read(1)
        if not byte:
            raise EOFError
        value |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return value
    raise EOFError


def _take(file: BinaryIO, size: int) -> bytes:
    length = _varint(file)
    if file.tell() + length > size:
        raise EOFError
    return file.read(length)


def _skip(file: BinaryIO, wire: int, size: int) -> None:
    if wire == _VARINT:
        _varint(file)
        return
    if wire == _LENGTH:
        length = _varint(file)
    elif wire in (_FIXED64, _FIXED32):
        length = 8 if wire == _FIXED64 else 4
    else:
        raise EOFError
    if file.tell() + length > size:
        raise EOFError
    file.seek(length, 1)


def _entry(data: bytes) -> tuple[str, str]:
    """Return key and value of one StringStringEntryProto."""
    file = io.BytesIO(data)
    fields: dict[int, str] = {}
    while file.tell() < len(data):
        field, wire = divmod(_varint(file), 8)
        if wire != _LENGTH:
            raise EOFError
        fields[field] = _take(file, len(data)).decode("utf-8")
    return fields.get(1, ""), fields.get(2, "")
