"""Box rows, and the two box formats that need all of them at once: COCO JSON and CVAT for video 1.1 XML.

COCO: https://cocodataset.org/#format-data (with `score`, `track_id` and `state` added to each annotation).
CVAT: https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/ (annotations for videos).
"""

from __future__ import annotations

import json
import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO
from xml.sax.saxutils import escape

from lockon._shown import shown
from lockon.box_columns import BoxRow, decimal
from lockon.types import State

_STATES: tuple[State, ...] = ("tracked", "uncertain", "lost")
_OFF_LINE = 0.498  # pixels; with what rounding to 0.001 adds, half a pixel
_FIELDS = 7  # frame, x, y, w, h, score, number of the state


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """Facts about the video that COCO and CVAT files state.

    Attributes:
        name: The video's name.
        width: Width of the frames in pixels.
        height: Height of the frames in pixels.
        count: Number of frames, or None where it is unknown.
        images: Names of the image files in frame order, where the frames are images of a folder.
    """

    name: str
    width: int
    height: int
    count: int | None = None
    images: Sequence[str] = ()

    def image_name(self, frame: int) -> str:
        """Return the name of the image of a frame: its file's, or for a video one that is made up, such as clip.mp4/000012.jpg."""
        if frame < len(self.images):
            return self.images[frame]
        stem = self.name.replace("\\", "/").rstrip("/").rpartition("/")[2]
        return f"{stem}/{frame:06d}.jpg"


class BoxTable:
    """A table of rows kept as plain numbers, 56 bytes each, by target."""

    def __init__(self) -> None:
        self._numbers: defaultdict[int, array[float]] = defaultdict(lambda: array("d"))

    def add(self, row: BoxRow) -> None:
        """Keep one row; the rows of a target come in rising frame order."""
        self._numbers[row.target].extend((row.frame, row.x, row.y, row.w, row.h, row.score, _STATES.index(row.state)))

    def targets(self) -> list[int]:
        """Return the numbers of the targets that have rows."""
        return sorted(self._numbers)

    def last(self, target: int) -> BoxRow:
        """Return the last row of a target that has rows."""
        return self._row(target, self._numbers[target][-_FIELDS:])

    def rows(self, target: int) -> Iterator[BoxRow]:
        """Return the rows of one target in order."""
        numbers = self._numbers[target]
        for start in range(0, len(numbers), _FIELDS):
            yield self._row(target, numbers[start : start + _FIELDS])

    @staticmethod
    def _row(target: int, numbers: array[float]) -> BoxRow:
        frame, x, y, w, h, score, state = numbers
        return BoxRow(int(frame), target, x, y, w, h, score, _STATES[int(state)])


def write_coco(out: TextIO, info: VideoInfo, table: BoxTable) -> None:
    """Write COCO JSON: one image per frame, one annotation per target that is not lost, ids from 1, one category "target"."""
    frames = sorted({row.frame for target in table.targets() for row in table.rows(target)})
    visible = (row for target in table.targets() for row in table.rows(target) if row.state != "lost")
    out.write(
        '{"info":' + json.dumps({"description": f"lockon: {info.name}"}) + ',\n"categories":[{"id":1,"name":"target"}],\n"images":[\n'
    )
    size = f'"width":{info.width},"height":{info.height}'
    out.write(",\n".join(f'{{"id":{frame},"file_name":{json.dumps(info.image_name(frame))},{size}}}' for frame in frames))
    out.write('\n],\n"annotations":[\n')
    for number, row in enumerate(visible, start=1):
        box = ",".join(row.box_texts())
        out.write(
            f'{"" if number == 1 else "," + chr(10)}{{"id":{number},"image_id":{row.frame},"category_id":1,"track_id":{row.target},'
            f'"bbox":[{box}],"area":{decimal(row.w * row.h, 3)},"iscrowd":0,"score":{row.score_text()},"state":"{row.state}"}}'
        )
    out.write("\n]}\n")


def write_cvat(out: TextIO, info: VideoInfo, table: BoxTable) -> None:
    """Write CVAT for video 1.1: one track per target; lost is outside="1".

    Key frames stand where a target appears or is lost, and where its box leaves the straight line between two of them (CVAT
    interpolates in between) by half a pixel.
    Where tracking ended before the video's last frame, an outside box ends the track, which CVAT would prolong otherwise.
    """
    last = max(row.frame for target in table.targets() for row in table.rows(target))
    size = max(info.count or 0, last + 1)
    out.write(
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n<version>1.1</version>\n<meta><task>'
        f"<name>{escape(shown(info.name))}</name><size>{size}</size><mode>interpolation</mode>"
        f"<start_frame>0</start_frame><stop_frame>{size - 1}</stop_frame>"
        "<labels><label><name>target</name><attributes></attributes></label></labels>"
        f"<original_size><width>{info.width}</width><height>{info.height}</height></original_size></task></meta>\n"
    )
    for target in table.targets():
        out.write(f'<track id="{target}" label="target" source="auto">\n')
        for row in key_frames(table.rows(target)):
            out.write(_cvat_box(row, outside=row.state == "lost"))
        end = table.last(target)
        if end.frame + 1 < size and end.state != "lost":
            out.write(_cvat_box(end._replace(frame=end.frame + 1), outside=True))
        out.write("</track>\n")
    out.write("</annotations>\n")


def key_frames(rows: Iterable[BoxRow]) -> Iterator[BoxRow]:
    """Yield the rows between which straight lines lead past all others, each border within half a pixel.

    Of a stretch of lost rows the first one stands; the last row before it and the first one after it are always there.

    Args:
        rows: Of one target, in rising frame order.
    """
    key: BoxRow | None = None  # the last one that was yielded
    end: BoxRow | None = None  # the last one that was seen, not yielded
    low, high = [-math.inf] * 4, [math.inf] * 4  # slopes of the borders that lead from `key` past the rows since
    for row in rows:
        if key is not None and row.state == key.state == "lost":
            continue
        if key is None or "lost" in (row.state, key.state):
            if end is not None:
                yield end
            yield row
            key, end, low, high = row, None, [-math.inf] * 4, [math.inf] * 4
            continue
        if end is not None and not all(a <= slope <= b for a, slope, b in zip(low, _slopes(key, row, 0.0), high, strict=True)):
            yield end
            key, low, high = end, [-math.inf] * 4, [math.inf] * 4
        low = list(map(max, low, _slopes(key, row, -_OFF_LINE)))
        high = list(map(min, high, _slopes(key, row, _OFF_LINE)))
        end = row
    if end is not None:
        yield end


def _slopes(key: BoxRow, row: BoxRow, shift: float) -> list[float]:
    """Return how far the left, upper, right and lower border move per frame from `key` to `row`, when `row` is shifted."""
    before, after = ((box.x, box.y, box.x + box.w, box.y + box.h) for box in (key, row))
    return [(b + shift - a) / (row.frame - key.frame) for a, b in zip(before, after, strict=True)]


def _cvat_box(row: BoxRow, outside: bool) -> str:
    left, top, right, bottom = (decimal(value, 3) for value in (row.x, row.y, row.x + row.w, row.y + row.h))
    return (
        f'<box frame="{row.frame}" keyframe="1" outside="{int(outside)}" occluded="0" '
        f'xtl="{left}" ytl="{top}" xbr="{right}" ybr="{bottom}" z_order="0"></box>\n'
    )


__all__ = ["BoxRow", "BoxTable", "VideoInfo", "decimal", "key_frames", "write_coco", "write_cvat"]
