"""A page of three trackers on two made videos, one of them with hostile names."""

from __future__ import annotations

import cv2
import numpy as np
from made_results import FAR, HALF, PERFECT, SIZE, add, make_record

from lockon.bench.html import PageLimits, write_html
from lockon.bench.report import Options, evaluate_all
from lockon.bench.store import Store
from lockon.data.sequence import LazyList, VideoSequence, read_image

HOSTILE = "</script><img src=x onerror=alert(1)>&\"'"
FRAMES = 12


def make_images(folder, name: str, frames: int = FRAMES, size=SIZE) -> VideoSequence:
    """Pictures with a white target where the truth is; the background gets brighter from frame to frame."""
    (folder / name).mkdir(parents=True)
    paths = []
    for index in range(frames):
        image = np.full((size[1], size[0], 3), 40 + 10 * index, dtype=np.uint8)
        image[5:15, 5:15] = 255
        paths.append(folder / name / f"{index:04d}.png")
        assert cv2.imwrite(str(paths[-1]), image)
    return VideoSequence(name, "made", LazyList(paths, read_image), np.tile([5.0, 5, 10, 10], (frames, 1)))


def make_store(folder) -> Store:
    """ "video" has images and an attribute, the other sequence has a hostile name and none."""
    store = Store(folder)
    drift = np.array([[5.0 + 0.5 * step, 5, 10, 10] for step in range(1, FRAMES)])
    for label, rows in (("exact", PERFECT), ("half", HALF), ("drift", drift), ("lost", FAR)):
        add(store, label, make_record("video", rows, frames=FRAMES, attributes=("rain",)), make_record(HOSTILE, rows, frames=FRAMES))
    return store


def make_page(folder, **limits):
    """The page of `make_store`, with the pictures of "video"."""
    store = make_store(folder / "results")
    images = make_images(folder / "images", "video")
    reports = evaluate_all(store, Options())
    path = folder / "report.html"
    size = write_html(reports, store, path, lambda dataset, name: images if name == "video" else None, limits=PageLimits(**limits))
    return path, size
