"""Boxes without area in the folders of benchmarks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from tiny_benchmarks import BENCHMARKS, boxes, build
from tiny_layouts import write_images, write_lines

from lockon.cli._trackers import load_sequences
from lockon.data.datasets.registry import load_dataset
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError, LockonWarning

LAYOUTS = {
    "OTB100": ("Mine/img", "Mine/groundtruth_rect.txt", "{:04d}.jpg"),
    "LaSOT": ("airplane-1/img", "airplane-1/groundtruth.txt", "{:08d}.jpg"),
    "UAV123": ("data_seq/mine", "anno/mine.txt", "{:06d}.jpg"),
    "GOT10k_val": ("GOT-10k_Val_000001", "GOT-10k_Val_000001/groundtruth.txt", "{:08d}.jpg"),
    "VOT2018": ("mine/color", "mine/groundtruth.txt", "{:08d}.jpg"),
}


def load(root: Path, dataset: str, lines: list[str]) -> VideoSequence:
    images, truth, pattern = LAYOUTS[dataset]
    write_images(root / images, list(range(1, 6)), pattern)
    write_lines(root / truth, lines)
    (sequence,) = load_dataset(f"{dataset}:{root}")
    return sequence


@pytest.mark.parametrize("dataset", LAYOUTS)
@pytest.mark.parametrize("box", ["0,0,0,0", "-1,-1,-1,-1", "3,3,0,5"])
def test_no_area_is_no_box_in_every_layout(tmp_path: Path, dataset: str, box: str) -> None:
    good = ["2,2,5,5", "3,3,5,5", "4,4,5,5"]
    with pytest.warns(LockonWarning, match=f"{dataset}: 2 boxes without area"):
        zeros = load(tmp_path / "zeros", dataset, [*good, box, box])
    nan = load(tmp_path / "nan", dataset, [*good, "NaN,NaN,NaN,NaN", "NaN,NaN,NaN,NaN"])
    np.testing.assert_array_equal(zeros.boxes, nan.boxes)
    assert zeros.visible is not None
    np.testing.assert_array_equal(zeros.visible, nan.visible)
    if zeros.polygons is not None:
        np.testing.assert_array_equal(zeros.polygons, nan.polygons)


@pytest.mark.parametrize("dataset", BENCHMARKS)
@pytest.mark.parametrize("empty", [[4, 5], [5], [2, 5], [1, 2, 3, 4, 5]])
def test_empty_lines_at_the_end_are_frames_in_every_layout(tmp_path: Path, dataset: str, empty: list[int]) -> None:
    tiny = BENCHMARKS[dataset]
    lines = ["" if index in empty else tiny.line(index) for index in range(6)]
    if tiny.first_only:
        lines[1:], empty = [""] * 5, [1, 2, 3, 4, 5]
    build(dataset, tmp_path, 6, lines)
    (sequence,) = load_dataset(f"{dataset}:{tmp_path}")
    expected = boxes(tiny, 6)
    expected[empty] = np.nan
    np.testing.assert_array_equal(sequence.boxes, expected)
    assert (sequence.visible is None) == tiny.first_only
    if sequence.visible is not None:
        assert np.flatnonzero(~sequence.visible).tolist() == empty


@pytest.mark.parametrize("count", [36, 40])
def test_empty_lines_at_the_end_of_every_eighth_line(tmp_path: Path, count: int) -> None:
    """NFS30 with the lines of the fast video: 5 frames have 33 to 40 of them."""
    tiny = BENCHMARKS["NFS30"]
    tiny.build(tmp_path, 5, [tiny.line(index) if index < 30 else "" for index in range(count)])
    (sequence,) = load_dataset(f"NFS30:{tmp_path}")
    assert np.isnan(sequence.boxes[:, 0]).tolist() == [False] * 4 + [True]


def test_empty_lines_at_the_end_of_a_benchmark_of_listed_lengths(tmp_path: Path) -> None:
    """Images beyond the annotated frames are left out as ever; the empty lines are frames that are annotated."""
    write_images(tmp_path / "Deer" / "img", list(range(1, 75)), "{:04d}.jpg")
    write_lines(tmp_path / "Deer" / "groundtruth_rect.txt", ["2,2,5,5"] * 69 + ["", ""])
    (deer,) = load_dataset(f"OTB100:{tmp_path}")
    assert np.flatnonzero(np.isnan(deer.boxes[:, 0])).tolist() == [69, 70]


def test_a_target_that_is_said_to_be_absent_needs_no_warning(tmp_path: Path) -> None:
    lines = ["2,2,5,5", "3,3,5,5", "4,4,5,5", "0,0,0,0", "0,0,0,0"]
    for name in ("full_occlusion.txt", "out_of_view.txt"):
        write_lines(tmp_path / "airplane-1" / name, ["0,0,0,1,1"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sequence = load(tmp_path, "LaSOT", lines)
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, True, True, False, False]


def test_a_complete_annotation_stays_as_it_was_published(tmp_path: Path) -> None:
    lines = ["2,2,5,5"] * 71
    lines[70] = "0,0,0,0"
    write_images(tmp_path / "Deer" / "img", list(range(1, 72)), "{:04d}.jpg")
    write_lines(tmp_path / "Deer" / "groundtruth_rect.txt", lines)
    with pytest.warns(LockonWarning, match=r"OTB100: 1 box without area .* stays as published and counts by .*, in Deer; ") as caught:
        (deer,) = load_dataset(f"OTB100:{tmp_path}")
    assert len(caught) == 1
    assert deer.boxes[70].tolist() == [-1, -1, 0, 0]


@pytest.mark.parametrize("name", ["pool", "OTB100+UAV123", "UAV123+GOT10k_val+OTB100"])
def test_several_datasets_give_one_warning(tmp_path: Path, name: str) -> None:
    for dataset in ("OTB100", "UAV123", "GOT10k_val"):
        images, truth, pattern = LAYOUTS[dataset]
        write_images(tmp_path / dataset / images, [1, 2], pattern)
        write_lines(tmp_path / dataset / truth, ["2,2,5,5", "0,0,0,0"])
    write_images(tmp_path / "OTB100" / "Deer" / "img", list(range(1, 72)), "{:04d}.jpg")
    write_lines(tmp_path / "OTB100" / "Deer" / "groundtruth_rect.txt", ["2,2,5,5"] * 70 + ["0,0,0,0"])
    with pytest.warns(LockonWarning, match=r"without area") as caught:
        load_dataset(f"{name}:{tmp_path}")
    (text,) = [str(warning.message) for warning in caught]
    count = 3 if name.count("+") != 1 else 2
    assert f"{count} boxes without area (0,0,0,0 or the like) count as no box, in " in text
    assert "1 box without area (0,0,0,0 or the like) stays as published and counts by the rules of the convention, in Deer" in text
    assert f"lockon data check {name}:{tmp_path}" in text


@pytest.mark.parametrize("named", [["OTB100", "UAV123", "GOT10k_val"], ["UAV123"], ["GOT10k_val", "UAV123"], ["OTB100"]])
def test_the_datasets_of_one_run_give_one_warning(tmp_path: Path, named: list[str]) -> None:
    for dataset in named:
        images, truth, pattern = LAYOUTS[dataset]
        write_images(tmp_path / dataset / images, [1, 2], pattern)
        write_lines(tmp_path / dataset / truth, ["2,2,5,5", "3,3,5,5" if dataset == "OTB100" else "0,0,0,0"])
    specs = [f"{dataset}:{tmp_path / dataset}" for dataset in named]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert len(load_sequences(specs, [])[0]) == len(named)
    flat = [spec for spec in specs if not spec.startswith("OTB100")]
    texts = [str(warning.message) for warning in caught]
    if not flat:
        assert texts == []
        return
    assert len(texts) == 1
    assert texts[0].startswith(f"{', '.join(spec.partition(':')[0] for spec in flat)}: {len(flat)} box")
    assert texts[0].endswith(
        " and ".join(f"`lockon data check {spec}`" for spec in flat) + (" lists the lines" if len(flat) == 1 else " list the lines")
    )


@pytest.mark.parametrize("dataset", [name for name in BENCHMARKS if not name.startswith("DAVIS")])
@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xff\xfe"])
def test_a_file_without_a_line_is_one_error_in_every_layout(tmp_path: Path, dataset: str, content: bytes) -> None:
    tiny = build(dataset, tmp_path, 3)
    (tmp_path / tiny.truth).write_bytes(content)
    with pytest.raises(LockonError, match=r"empty|no text file"):
        load_dataset(f"{dataset}:{tmp_path}")
