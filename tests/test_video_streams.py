"""Transport streams made by hand: how many videos their tables list; `test_video_containers.py` has files of all kinds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from lockon.video_streams import count_streams

H264, HEVC, AAC, PRIVATE = 0x1B, 0x24, 0x0F, 0x06


def section(table: int, body: bytes) -> bytes:
    """A table as ISO/IEC 13818-1 2.4.4 has it: five bytes of numbers, the body, a checksum that nobody reads."""
    return bytes([table]) + (0xB000 | len(body) + 9).to_bytes(2, "big") + b"\0\1\xc1\0\0" + body + b"\0\0\0\0"


def packets(identifier: int, table: bytes, before: int = 0) -> Iterator[bytes]:
    """The packets of 188 bytes that carry a table, the first one with `before` bytes of an adaptation field."""
    content = b"\0" + table
    for number in itertools.count():
        if not content:
            return
        field = bytes([before, *[0] * before]) if number == 0 and before else b""
        room = 184 - len(field)
        head = b"G" + (identifier | (0x4000 if number == 0 else 0)).to_bytes(2, "big") + bytes([0x30 if field else 0x10])
        yield (head + field + content[:room]).ljust(188, b"\xff")
        content = content[room:]


def stream(programs: Mapping[int, list[tuple[int, int]]], note: bytes = b"", before: int = 0) -> bytes:
    """A transport stream: the kinds and identifiers of the streams of each program, whose table has the identifier 4096 + its number."""
    entries = b"".join(number.to_bytes(2, "big") + (0xE000 | 4096 + number).to_bytes(2, "big") for number in programs)
    parts = [b"G\x1f\xff\x10" + bytes(184), *packets(0, section(0, b"\0\0\xe0\x10" + entries))]  # program 0 is no program
    for number, members in programs.items():
        streams = b"".join(bytes([kind]) + (0xE000 | place).to_bytes(2, "big") + b"\xf0\x03abc" for kind, place in members)
        body = b"\xe1\x00" + (0xF000 | len(note)).to_bytes(2, "big") + note + streams
        parts += packets(4096 + number, section(2, body), before)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (stream({1: [(H264, 256), (AAC, 257)]}), 1),
        (stream({1: [(H264, 256), (AAC, 257), (HEVC, 258)]}), 2),
        (stream({1: [(H264, 256)], 2: [(AAC, 258), (H264, 257)], 7: [(HEVC, 300)]}), 3),
        (stream({1: [(H264, 256)], 2: [(H264, 256)]}), 1),
        (stream({1: [(AAC, 256), (PRIVATE, 257)]}), 0),
        (stream({1: [(H264, 256), (H264, 257)]}, note=bytes(400)), 2),
        (stream({1: [(H264, 256), (H264, 257)]}, before=160), 2),
        (stream({1: [(H264, 256)] + [(AAC, place) for place in range(300, 350)] + [(H264, 257)]}), 2),
        (stream({1: [(H264, 256), (H264, 257)]})[:-1], 0),
        (stream({}), 0),
        (bytes(range(256)) * 4, 0),
        (b"", 0),
    ],
)
@pytest.mark.parametrize("step", [188, 192])
def test_the_videos_of_all_programs_are_counted(tmp_path: Path, content: bytes, count: int, step: int) -> None:
    path = tmp_path / "a.ts"
    parts = [content[place : place + 188] for place in range(0, len(content), 188)]
    path.write_bytes(b"".join(bytes(step - 188) + part for part in parts))
    assert count_streams(path) == count


def test_what_lies_before_the_first_table_is_passed_over(tmp_path: Path) -> None:
    tables = stream({1: [(H264, 256), (H264, 257)]}, note=bytes(300))
    rest = list(packets(4097, section(2, bytes(300))))[1]  # the end of a table whose beginning was cut off
    (tmp_path / "a.ts").write_bytes(rest + tables[188:376] + rest + tables[376:])
    assert count_streams(tmp_path / "a.ts") == 2
