"""How many videos one file holds: OpenCV reads the first one and says nothing of others.

MP4 and Matroska list their tracks, MPEG transport streams their programs (ISO/IEC 13818-1, 2.4.4), and the heads of other files hold a
mark per stream.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from lockon.video_containers import count_tracks, transport_packets

_HEAD = 1 << 20  # bytes; a transport stream lists its programs ten times a second
_VIDEO_TYPES = frozenset({0x01, 0x02, 0x10, 0x1B, 0x21, 0x24, 0x33, 0x42, 0xD1, 0xEA})  # MPEG-1, -2, -4, H.264, JPEG 2000, HEVC, VVC, ...
_MARKS = {  # first bytes of a file: what its head holds once per video stream
    b"RIFF": rb"strh.{4}vids",
    b"OggS": rb"OggS\x00\x02.{21,29}\x80theora",
    b"\x30\x26\xb2\x75": rb"\x91\x07\xdc\xb7\xb7\xa9\xcf\x11\x8e\xe6\x00\xc0\x0c\x20\x53\x65.{8}\xc0\xef\x19\xbc",  # ASF: WMV
}


def count_streams(path: Path) -> int:
    """Return the number of video streams of a file; 0 where its kind does not tell."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if (place := transport_packets(head)) is not None:
        return len(_transported(head, *place))
    if head[:4] == b"\0\0\1\xba":  # MPEG-PS: each packet has the number of its stream; once is chance
        return sum(count > 1 for count in Counter(re.findall(rb"\x00\x00\x01[\xe0-\xef]", head)).values())
    mark = _MARKS.get(head[:4])
    return count_tracks(path) if mark is None else len(re.findall(mark, head[: 1 << 16], re.DOTALL))


def _transported(head: bytes, start: int, step: int) -> set[int]:
    """Return the packet identifiers of the videos in a transport stream.

    Args:
        head: Its first bytes.
        start: Where the first packet begins.
        step: Bytes from packet to packet.
    """
    sections: dict[int, bytes] = {}  # as far as they were read
    awaited, videos = {0}, set[int]()  # tables that were not read yet, that of the programs first
    for place in range(start, len(head) - 187, step):
        packet = head[place : place + 188]
        identifier = int.from_bytes(packet[1:3], "big") & 0x1FFF
        if identifier not in awaited or not packet[3] & 16:
            continue
        content = packet[5 + packet[4] :] if packet[3] & 32 else packet[4:]
        begins = packet[1] & 64 and content
        section = content[1 + content[0] :] if begins else sections.get(identifier, b"") + content
        if not begins and identifier not in sections:
            continue
        sections[identifier] = section
        end = 3 + (int.from_bytes(section[1:3], "big") & 0xFFF)
        if len(section) < max(end, 12):
            continue
        awaited.remove(identifier)
        if identifier == 0:
            awaited |= _programs(section[8 : end - 4])
        else:
            videos |= _videos(section[12 + (int.from_bytes(section[10:12], "big") & 0xFFF) : end - 4])
        if not awaited:
            break
    return videos


def _programs(entries: bytes) -> set[int]:
    """Return the packet identifiers of the tables of the programs."""
    fields = [(int.from_bytes(entries[at : at + 2], "big"), entries[at + 2 : at + 4]) for at in range(0, len(entries) - 3, 4)]
    return {int.from_bytes(identifier, "big") & 0x1FFF for program, identifier in fields if program}  # program 0 is none


def _videos(entries: bytes) -> set[int]:
    """Return the packet identifiers of the videos among the streams of one program."""
    videos, at = set(), 0
    while at + 5 <= len(entries):
        if entries[at] in _VIDEO_TYPES:
            videos.add(int.from_bytes(entries[at + 1 : at + 3], "big") & 0x1FFF)
        at += 5 + (int.from_bytes(entries[at + 3 : at + 5], "big") & 0xFFF)
    return videos


__all__ = ["count_streams"]
