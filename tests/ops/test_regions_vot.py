"""Overlaps against the official programs, run by an interpreter of their own: ``pip install vot-toolkit`` in a virtual environment, and

LOCKON_VOT_PYTHON=ENVIRONMENT/bin/python pytest tests/ops/test_regions_vot.py
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from lockon.ops.raster import raster_overlap
from lockon.ops.regions import polygon_area, polygon_iou

PYTHON = os.environ.get("LOCKON_VOT_PYTHON", "")
PROGRAM = """
import sys
import numpy as np
from trax import _ctypes as trax
from vot.region.raster import calculate_overlap
from vot.region.shapes import Polygon, Rectangle

def for_trax(row):
    if len(row) == 4:
        return trax.trax_region_create_rectangle(*map(float, row))
    region = trax.trax_region_create_polygon(len(row) // 2)
    for i in range(len(row) // 2):
        trax.trax_region_set_polygon_point(region, i, float(row[2 * i]), float(row[2 * i + 1]))
    return region

def for_toolkit(row):
    return Rectangle(*map(float, row)) if len(row) == 4 else Polygon([tuple(map(float, point)) for point in row.reshape(-1, 2)])

data = np.load(sys.argv[1])
size = data["size"].tolist()
limits = trax.trax_bounds()
limits.left, limits.top, limits.right, limits.bottom = 0, 0, *size
pairs = list(zip(data["a"], data["b"]))
np.savez(
    sys.argv[2],
    trax=[trax.trax_region_overlap(for_trax(a), for_trax(b), limits) for a, b in pairs],
    toolkit=[calculate_overlap(for_toolkit(a), for_toolkit(b), tuple(size)) for a, b in pairs],
)
"""
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON, reason="LOCKON_VOT_PYTHON names no interpreter that has vot-toolkit"),
]


def official(a: np.ndarray, b: np.ndarray, size: tuple[int, int], folder: Path) -> dict[str, np.ndarray]:
    np.savez(folder / "in.npz", a=a, b=b, size=size)
    subprocess.run([PYTHON, "-c", PROGRAM, str(folder / "in.npz"), str(folder / "out.npz")], check=True, cwd=folder)
    return dict(np.load(folder / "out.npz"))


def quads(count: int, rng: np.random.Generator, *, convex: bool) -> np.ndarray:
    center = rng.uniform((0, 0), (1280, 720), (count, 1, 2)).reshape(count, 2, 1)
    angle = rng.uniform(0, 2 * np.pi, (count, 4))
    angle = np.sort(angle, axis=1) if convex else angle
    radius = rng.uniform(20, 200, (count, 1)) * rng.uniform(0.5, 1, (count, 4))
    return (center + radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).transpose(0, 2, 1).reshape(count, 8)


def boxes(count: int, rng: np.random.Generator) -> np.ndarray:
    return np.concatenate([rng.uniform(0, 600, (count, 2)), rng.uniform(2, 300, (count, 2))], axis=1)


def pairs(kind: str) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    if kind == "boxes":
        a = boxes(1000, rng)
        return a, np.abs(a + rng.normal(0, 15, a.shape)) + 2
    a = quads(1000, rng, convex=kind == "convex")
    b = a + np.tile(rng.normal(0, 15, (len(a), 2)), 4) + rng.normal(0, 5, a.shape)
    if kind == "mixed":
        a = boxes(1000, rng)
    return a, b


@pytest.mark.parametrize("digits", [0, 1, 3])  # whole numbers and halves decide how corners are rounded
@pytest.mark.parametrize("kind", ["convex", "crossing", "boxes", "mixed"])
def test_the_same_pixels(kind, digits, tmp_path):
    size = (1280, 720)
    a, b = (np.round(rows * 2, digits) / 2 for rows in pairs(kind))
    reference = official(a, b, size, tmp_path)
    np.testing.assert_allclose(raster_overlap(a, b, size, "trax"), np.nan_to_num(reference["trax"]), atol=1e-7, rtol=0)
    np.testing.assert_allclose(raster_overlap(a, b, size, "vot-toolkit"), reference["toolkit"], atol=1e-7, rtol=0)


def test_the_exact_overlap_is_near(tmp_path):
    a, b = pairs("convex")
    size = (1280, 720)
    large = (polygon_area(a, size) > 5000) & (polygon_area(b, size) > 5000)
    reference = official(a[large], b[large], size, tmp_path)
    exact = polygon_iou(a[large], b[large], size)
    assert large.sum() > 300
    assert np.abs(exact - reference["toolkit"]).mean() < 0.01
    assert np.abs(exact - reference["toolkit"]).max() < 0.05
