"""A miniature root of every benchmark: one sequence in the layout in which users have it, so that tests can be tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tiny_layouts import HEIGHT, WIDTH, make_davis, mask_of, write_image, write_lines

Line = Callable[[int], str]
BOX = (2.0, 3.0, 5.0, 6.0)  # 0-based; frame i has it i pixels further to the right


def xywh(origin: int) -> Line:
    return lambda index: f"{BOX[0] + index + origin:g},{BOX[1] + origin:g},{BOX[2]:g},{BOX[3]:g}"


def vatic(index: int) -> str:
    x, y, w, h = BOX
    return f'0 {x + index:g} {y:g} {x + index + w:g} {y + h:g} {index + 1} 0 0 0 "sports ball"'


def vot_mask(index: int) -> str:
    x, y, w, h = map(int, BOX)
    return f"m{x + index},{y},{w},{h},0,{w * h}"


@dataclass(frozen=True)
class Tiny:
    """Where one sequence of a benchmark lies, relative to the dataset's folder.

    images: pattern of the images. truth: the annotation. line: text of frame i's box. first: number of the first image.
    first_only: the benchmark gives the first box alone. fixed: the number of the first image is known to the reader.
    """

    sequence: str
    images: str
    truth: str
    line: Line
    first: int = 1
    first_only: bool = False

    def image(self, root: Path, index: int) -> Path:
        return root / self.images.format(self.first + index)

    def lines(self, count: int) -> list[str]:
        return [self.line(index) for index in range(1 if self.first_only else count)]

    def build(self, root: Path, count: int = 4, lines: Sequence[str] | None = None, *, images: bool = True) -> Path:
        for index in range(count if images else 0):
            write_image(self.image(root, index), 10 * (index + 1))
        write_lines(root / self.truth, self.lines(count) if lines is None else lines)
        return root


def folders(name: str, images: str, truth: str, line: Line, **more: int | bool) -> Tiny:
    return Tiny(name, f"{name}/{images}", f"{name}/{truth}", line, **more)  # type: ignore[arg-type]


OTB = folders("Car9", "img/{:04d}.jpg", "groundtruth_rect.txt", xywh(1))
VOT = folders("book9", "color/{:08d}.jpg", "groundtruth.txt", xywh(0))
BENCHMARKS: dict[str, Tiny] = {
    "OTB100": OTB,
    "OTB50": OTB,
    "TinyTLP": OTB,
    "TLP": OTB,
    "AntiUAV": OTB,
    "DTB70": folders("Gull9", "img/{:05d}.jpg", "groundtruth_rect.txt", xywh(1)),
    "UAV123": Tiny("bus9", "data_seq/UAV123/bus9/{:06d}.jpg", "anno/UAV123/bus9.txt", xywh(1)),
    "UAV123_10fps": Tiny("bus9", "data_seq/UAV123_10fps/bus9/{:06d}.jpg", "anno/UAV123_10fps/bus9.txt", xywh(1)),
    "UAV20L": Tiny("car1", "data_seq/UAV123/car1/{:06d}.jpg", "anno/UAV20L/car1.txt", xywh(1)),
    "UAVDT": Tiny("S9901", "UAV-benchmark-S/S9901/img{:06d}.jpg", "UAV-benchmark-SOT_v1.0/anno/S9901_gt.txt", xywh(0)),
    "TC128": folders("Ball_ce9", "img/{:04d}.jpg", "Ball_ce9_gt.txt", xywh(1)),
    "NFS30": folders("airboard", "30/airboard/{:05d}.jpg", "30/airboard.txt", vatic),
    "NFS240": folders("airboard", "240/airboard/{:05d}.jpg", "240/airboard.txt", vatic),
    "VOT2016": VOT,
    "VOT2017": VOT,
    "VOT2018": VOT,
    "VOT2019": VOT,
    "VOT2020": folders("book9", "color/{:08d}.jpg", "groundtruth.txt", vot_mask),
    "GOT10k_val": folders("GOT-10k_Val_000001", "{:08d}.jpg", "groundtruth.txt", xywh(0)),
    "GOT10k_test": folders("GOT-10k_Test_000001", "{:08d}.jpg", "groundtruth.txt", xywh(0), first_only=True),
    "GOT10k_train": folders("GOT-10k_Train_000001", "{:08d}.jpg", "groundtruth.txt", xywh(0)),
    "LaSOT": Tiny("airplane-1", "airplane/airplane-1/img/{:08d}.jpg", "airplane/airplane-1/groundtruth.txt", xywh(1)),
    "LaSOT_train": Tiny("airplane-2", "airplane/airplane-2/img/{:08d}.jpg", "airplane/airplane-2/groundtruth.txt", xywh(1)),
    "TrackingNet": Tiny("aBc_9", "TEST/frames/aBc_9/{}.jpg", "TEST/anno/aBc_9.txt", xywh(0), first=0, first_only=True),
    "TrackingNet_train": Tiny("aBc_9", "TRAIN_3/frames/aBc_9/{}.jpg", "TRAIN_3/anno/aBc_9.txt", xywh(0), first=0),
    "TNL2K": folders("advSamp_9", "imgs/{:05d}.png", "groundtruth.txt", xywh(0)),
    "DAVIS2016": Tiny("dog", "JPEGImages/480p/dog/{:05d}.jpg", "JPEGImages/480p/dog/boxes.txt", xywh(1), first=0),
    "DAVIS2017": Tiny("dog", "JPEGImages/480p/dog/{:05d}.jpg", "JPEGImages/480p/dog/boxes.txt", xywh(1), first=0),
}


def build(name: str, root: Path, count: int = 4, lines: Sequence[str] | None = None) -> Tiny:
    """The miniature root of one benchmark; DAVIS has masks too."""
    tiny = BENCHMARKS[name]
    if name.startswith("DAVIS"):
        x, y, w, h = map(int, BOX)
        make_davis(root, tiny.sequence, [mask_of(x + index, y, w, h, 1) for index in range(count)])
    tiny.build(root, count, lines)
    return tiny


def boxes(tiny: Tiny, count: int) -> np.ndarray:
    """(count, 4) boxes that the reader must give."""
    found = np.tile(np.array(BOX), (count, 1))
    found[:, 0] += np.arange(count)
    if tiny.first_only:
        found[1:] = np.nan
    return found


assert BOX[0] + 3 + BOX[2] <= WIDTH
assert BOX[1] + BOX[3] <= HEIGHT
