"""A study of refiners: what is measured of one, its page, and a run from samples to metrics."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from bench.made_results import BOX, FAR, HALF, PERFECT, add, make_record  # noqa: E402
from lockon.bench.store import Store  # noqa: E402
from lockon.config import flatten  # noqa: E402
from lockon.data.sequence import LazyList, VideoSequence  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.studies import KINDS  # noqa: E402
from lockon.studies.evaluation import TrackBase  # noqa: E402
from lockon.studies.measured import measure_refiner, measured_file, refine_records, write_measured  # noqa: E402
from lockon.studies.metrics import REFINEMENT  # noqa: E402
from lockon.studies.refiner_page import commands_of  # noqa: E402
from lockon.studies.report import write_report  # noqa: E402
from lockon.studies.settings import Study  # noqa: E402
from lockon.studies.spec import Row, StudyRun  # noqa: E402
from lockon.studies.summary import compare_rows, read_scores  # noqa: E402
from lockon.studies.training import Prepare, TrainAndTrack, tasks_of  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.loader import collate  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from lockon.types import Result  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

AR = KINDS["alpha-refine"]
NAMES = ("a", "b", "c", "d", "e", "f")
SMALL = {
    "model.size": 64,
    "model.width": 8,
    "model.channels": 8,
    "model.hidden": 8,
    "model.laterals": (4, 4, 4),
    "model.decoder": (4, 4, 4),
}
SMALL |= {"train.batch_size": 2, "train.machine.precision": "fp32", "train.output.log_every": 1}


class Taller:
    """Refines by making every box 5 pixels taller, and knows how it was begun."""

    masks = False

    def init(self, frame, box) -> None:
        self.begun = np.array(box)

    def refine(self, frame, box, *, mask: bool = False) -> Result:
        boxes = np.add(box, (0, 0, 0, 5))
        return Result(boxes, np.ones(len(boxes)), ("tracked",) * len(boxes))


def sequence(name: str, frames: int = 4) -> VideoSequence:
    lazy = LazyList([Path(str(number)) for number in range(frames)], lambda _: np.zeros((32, 48, 3), np.uint8))
    return VideoSequence(name, "made", lazy, np.tile(BOX, (frames, 1)))


def test_stored_boxes_are_refined_and_nothing_comes_back() -> None:
    records = [make_record("a", HALF), make_record("a", FAR)]
    lost = replace(records[0], run=replace(records[0].run, states=("tracked", "tracked", "lost", "tracked")))
    refiner = Taller()
    first, second = refine_records(refiner, sequence("a"), [lost, records[1]])
    np.testing.assert_array_equal(refiner.begun, [BOX, BOX])
    np.testing.assert_allclose(first.run.boxes, [BOX, PERFECT, HALF, PERFECT])  # the lost target's box stays
    np.testing.assert_allclose(second.run.boxes[1:], [[30, 20, 10, 12]] * 3)  # cut at the frame's border, not added up
    np.testing.assert_array_equal(second.run.boxes[0], BOX)


def test_a_start_that_is_not_the_first_frame() -> None:
    (found,) = refine_records(Taller(), sequence("a"), [make_record("a", HALF, skip=1)])
    np.testing.assert_allclose(found.run.boxes[1:], [BOX, PERFECT, PERFECT])
    assert np.isnan(found.run.boxes[0]).all()


def test_metrics_of_refiners_equal_those_worked_out_by_hand(tmp_path: Path) -> None:
    store = Store(tmp_path)
    add(store, "lockon-s", make_record("a", HALF))
    add(store, "csrt", make_record("a", FAR))
    said: list[str] = []
    given = {"store": store, "names": AR.bases}
    found = measure_refiner(Taller(), {"a": {"IoU": 0.7, "SR75": 0.5, "given": 0.6}}, [sequence("a")], said.append, **given)
    assert said == ["refining 1/1 videos"]
    assert found["sequences"]["a"] == pytest.approx(
        {"IoU": 0.7, "SR75": 0.5, "J": None, "given": 0.6, "AO lockon-s": 1, "SR75 lockon-s": 1, "AO csrt": 0, "SR75 csrt": 0}
    )
    with pytest.raises(LockonError, match="no boxes of lockon-s on b; give the same command again"):
        measure_refiner(Taller(), {}, [sequence("b")], said.append, **given)


def measured(out: Path, label: str, iou: float, j: float | None = 0.5) -> None:
    values = {**dict.fromkeys(REFINEMENT, iou), "J": None, "given": 0.4}
    parts = {name: {**values, "J": j if name in NAMES[:3] else None} for name in NAMES}  # three videos have masks
    write_measured(measured_file(out, label), {"sequences": parts})


@pytest.fixture
def finished(tmp_path: Path) -> Path:
    """Two seeds of three rows, of which one is better and one has no masks."""
    for seed in (0, 1):
        measured(tmp_path, f"refine-s.base.s{seed}", 0.6 + 0.01 * seed)
        measured(tmp_path, f"refine-s.naive.s{seed}", 0.7 + 0.01 * seed, 0.4)
        measured(tmp_path, f"refine-s.no-mask.s{seed}", 0.6 + 0.01 * (1 - seed), None)
    for name, boxes in (("lockon-s", HALF), ("csrt", FAR)):
        add(Store(tmp_path / "base"), name, *(make_record(one, boxes) for one in NAMES))
    settings = {"study": "alpha-refine", "steps": 9, "samples": 64, "cache": "auto", "preset": "default", "overrides": {"model.size": "64"}}
    (tmp_path / "study.json").write_text(
        json.dumps({**settings, "budget": {"refine-s": {"model.size": 128, "train.machine.workers": 0}, "other": {}}})
    )
    return tmp_path


def test_verdicts(finished: Path) -> None:
    rows, names = read_scores(finished, AR)
    assert names == list(NAMES)
    assert [row.row.variant for row in rows] == ["base", "naive", "no-mask"]
    found = {(item.row.variant, item.name): item for item in compare_rows(rows, AR)}
    assert found["naive", "IoU"].verdict == "better"
    assert found["naive", "J"].verdict == "worse"
    assert found["naive", "J"].sequences.sequences == 3
    assert found["no-mask", "AO csrt"].verdict == "not told apart"
    assert ("no-mask", "J") not in found


def test_the_page(finished: Path) -> None:
    text = write_report(finished, AR, [finished / "page.md"])[0].read_text()
    assert "| refine-s | naive matching | 0.705 ± 0.007 | 0.705 ± 0.007 | 0.400 ± 0.000 |" in text
    assert "| refine-s | without masks | 0.605 ± 0.007 | 0.605 ± 0.007 |  |" in text
    assert "| truth after jitter | 0.400 |  |\n| lockon-s | 0.500 | 0.000 |\n| csrt | 0.000 | 0.000 |" in text
    assert "- Settings of all runs of refine-s: `train.machine.workers=0`." in text
    assert "- Settings of all runs: `model.size=64`." in text
    assert "- Frames: 24 per run with the boxes of lockon-s and of csrt." in text
    assert "- Machine: abacus, ? cores." in text
    assert "IoU of each sequence, mean over seeds." in text
    assert "| RPN head | 53.7 (-2.2) |" in text
    assert "nan" not in text
    assert "Behind trackers" not in text


def test_results_of_whole_trackers_are_on_the_page(finished: Path) -> None:
    results = finished / "results"
    for label, boxes in (("csrt", HALF), ("csrt+refine-s", PERFECT), ("kcf", HALF)):
        add(Store(results), label, *(make_record(name, boxes) for name in NAMES))
    text = write_report(finished, AR, [finished / "page.md"], results)[0].read_text()
    behind = text[text.index("## Behind trackers") :]
    assert "Data: made (6 sequences). Machine: abacus, ? cores, 1 thread(s)." in behind
    assert "lockon bench run --trackers csrt --data NAME:ROOT --out DIR --refine refine-s\n" in behind
    assert "**+0.500" in behind
    assert "With the true centre" not in text
    for label in ("csrt+refine-s", "refine-s"):
        add(Store(results), label, *(make_record(name, PERFECT, protocol="oracle", rules={"when": "before"}) for name in NAMES))
    text = write_report(finished, AR, [finished / "page.md"], results)[0].read_text()
    oracle = text[text.index("## With the true centre") : text.index("## Sequences")]
    assert "| refine-s |" in oracle
    assert "lockon bench run --protocol one-pass oracle --trackers refine-s --data NAME:ROOT --out DIR\n" in oracle
    assert "lockon bench run --protocol one-pass oracle --trackers csrt --data NAME:ROOT --out DIR --refine refine-s\n" in oracle
    add(Store(results), "kcf+refine-s", make_record("a", PERFECT), make_record("z", PERFECT, dataset="other"))
    add(Store(results), "kcf", make_record("z", HALF, dataset="other"), make_record("z", HALF, dataset="alone"))
    text = write_report(finished, AR, [finished / "page.md"], results)[0].read_text()
    assert "Data: made (6 sequences), other (1 sequences). Machine:" in text  # not of the first tracker alone, nor of one side alone
    alone = finished / "alone"
    add(Store(alone), "csrt", make_record("a", HALF))
    for kind, folder, message in ((AR, alone, "has no tracker that ran without and with"), (AR, finished / "none", "does not exist")):
        with pytest.raises(LockonError, match=message):
            write_report(finished, kind, [finished / "page.md"], folder)


def test_commands_say_how_results_were_made(tmp_path: Path) -> None:
    store = Store(tmp_path)
    masks = {"name": "refine-s", "preset": "official", "weights": {}}
    store.claim("net", {"name": "net", "device": "openvino"}, 0)
    store.claim("csrt", {"name": "csrt", "device": "auto"}, 0)
    store.claim("mil", {"name": "mil", "device": "auto"}, 0)
    store.claim("csrt+masks", {"name": "csrt", "overrides": {"refine.mask": "true"}, "refiner": masks}, 0)
    store.claim("csrt+refine-s-official", {"name": "csrt", "refiner": masks}, 0)
    where = "--data NAME:ROOT --out DIR"
    assert commands_of(store, "run", ["net", "csrt", "mil", "csrt+masks", "csrt+refine-s-official"]).splitlines()[1:5] == [
        f"run --trackers net {where} --device openvino",
        f"run --trackers csrt mil {where}",
        f"run --trackers csrt {where} --refine masks=refine-s:official --set refine.mask=true",
        f"run --trackers csrt {where} --refine refine-s:official",
    ]


@pytest.fixture
def study(tmp_path: Path) -> Study:
    sources = TrainSources(stills=make_stills(tmp_path / "data"), val=(make_validation(tmp_path / "data"),))
    return Study(kind=AR, out=tmp_path / "out", sources=sources, steps=2, samples=4, overrides=SMALL, device="cpu")


def test_boxes_come_before_runs(study: Study) -> None:
    tasks = tasks_of(study, [StudyRun(row, 0) for row in AR.rows()], parts=2)
    assert [type(task) for task in tasks] == [TrackBase, TrackBase, Prepare, Prepare, *[TrainAndTrack] * 6]
    assert tasks[-1].needs == {task.key for task in tasks[:4]}
    with pytest.raises(LockonError, match=r"--cache features is for trackers.*give --cache images"):
        Prepare(replace(study, cache="features"), StudyRun(Row("refine-s", "base"), 0)).do(lambda _: None)
    alone = tasks_of(replace(study, cache="none"), [StudyRun(Row("refine-s", "base"), 0)], parts=2)
    assert alone[-1].needs == {"boxes of lockon-s", "boxes of csrt"}


@pytest.mark.parametrize("row", AR.rows(only=list(AR.variants)), ids=lambda row: row.variant)
def test_every_row_learns(study: Study, row: Row) -> None:
    """From the samples of its baseline, which differs in what the row says and nothing else."""
    made, base = (study.recipe(StudyRun(one, 0)) for one in (row, Row(row.tracker, "base")))
    losses = made.task.loss(collate([made.pipeline.sample(index) for index in range(2)]))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert ("mask" in losses) == (not row.variant.endswith("no-mask"))
    assert ("confidence" in losses) == row.variant.startswith("rpn")
    first, second = flatten(base.settings), flatten(made.settings)
    assert {name for name in first if first[name] != second[name]} == set(AR.settings(row))
    assert second["model.appearance"] is False  # heads must not see past the matching
    assert second["data.size"] == 64  # samples of another size are others to the cache
    sample, other = made.pipeline.sample(0), base.pipeline.sample(0)
    assert all(np.array_equal(sample[name], other[name]) for name in other)


@pytest.mark.slow
def test_a_run_from_samples_to_metrics(study: Study) -> None:
    said: list[str] = []
    run = StudyRun(Row("refine-s", "base"), 0)
    for task in tasks_of(study, [run, StudyRun(Row("refine-s", "no-mask"), 0)], parts=1):
        task.do(said.append)
    assert "refining the truth after jitter" in said
    assert "refining 2/2 videos" in said
    assert Store(study.base).trackers() == ["csrt", "lockon-s"]
    assert len(list((study.out / "cache").iterdir())) == 1
    assert read_weights(study.weights(run))[1]["study"]["budget"]["refine-s"]["model.size"] == 128
    rows, names = read_scores(study.out, AR)
    assert ([row.row.variant for row in rows], names) == (["base", "no-mask"], ["one", "two"])
    assert np.isfinite(rows[0].by_seed("AO csrt")).all()
    before = measured_file(study.out, run.label).stat().st_mtime_ns
    TrainAndTrack(study, run).do(said.append)  # finished: nothing is done again
    assert measured_file(study.out, run.label).stat().st_mtime_ns == before
