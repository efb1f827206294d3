"""Tiny synthetic datasets in every layout that lockon reads: a few 16x12 images each, made where a test needs them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np

WIDTH, HEIGHT = 16, 12
BOX = "3,4,5,6"  # x, y, w, h as a line of an annotation


def write_image(path: Path, value: int = 100, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
    """One image whose red channel is `value`, so that frames can be told apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.zeros((size[1], size[0], 3), dtype=np.uint8)
    image[..., 2] = value
    assert cv2.imwrite(str(path), image)


def write_images(folder: Path, numbers: Iterable[int], pattern: str) -> None:
    for number in numbers:
        write_image(folder / pattern.format(number), value=10 * number % 256)


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def make_otb(root: Path, name: str, count: int = 4, lines: Sequence[str] | None = None, *, suffix: str = "", first: int = 1) -> Path:
    write_images(root / name / "img", range(first, first + count), "{:04d}.jpg")
    write_lines(root / name / f"groundtruth_rect{suffix}.txt", [BOX] * count if lines is None else lines)
    return root / name


def make_vot(root: Path, name: str, lines: Sequence[str]) -> None:
    write_images(root / name / "color", range(1, len(lines) + 1), "{:08d}.jpg")
    write_lines(root / name / "groundtruth.txt", lines)
    listing = root / "list.txt"
    names = listing.read_text().split() if listing.exists() else []
    write_lines(listing, sorted({*names, name}))


def make_uav123(root: Path, name: str, lines: Sequence[str], *, images: bool = True) -> None:
    if images:
        write_images(root / "data_seq" / name, range(1, len(lines) + 1), "{:06d}.jpg")
    write_lines(root / "anno" / f"{name}.txt", lines)


def make_davis(root: Path, name: str, masks: Sequence[np.ndarray], *, boxes: Sequence[str] | None = None) -> None:
    write_images(root / "JPEGImages" / "480p" / name, range(len(masks)), "{:05d}.jpg")
    folder = root / "Annotations" / "480p" / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, mask in enumerate(masks):
        assert cv2.imwrite(str(folder / f"{number:05d}.png"), mask)
    if boxes is not None:
        write_lines(root / "JPEGImages" / "480p" / name / "boxes.txt", boxes)


def mask_of(x: int, y: int, w: int, h: int, value: int = 255) -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    mask[y : y + h, x : x + w] = value
    return mask


def make_stills(root: Path, name: str, records: Sequence[dict[str, object]]) -> Path:
    for record in records:
        write_image(root / name / str(record["image"]))
    write_lines(root / name / "annotations.jsonl", [json.dumps(record) for record in records])
    return root / name


def still(index: int, objects: Sequence[dict[str, object]], video: str | None = None, frame: int | None = None) -> dict[str, object]:
    image = f"images/{index:05d}.webp"
    return {"image": image, "video": video, "frame": frame, "width": WIDTH, "height": HEIGHT, "objects": list(objects)}


def write_video(path: Path, values: Sequence[int], size: tuple[int, int] = (64, 48)) -> None:
    """A Motion-JPEG clip of plain frames; the red channel is about `values[i]` in frame i."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, size)
    assert writer.isOpened()
    for value in values:
        frame = np.zeros((size[1], size[0], 3), dtype=np.uint8)
        frame[..., 2] = value
        writer.write(frame)
    writer.release()
