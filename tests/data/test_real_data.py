"""The readers on real benchmark folders, where LOCKON_DATA names some: a folder of benchmarks, or of splits that hold benchmarks."""

import os
from pathlib import Path

import numpy as np
import pytest

from lockon.data.check import check_dataset
from lockon.data.datasets.registry import load_dataset
from lockon.data.datasets.table import members
from lockon.ops.boxes import iou_xywh


def pools() -> list[Path]:
    given = os.environ.get("LOCKON_DATA")
    if not given or not Path(given).is_dir():
        return []
    root = Path(given)
    return [folder for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())) if members(folder)]


POOLS = pools()
needs_data = pytest.mark.skipif(not POOLS, reason="LOCKON_DATA names no folder with unpacked benchmarks (OTB100/, VOT2018/, ...)")


@needs_data
@pytest.mark.parametrize("root", POOLS, ids=lambda path: path.name)
def test_frames_boxes_and_masks_fit(root: Path) -> None:
    sequences = load_dataset(f"pool:{root}")
    assert len({sequence.name.lower() for sequence in sequences}) == len(sequences)
    for sequence in sequences:
        height, width = sequence.frames[len(sequence) - 1].shape[:2]
        x, y, w, h = sequence.boxes[~np.isnan(sequence.boxes[:, 0])].T
        assert (w > 0).all(), sequence.name
        assert (h > 0).all(), sequence.name
        assert ((x < width) & (y < height) & (x + w > 0) & (y + h > 0)).all(), sequence.name
        if sequence.masks is not None:
            rows, columns = np.nonzero(sequence.masks[0])
            extent = [columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1]
            assert iou_xywh(sequence.boxes[0], extent) > 0.99, sequence.name


@needs_data
@pytest.mark.parametrize("root", POOLS, ids=lambda path: path.name)
def test_check_finds_nothing_wrong(root: Path) -> None:
    assert [problem for report in check_dataset("pool", root, subset=True) for problem in report.problems] == []
