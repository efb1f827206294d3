"""Every benchmark in miniature: what is there loads, and what is missing, too much or one level off is one clear line."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_benchmarks import BENCHMARKS, boxes, build

from lockon.data.check import check_dataset
from lockon.data.datasets.registry import load_dataset
from lockon.data.datasets.table import FOLDER, known_datasets
from lockon.data.paths import find_root
from lockon.errors import LockonError

EVERY = pytest.mark.parametrize("name", BENCHMARKS)
COUNTED = [name for name, tiny in BENCHMARKS.items() if not tiny.first_only]


def one_line(caught: pytest.ExceptionInfo[LockonError]) -> str:
    assert "\n" not in str(caught.value)
    return str(caught.value)


def problems(name: str, root: Path) -> list[str]:
    (report,) = check_dataset(name, find_root(name, root), full=True, subset=True)
    return report.problems


def test_the_table_of_this_test_has_every_benchmark() -> None:
    assert set(BENCHMARKS) == set(known_datasets()) - {FOLDER}


@EVERY
def test_loads_and_checks(tmp_path: Path, name: str) -> None:
    tiny = build(name, tmp_path / "my data")
    (sequence,) = load_dataset(f"{name}:{tmp_path / 'my data'}")
    assert (sequence.name, sequence.dataset, len(sequence)) == (tiny.sequence, name, 4)
    np.testing.assert_allclose(sequence.boxes, boxes(tiny, 4))
    assert abs(int(sequence.frames[2][0, 0, 0]) - 30) < 6  # the third image, red first
    assert problems(name, tmp_path / "my data") == []


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if not name.startswith("DAVIS")])  # its boxes lie among its images
def test_ground_truth_without_images(tmp_path: Path, name: str) -> None:
    tiny = BENCHMARKS[name]
    tiny.build(tmp_path, images=False)
    if name in ("NFS30", "NFS240", "TrackingNet", "TrackingNet_train"):
        tiny.image(tmp_path, 0).parent.mkdir(parents=True)
    with pytest.raises(LockonError, match=r"no images in|does not look like"):
        load_dataset(f"{name}:{tmp_path}")
    (sequence,) = load_dataset(f"{name}:{tmp_path}", frames="optional")
    count = 1 if tiny.first_only else 4
    np.testing.assert_allclose(sequence.boxes, boxes(tiny, count))
    assert len(sequence.frames) == count
    with pytest.raises(LockonError, match="loaded without images") as caught:
        sequence.frames[0]
    image = tiny.image(tmp_path, 0)
    if name != "TNL2K":  # its images have many kinds of names
        assert f"/{image.name} " in one_line(caught).replace("\\", "/")


@pytest.mark.parametrize("name", COUNTED)
def test_missing_frame(tmp_path: Path, name: str) -> None:
    tiny = build(name, tmp_path, count=6)
    tiny.image(tmp_path, 2).unlink()
    with pytest.raises(LockonError, match="5 frames but 6") as caught:
        load_dataset(f"{name}:{tmp_path}")
    number = tiny.first + 2
    if name == "TNL2K":
        assert any(re.search("5 images but 6 boxes", text) for text in problems(name, tmp_path))
        return
    assert f"(missing: {number})" in one_line(caught)
    assert any(f"missing frames: {number} (1 of 6)" in text for text in problems(name, tmp_path))


@pytest.mark.parametrize("name", [name for name, tiny in BENCHMARKS.items() if tiny.first_only])
def test_missing_frame_where_only_the_first_box_is_given(tmp_path: Path, name: str) -> None:
    tiny = build(name, tmp_path, count=6)
    tiny.image(tmp_path, 2).unlink()
    assert any(f"missing frames: {tiny.first + 2} (1 of 6)" in text for text in problems(name, tmp_path))


@EVERY
@pytest.mark.parametrize("count", [2, 6])  # one line more or fewer than images is how some videos of NFS are published
def test_more_or_fewer_lines_than_frames(tmp_path: Path, name: str, count: int) -> None:
    tiny = BENCHMARKS[name]
    lines = [tiny.line(min(index, 3)) for index in range(count)]
    build(name, tmp_path, 4, lines)
    with pytest.raises(LockonError, match=f"4 frames but {len(lines)} boxes in .*{tiny.truth.rpartition('/')[2]}") as caught:
        load_dataset(f"{name}:{tmp_path}")
    one_line(caught)
    assert problems(name, tmp_path) != []


@EVERY
def test_bad_line_names_file_and_line(tmp_path: Path, name: str) -> None:
    tiny = BENCHMARKS[name]
    lines = [tiny.line(0), "1;2;x;4", tiny.line(2), tiny.line(3)]
    build(name, tmp_path, 4, lines)
    with pytest.raises(LockonError, match=rf"{re.escape(tiny.truth.rpartition('/')[2])}:2: .*expected") as caught:
        load_dataset(f"{name}:{tmp_path}")
    one_line(caught)
    assert any(f"{tmp_path / tiny.truth}:2: " in text for text in problems(name, tmp_path))


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("text", ["", "NaN"])
def test_lines_without_a_box(tmp_path: Path, name: str, text: str) -> None:
    tiny = BENCHMARKS[name]
    build(name, tmp_path, 4, [tiny.line(0), text, tiny.line(2), tiny.line(3)])
    (sequence,) = load_dataset(f"{name}:{tmp_path}")
    assert np.isnan(sequence.boxes[1]).all()
    assert sequence.visible is not None
    assert sequence.visible.tolist() == [True, False, True, True]
    assert problems(name, tmp_path) == []


@pytest.mark.parametrize("name", [name for name in COUNTED if "mask" not in BENCHMARKS[name].line.__name__])
@pytest.mark.parametrize("separator", ["\t", " ", ", "])
def test_separators(tmp_path: Path, name: str, separator: str) -> None:
    tiny = BENCHMARKS[name]
    build(name, tmp_path, 4, [tiny.line(index).replace(",", separator) for index in range(4)])
    (sequence,) = load_dataset(f"{name}:{tmp_path}")
    np.testing.assert_allclose(sequence.boxes, boxes(tiny, 4))


@EVERY
def test_one_level_too_deep_or_too_high(tmp_path: Path, name: str) -> None:
    root = tmp_path / "store" / "mine"
    tiny = build(name, root)
    below = root / tiny.truth.partition("/")[0]
    if name.startswith("TrackingNet"):
        below /= "anno"  # the folder of one part is a root too
    levels = r"(one level|2 levels)"
    with pytest.raises(LockonError, match=f"{levels} too deep for {name}; give {re.escape(str(root))}[^,]*, not {re.escape(str(below))}"):
        find_root(name, below)
    with pytest.raises(LockonError, match=f"one level too high for {name}; give .*mine, not .*store") as caught:
        find_root(name, tmp_path / "store")
    one_line(caught)


@EVERY
def test_found_by_its_name_in_any_spelling(tmp_path: Path, name: str) -> None:
    spelled = name.replace("_", "-").lower()
    build(name, tmp_path / spelled)
    assert find_root(spelled.upper(), tmp_path) == tmp_path / spelled
    (sequence,) = load_dataset(spelled, tmp_path)
    assert sequence.dataset == name


@EVERY
def test_images_of_another_size_than_the_annotation_or_the_others(tmp_path: Path, name: str) -> None:
    tiny = build(name, tmp_path)
    assert cv2.imwrite(str(tiny.image(tmp_path, 1)), np.zeros((20, 30, 3), dtype=np.uint8))
    found = " ".join(problems(name, tmp_path))
    assert "frames of another size (30x20, the others 16x12)" in found
