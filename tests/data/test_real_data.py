"""The readers on real data, where LOCKON_DATA names some: a folder of benchmarks, or of splits that hold benchmarks; and
complete ground truth without images, in a folder `annotations` at or up to two levels under it."""

import os
from pathlib import Path

import numpy as np
import pytest

from lockon.data.check import check_dataset
from lockon.data.completeness import completeness
from lockon.data.datasets.registry import load_dataset
from lockon.data.datasets.table import members, official_list
from lockon.ops.boxes import iou_xywh


def pools() -> list[Path]:
    given = os.environ.get("LOCKON_DATA")
    if not given or not Path(given).is_dir():
        return []
    root = Path(given)
    return [folder for folder in (root, *sorted(path for path in root.iterdir() if path.is_dir())) if members(folder)]


def annotations() -> Path | None:
    """The folder with OTB100/NAME.txt, LaSOT/NAME.txt, json/VOT2018.json and so on."""
    given = os.environ.get("LOCKON_DATA")
    root = Path(given) if given else Path()
    found = [
        path for path in (root, *root.glob("annotations"), *root.glob("*/annotations")) if (path / "OTB100" / "Basketball.txt").is_file()
    ]
    return found[0] if given and found else None


POOLS = pools()
TRUTH = annotations()
needs_truth = pytest.mark.skipif(TRUTH is None, reason="no folder of complete ground truth (annotations/OTB100/...) under LOCKON_DATA")
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


@needs_truth
@pytest.mark.slow
@pytest.mark.parametrize("name", ["OTB100", "UAV123", "UAV123_10fps", "UAV20L", "LaSOT", "DTB70", "UAVDT"])
def test_complete_ground_truth_agrees_with_the_lists(name: str) -> None:
    sequences = load_dataset(f"{name}:{TRUTH}", frames="optional")
    found = completeness(sequences, name)
    assert found.complete, str(found)
    for sequence in sequences:
        assert np.isfinite(sequence.boxes[0]).all(), sequence.name
        assert (sequence.boxes[0, 2:] > 0).all(), sequence.name


@needs_truth
@pytest.mark.parametrize("name", ["VOT2018", "VOT2019"])
def test_pysot_json_agrees_with_the_lists(name: str) -> None:
    assert TRUTH is not None
    (file,) = (TRUTH / "json").glob(f"{name}*.json")
    sequences = load_dataset(f"{name}:{file}", frames="optional")
    complete = official_list(name)
    assert complete is not None
    assert completeness(sequences, name).complete
    for sequence in sequences:
        assert (sequence.frame_size, sequence.attributes) == (
            complete.sequences[sequence.name].size,
            complete.sequences[sequence.name].attributes,
        )


@needs_truth
def test_pysot_json_has_the_base_of_the_published_files() -> None:
    assert TRUTH is not None
    texts = load_dataset(f"OTB100:{TRUTH}", frames="optional")
    (file,) = (TRUTH / "json").glob("OTB100*.json")
    for text, other in zip(texts, load_dataset(f"OTB100:{file}", frames="optional"), strict=True):
        assert text.name == other.name
        np.testing.assert_array_equal(text.boxes, other.boxes)
        assert text.attributes == other.attributes
