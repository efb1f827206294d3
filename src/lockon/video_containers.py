"""Facts of a video file that OpenCV does not pass on: the kind of file, and the time stamps of MP4 and Matroska.

OpenCV gives the stamps of packets, too, but leaves out those of H.264 and HEVC that are broken from their first bytes on,
and ignores what an edit list hides.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

_SCALE, _TIME, _TRACK_NUMBER, _TRACK_TYPE, _SIMPLE_BLOCK, _BLOCK = 0x2AD7B1, 0xE7, 0xD7, 0x83, 0xA3, 0xA1
_NESTED = {0x18538067, 0x1F43B675, 0xA0, 0x1654AE6B, 0xAE, 0x1549A966}  # segment, cluster, block group, tracks, track, info

Span = tuple[int, int]  # first byte, and the one after the last


@dataclass(frozen=True, slots=True)
class Container:
    """The facts about a kind of file that decide how its stamps are read.

    Attributes:
        counted: Whether its header has a count of pictures; elsewhere the count is a duration times a rate.
        stamps: Whether packets have the time at which they are "shown", or that at which they are "decoded", or neither.
        fields: Whether a picture may be two packets, one per field.
        promised: Whether its header states a duration that a file keeps when it is cut; elsewhere the duration is that of what is there.
        start: Time of the first packet in ms, which the duration in the header includes.
        matroska: Whether it is Matroska or WebM.
    """

    counted: bool = False
    stamps: Literal["shown", "decoded", "none"] = "shown"
    fields: bool = False
    promised: bool = False
    start: float = 0.0
    matroska: bool = False


def read_container(path: Path) -> Container:
    """Return the kind of a video file by its first bytes."""
    with path.open("rb") as file:
        head = file.read(200)
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return Container(counted=True)
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        return Container(counted=True, stamps="decoded")
    if head[:4] == b"\x00\x00\x01\xba":  # MPEG-PS stamps some packets only
        return Container(stamps="none")
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return Container(promised=True, start=next(matroska_stamps(path), 0.0), matroska=True)
    if head[:3] == b"FLV":
        return Container(promised=True)
    return Container(fields=transport_packets(head) is not None)


def transport_packets(head: bytes) -> tuple[int, int] | None:
    """Return where the packets of an MPEG transport stream begin and how many bytes are from one to the next; None for other files."""
    for start, step in ((0, 188), (4, 192)):  # the latter as of Blu-ray and AVCHD, with a time before each packet
        if head[start : start + 1] == b"G" == head[start + step : start + step + 1]:
            return start, step
    return None


def last_stamp(path: Path, container: Container) -> float:
    """Return the time in ms of the last packet of any stream, sound included, of a file whose container is `promised`."""
    if container.matroska:
        return max(matroska_stamps(path, every=True), default=0.0)
    with path.open("rb") as file:  # FLV ends with the length of its last tag
        size = path.stat().st_size
        file.seek(max(size - 4, 0))
        start = size - 4 - int.from_bytes(file.read(4), "big")
        file.seek(max(start, 0))
        tag = file.read(8)
    return float(int.from_bytes(tag[7:] + tag[4:7], "big")) if start > 0 and tag[0] in (8, 9, 18) else 0.0


def count_tracks(path: Path) -> int:
    """Return the number of video tracks of an MP4, MOV, Matroska or WebM file; 0 for other files."""
    streams = 0
    with path.open("rb") as file:
        try:
            for track in _boxes(file, ("moov", "trak"), (0, path.stat().st_size)):
                codec = _content(file, track, "mdia", "minf", "stbl", "stsd")[12:16]  # still pictures mark chapters
                streams += _content(file, track, "mdia", "hdlr")[8:12] == b"vide" and codec not in (b"jpeg", b"png ")
        except struct.error:
            return 0
        file.seek(0)
        while (header := _element(file)) is not None and header[0] not in (_TIME, _SIMPLE_BLOCK, _BLOCK):
            name, length = header
            if name == _TRACK_TYPE:
                streams += file.read(length) == b""
            elif name not in _NESTED:
                file.seek(length, os.SEEK_CUR)
    return streams


def matroska_stamps(path: Path, *, every: bool = False) -> Iterator[float]:
    """Yield the time in ms of each block of the first video track of a Matroska or WebM file, damaged or not, as it lies there.

    Args:
        path: The file.
        every: Of every track, sound included.
    """
    size = path.stat().st_size
    scale, track, entry, cluster = 1_000_000, b"", b"", 0
    with path.open("rb") as file:
        while (header := _element(file)) is not None:
            name, length = header
            if name in _NESTED:
                continue
            if name in (_SIMPLE_BLOCK, _BLOCK):
                start = file.tell()
                head = file.read(4)
                if (every or head[:1] == track) and start + length <= size:
                    yield (cluster + int.from_bytes(head[1:3], "big", signed=True)) * scale / 1e6
                file.seek(start + length)
            elif name in (_SCALE, _TIME, _TRACK_NUMBER, _TRACK_TYPE) and length <= 8:
                value = int.from_bytes(file.read(length), "big")
                if name == _SCALE:
                    scale = value
                elif name == _TIME:
                    cluster = value
                elif name == _TRACK_NUMBER:
                    entry = bytes([value | 0x80]) if value < 127 else b""
                elif value == 1 and not track:
                    track = entry
            else:
                file.seek(length, os.SEEK_CUR)


def _element(file: BinaryIO) -> tuple[int, int] | None:
    """Read the name and the length of a Matroska element; None at the end and where the file is damaged."""
    first = file.read(1)
    width = 9 - first[0].bit_length() if first else 9
    if width > 4:
        return None
    name = int.from_bytes(first + file.read(width - 1), "big")
    first = file.read(1)
    width = 9 - first[0].bit_length() if first else 9
    if width > 8:
        return None
    length = int.from_bytes(first + file.read(width - 1), "big") - (1 << 7 * width)
    return (name, length) if length >= 0 else None


def mp4_stamps(path: Path, count: int) -> NDArray[np.float64] | None:
    """Return when each picture of an MP4 or MOV file is shown, in ms from the first one on, ascending.

    Args:
        path: The file.
        count: Number of samples of the track in question.

    Returns:
        (n,) of the pictures that the edit list shows; None where the header does not list them (fragments).
    """
    try:
        with path.open("rb") as file:
            for track in _boxes(file, ("moov", "trak"), (0, path.stat().st_size)):
                if _content(file, track, "mdia", "hdlr")[8:12] != b"vide":
                    continue
                stamps = _stamps(file, track)
                if len(stamps) == count > 0:
                    (scale,) = struct.unpack_from(">I", (media := _content(file, track, "mdia", "mdhd")), 20 if media[0] == 1 else 12)
                    kept = np.sort(_shown(stamps, _content(file, track, "edts", "elst")))
                    return (kept - kept[0]) * 1000.0 / scale if len(kept) and scale else None
    except (struct.error, IndexError, ValueError, OSError):
        return None
    return None


def mp4_parameters(path: Path) -> bytes:
    """Return the sequence parameters of the H.264 video in an MP4 or MOV file as a packet, empty where it states none."""
    try:
        with path.open("rb") as file:
            for track in _boxes(file, ("moov", "trak"), (0, path.stat().st_size)):
                description = _content(file, track, "mdia", "minf", "stbl", "stsd")
                place = description.find(b"avcC")
                if place >= 0:
                    return b"\x00\x00\x01" + description[place + 12 :]
    except (struct.error, OSError):
        pass
    return b""


def _stamps(file: BinaryIO, track: Span) -> NDArray[np.int64]:
    """Return the time of each sample, in units of the track, in the order of decoding."""
    table = ("mdia", "minf", "stbl")
    runs = _pairs(_content(file, track, *table, "stts"), ">u4")
    if int(runs[:, 0].sum()) > 1 << 27:
        return np.zeros(0, np.int64)
    steps = np.repeat(runs[:, 1], runs[:, 0])
    times = np.cumsum(steps) - steps
    offsets = _pairs(_content(file, track, *table, "ctts"), ">i4")
    if len(offsets) and int(offsets[:, 0].sum()) == len(times):
        times = times + np.repeat(offsets[:, 1], offsets[:, 0])
    return np.asarray(times, dtype=np.int64)


def _pairs(content: bytes, kind: str) -> NDArray[np.int64]:
    return np.frombuffer(content[8 : 8 + (len(content) - 8) // 8 * 8], dtype=kind).reshape(-1, 2).astype(np.int64)


def _shown(stamps: NDArray[np.int64], edits: bytes) -> NDArray[np.int64]:
    """Return the stamps from where an edit list begins to show the track."""
    if len(edits) < 8:
        return stamps
    form, size = (">Qq", 20) if edits[0] == 1 else (">Ii", 12)
    starts = [struct.unpack_from(form, edits, 8 + size * index)[1] for index in range((len(edits) - 8) // size)]
    played = [start for start in starts if start >= 0]
    return stamps[stamps >= played[0]] if len(played) == 1 else stamps


def _content(file: BinaryIO, inside: Span, *names: str) -> bytes:
    found = next(_boxes(file, names, inside), None)
    if found is None:
        return b""
    file.seek(found[0])
    return file.read(found[1] - found[0])


def _boxes(file: BinaryIO, names: tuple[str, ...], inside: Span) -> Iterator[Span]:
    """Yield the content of the boxes that lie in one another by these names."""
    position, end = inside
    while position + 8 <= end:
        file.seek(position)
        size, name = struct.unpack(">I4s", file.read(8))
        start = position + 8
        if size == 1:
            (size,) = struct.unpack(">Q", file.read(8))
            start += 8
        stop = end if size == 0 else min(position + size, end)
        if stop < start:
            return
        if name == names[0].encode():
            if len(names) == 1:
                yield start, stop
            else:
                yield from _boxes(file, names[1:], (start, stop))
        position = stop


def may_be_interlaced(packet: bytes) -> bool:
    """Return whether the first packet of an H.264 or MPEG-2 video says that its pictures may be interlaced."""
    place = packet.find(b"\x00\x00\x01\xb5")
    while place >= 0:  # MPEG-2: the sequence extension
        if packet[place + 4 : place + 5] and packet[place + 4] >> 4 == 1:
            return not packet[place + 5 : place + 6] or not packet[place + 5] & 8
        place = packet.find(b"\x00\x00\x01\xb5", place + 4)
    place = packet.find(b"\x00\x00\x01")
    while place >= 0:  # H.264: the sequence parameters
        unit = packet[place + 3 : place + 80]
        if unit and unit[0] & 31 == 7:
            return _has_fields(unit[1:].replace(b"\x00\x00\x03", b"\x00\x00"))
        place = packet.find(b"\x00\x00\x01", place + 3)
    return False


def _has_fields(parameters: bytes) -> bool:
    bits = "".join(f"{byte:08b}" for byte in parameters)
    position = 24  # profile, constraints, level

    def number() -> int:
        nonlocal position
        zeros = bits.index("1", position) - position
        position += 2 * zeros + 1
        return int(bits[position - zeros - 1 : position], 2) - 1

    try:
        number()
        if parameters[0] in (44, 83, 86, 100, 110, 118, 122, 128, 138, 139, 134, 135, 244):
            position += number() == 3  # chroma format
            number(), number()  # bit depths
            position += 1
            if bits[position] == "1":  # scaling matrices, which cameras do not write
                return True
            position += 1
        number()
        order = number()
        if order == 0:
            number()
        elif order == 1:
            position += 1
            number(), number()
            for _ in range(number()):
                number()
        number()
        position += 1
        number(), number()
        return bits[position] == "0"
    except (ValueError, IndexError):
        return True
