"""A benchmark that lockon does not know yet needs one new file in the folder of the datasets, and nothing else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lockon.bench.search.splits import check_splits
from lockon.cli import app
from lockon.data import datasets
from lockon.data.datasets.registry import load_dataset
from lockon.data.datasets.table import known_datasets, known_names, members
from lockon.errors import LockonError

FILE = '''"""Nowhere (a made-up benchmark): ROOT/NAME/frames/0.png ..., ROOT/NAME/nowhere.txt with x,y,w,h per line from 0."""

from lockon.data.datasets.dataset import Dataset
from lockon.data.datasets.layout import Layout, SequenceFiles, Truth, list_folders, list_images
from lockon.data.datasets.parsing import read_table


def is_root(folder):
    return any((child / "nowhere.txt").is_file() for child in list_folders(folder))


def scan(root):
    return [SequenceFiles(child.name, child, list_images(child / "frames"), child / "nowhere.txt") for child in list_folders(root)]


def truth(files):
    table = read_table(files.truth, (4,))
    return Truth(table.values, table.lines, table.problems, wrong=table.wrong)


LAYOUT = Layout("nowhere", "NAME/frames/0.png and NAME/nowhere.txt", is_root, scan, truth, origin=0)
DATASETS = (Dataset("Nowhere2030", LAYOUT, "test", aliases=("NOW30",)),)
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A second place in which modules of `lockon.data.datasets` lie, with the new file."""
    place = tmp_path / "new_files"
    place.mkdir()
    (place / "nowhere.py").write_text(FILE)
    monkeypatch.setattr(datasets, "__path__", [*datasets.__path__, str(place)])
    importlib.invalidate_caches()
    known_datasets.cache_clear()
    yield place
    for name in ("nowhere", "twice"):
        sys.modules.pop(f"lockon.data.datasets.{name}", None)
    known_datasets.cache_clear()


@pytest.fixture
def root(tmp_path: Path, folder: Path) -> Path:
    frames = tmp_path / "data" / "now-30" / "cloud" / "frames"
    frames.mkdir(parents=True)
    for index in range(3):
        cv2.imwrite(str(frames / f"{index}.png"), np.full((20, 30, 3), 10 * index, np.uint8))
    (frames.parent / "nowhere.txt").write_text("1,2,3,4\n2,2,3,4\n3,2,3,4\n")
    return tmp_path / "data"


def test_it_is_known_and_loads(root: Path) -> None:
    assert "Nowhere2030" in known_names()
    assert list(members(root)) == ["Nowhere2030"]
    for spec in (f"Nowhere2030:{root}", f"now_30:{root}/now-30", f"pool:{root}"):
        (sequence,) = load_dataset(spec)
        assert (sequence.name, sequence.dataset, len(sequence)) == ("cloud", "Nowhere2030", 3)
        np.testing.assert_array_equal(sequence.boxes[2], [3, 2, 3, 4])
        assert sequence.frames[2][0, 0, 0] == 20


def test_it_keeps_the_order_of_the_others(root: Path) -> None:
    assert list(known_datasets())[-1] == "Nowhere2030"
    known_datasets.cache_clear()
    assert list(known_datasets())[:3] == ["OTB100", "OTB50", "TinyTLP"]


def test_no_search_may_see_it(root: Path) -> None:
    with pytest.raises(LockonError, match="Nowhere2030 is there to report on"):
        check_splits([f"Nowhere2030:{root}"])
    with pytest.raises(LockonError, match="Nowhere2030 is there to report on"):
        check_splits([f"pool:{root}"])


def test_the_commands_know_it(root: Path) -> None:
    listed = CliRunner().invoke(app, ["data", "list", "--data-root", str(root)])
    assert f"{'Nowhere2030':<20}{'nowhere':<13}{root / 'now-30'}" in listed.stdout
    checked = CliRunner().invoke(app, ["data", "check", f"Nowhere2030:{root}"])
    assert (checked.exit_code, checked.stdout.splitlines()[-1]) == (0, "  all good")


def test_a_name_that_is_taken_is_refused(folder: Path) -> None:
    (folder / "twice.py").write_text(FILE.replace("Nowhere2030", "OTB50"))
    importlib.invalidate_caches()
    with pytest.raises(LockonError, match=r"two datasets are called OTB50; rename the one in lockon\.data\.datasets\.twice"):
        known_datasets()
