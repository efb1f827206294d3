"""Miniatures of the datasets that trackers are trained on, each in the raw layout in which it is unpacked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from tiny_benchmarks import build
from tiny_layouts import make_otb, make_stills, still, write_image, write_lines

SIZE = (200, 100)  # width, height of the images made here


def make_coco(root: Path, *, inside: str = "train2017") -> Path:
    """Three images: two objects (one a crowd, one without width), one object, none."""
    images = [{"id": number, "file_name": f"{number:012d}.jpg", "width": 200, "height": 100} for number in (9, 25, 30)]
    polygon = [[10.5, 20.25, 40.5, 20.25, 40.5, 60.25, 10.5, 60.25]]
    counts = [100 * 100 + 50, 10] + [90, 10] * 19 + [40 + 100 * 80]  # 20 x 10 pixels at x = 100, y = 50, column by column
    shapes = {(25, 0): polygon, (9, 2): {"counts": counts, "size": [100, 200]}}
    boxes = [(25, [10.5, 20.25, 30, 40], 0), (9, [1, 2, 50, 60], 0), (9, [5, 5, 0, 9], 0), (9, [100, 50, 20, 10], 1)]
    annotations = [
        {"id": 100 + number, "image_id": image, "bbox": box, "iscrowd": crowd, "segmentation": shapes.get((image, max(number - 1, 0)), [])}
        for number, (image, box, crowd) in enumerate(boxes)
    ]
    for image in images:
        write_image(root / inside / str(image["file_name"]), int(str(image["id"])), SIZE)
    write_lines(root / "annotations" / "instances_train2017.json", [json.dumps({"images": images, "annotations": annotations})])
    return root


def xml(objects: Sequence[tuple[int | None, tuple[int, int, int, int]]]) -> str:
    """One annotation: (trackid or None, x1 y1 x2 y2); the sides in the order in which ImageNet writes them."""
    parts = []
    for track, (x1, y1, x2, y2) in objects:
        trackid = "" if track is None else f"<trackid>{track}</trackid>"
        box = f"<xmax>{x2}</xmax><xmin>{x1}</xmin><ymax>{y2}</ymax><ymin>{y1}</ymin>"
        parts.append(f"<object>{trackid}<name>n02084071</name><bndbox>{box}</bndbox><occluded>0</occluded></object>")
    return f"<annotation><size><width>200</width><height>100</height></size>{''.join(parts)}</annotation>"


def make_det(root: Path) -> Path:
    for video, objects in {
        "ILSVRC2013_train/n01440764/n01440764_18": [(None, (13, 22, 90, 70))],
        "ILSVRC2014_train_0000/ILSVRC2014_train_00000001": [(None, (1, 2, 3, 4)), (None, (5, 6, 5, 9)), (None, (50, 60, 70, 90))],
        "ILSVRC2014_train_0000/ILSVRC2014_train_00000002": [],
    }.items():
        write_image(root / "Data" / "DET" / "train" / f"{video}.JPEG", 50, SIZE)
        write_lines(root / "Annotations" / "DET" / "train" / f"{video}.xml", [xml(objects)])
    write_lines(root / "Annotations" / "DET" / "val" / "ILSVRC2012_val_00000001.xml", [xml([(None, (1, 1, 9, 9))])])
    return root


def make_vid(root: Path) -> Path:
    """One video: track 0 in frames 0-2, 4 (alone) and 6-7; track 1 in frame 3 alone; track 2 in frames 1-2."""
    video = "ILSVRC2015_VID_train_0000/ILSVRC2015_train_00139005"
    seen = {0: (0, 1, 2, 4, 6, 7), 1: (3,), 2: (1, 2)}
    for frame in range(8):
        objects = [(track, (frame, 10 * track, frame + 20, 10 * track + 15)) for track, frames in seen.items() if frame in frames]
        write_image(root / "Data" / "VID" / "train" / video / f"{frame:06d}.JPEG", 10 * frame, SIZE)
        write_lines(root / "Annotations" / "VID" / "train" / video / f"{frame:06d}.xml", [xml(objects)])
    write_lines(root / "Annotations" / "VID" / "val" / "ILSVRC2015_val_00000000" / "000000.xml", [xml([(0, (1, 1, 9, 9))])])
    return root


YTBB_ROWS = (
    "AAB6lO-XiKE,238000,0,person,0,present,0.1,0.35,0.5,0.75",
    "AAB6lO-XiKE,240000,0,person,0,present,0.2,0.45,0.5,0.75",
    "other,0,7,dog,0,present,0.0,1.0,0.0,0.999",
    "AAB6lO-XiKE,239000,0,person,0,absent,-1,-1,-1,-1",
    "AAB6lO-XiKE,241000,0,person,1,present,0.3,0.4,0.1,0.2",
    "gone,5000,7,dog,0,present,0.3,0.4,0.1,0.2",
)


def ytbb_by_second(video: str, milliseconds: int, category: str, track: str) -> str:
    return f"{category}/{video}/{milliseconds}.jpg"


def ytbb_by_object(video: str, milliseconds: int, category: str, track: str) -> str:
    return f"{category}/{video}+{milliseconds}+{category}+{track}.jpg"


def make_ytbb(root: Path, name: Callable[[str, int, str, str], str] = ytbb_by_second) -> Path:
    """Two videos with images and one without ("gone")."""
    write_lines(root / "yt_bb_detection_train.csv", YTBB_ROWS)
    for row in YTBB_ROWS:
        video, milliseconds, category, _, track, presence = row.split(",")[:6]
        if video != "gone" and presence == "present":
            write_image(root / "yt_bb_detection_train" / name(video, int(milliseconds), category, track), int(milliseconds) // 1000, SIZE)
    return root


def make_511(root: Path, content: dict[str, dict[str, dict[str, list[float]]]], file: str = "train.json") -> Path:
    write_lines(root / file, [json.dumps(content)])
    for video, tracks in content.items():
        for track, frames in tracks.items():
            for frame in frames:
                write_image(root / "crop511" / video / f"{int(frame):06d}.{track}.x.jpg", 10 * int(frame), (511, 511))
    return root


def make_own_stills(root: Path) -> Path:
    """One set with a still of two objects (one too small) and a short video of two frames; one set that is left out."""
    fox = {"id": 1, "class": "fox", "box": [2, 2, 8, 8]}
    speck = {"id": 2, "class": "fox", "box": [2, 2, 3, 3]}
    records = [still(0, [fox, speck]), still(1, [fox], "clip", 4), still(2, [{**fox, "box": [4, 2, 8, 8]}], "clip", 7)]
    make_stills(root, "foxes", records)
    make_stills(root, "segtrackv2_bmx", [still(0, [fox])])
    return root


def make_youtube_vos(root: Path, *, palette: bool = True) -> Path:
    """Two videos: one with objects 1 and 2 in frames 0, 5 and 10 (2 is gone in frame 5), one with object 1 in frame 0 alone."""
    first = {"category": "cat", "frames": ["00000", "00005", "00010"]}
    meta = {
        "aa": {"objects": {"1": first, "2": {"category": "dog", "frames": ["00000", "00005"]}}},
        "bb": {"objects": {"1": {"category": "cat", "frames": ["00000"]}}},
    }
    write_lines(root / "train" / "meta.json", [json.dumps({"videos": meta})])
    for video, frame in (("aa", 0), ("aa", 5), ("aa", 10), ("bb", 0)):
        write_image(root / "train" / "JPEGImages" / video / f"{frame:05d}.jpg", 10 * frame, SIZE)
        numbers = np.zeros(SIZE[::-1], np.uint8)
        numbers[20:60, 10 + frame : 50 + frame] = 1
        if frame == 0 and video == "aa":
            numbers[30:50, 100:160] = 2
        path = root / "train" / "Annotations" / video / f"{frame:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(palette_png(numbers, PALETTE) if palette else cv2.imencode(".png", numbers)[1].tobytes())
    return root


PALETTE = ((0, 0, 0), (236, 95, 103), (249, 145, 87), (250, 200, 99))  # as YouTube-VOS has it, which is not that of PASCAL VOC


def palette_png(numbers: np.ndarray, palette: Sequence[tuple[int, int, int]]) -> bytes:
    """A PNG file of 8-bit palette indices, which OpenCV cannot write."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")

    height, width = numbers.shape
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 3, 0, 0, 0])
    rows = b"".join(b"\0" + row.tobytes() for row in numbers.astype(np.uint8))
    colours = bytes(value for colour in palette for value in colour)
    parts = (chunk(b"IHDR", head), chunk(b"PLTE", colours), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def make_saliency(root: Path) -> Path:
    """Two sets: images a and b, and image a; one image has no mask, one mask no pixel."""
    for folder, names in (("DUTS", ("a", "b", "empty", "alone")), ("MSRA10K", ("a",))):
        for name in names:
            write_image(root / folder / "images" / f"{name}.jpg", 50, SIZE)
            mask = np.zeros(SIZE[::-1], np.uint8)
            if name != "empty":
                mask[20:60, 30:90] = 255
                mask[60:70, 30:90] = 100  # soft edges do not count
            if name != "alone":
                path = root / folder / "gt" / f"{name}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                assert cv2.imwrite(str(path), mask)
    return root


def make_all(root: Path) -> Path:
    """A data root with every training set in its raw layout."""
    make_coco(root / "coco")
    make_det(root / "ILSVRC2015")
    make_vid(root / "ILSVRC2015")
    make_ytbb(root / "yt_bb")
    build("GOT10k_train", root / "GOT-10k" / "train")
    build("LaSOT_train", root / "LaSOT")
    build("TrackingNet_train", root / "TrackingNet")
    make_youtube_vos(root / "YouTube-VOS")
    make_saliency(root / "saliency")
    make_own_stills(root / "train")
    make_otb(root / "train_video" / "TinyTLP", "Drone", 3, ["1,1,8,8"] * 3)
    return root
