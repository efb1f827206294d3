"""Samples 0 to 99 of every kind of pipeline are those of revision 2a16025, which made them by three separate pipelines.

golden_samples.npz has of each sample a digest of its arrays, the box of the search crop, and of the first 30 the crops shrunk to 3 x 3
pixels. Digests are compared under the OpenCV that made them: others may round a pixel otherwise.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sample_pipelines import pipelines

from lockon.data.samples import augment

GOLDEN = np.load(Path(__file__).with_name("golden_samples.npz"))
NAMES = tuple(name.removesuffix(".box") for name in GOLDEN.files if name.endswith(".box"))


def digest(sample: dict[str, Any], names: list[str]) -> str:
    found = hashlib.sha256()
    for name in names:
        array = sample[name]
        found.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    found.update(sample["ids"].encode())
    return found.hexdigest()[:12]


def thumbnails(sample: dict[str, Any]) -> np.ndarray:
    """(2, 3, 3, 3) template and search crop."""
    return np.stack([cv2.resize(sample[name], (3, 3), interpolation=cv2.INTER_AREA) for name in ("template", "search")])


@pytest.mark.parametrize("name", NAMES)
def test_samples(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # not compressed: the bytes of JPEG are those of a library
    monkeypatch.setattr(augment, "jpeg", lambda rng, image: (rng.integers(15, 80), image)[1])
    pipeline = pipelines(tmp_path)[name]
    samples = [pipeline.sample(index) for index in range(len(GOLDEN[f"{name}.box"]))]
    np.testing.assert_allclose([sample["box"] for sample in samples], GOLDEN[f"{name}.box"], atol=1e-3)
    small = GOLDEN[f"{name}.thumbnails"]
    difference = np.abs(np.stack([thumbnails(sample) for sample in samples[: len(small)]]).astype(int) - small)
    assert difference.mean() < 0.5
    if cv2.__version__ == str(GOLDEN["opencv"]):
        names = GOLDEN[f"{name}.names"].tolist()
        assert [digest(sample, names) for sample in samples] == GOLDEN[f"{name}.digests"].tolist()
