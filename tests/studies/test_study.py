"""A study from samples to page on a handful of made images; and what its cache of features is worth."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs the torch extra")
pytest.importorskip("lightning_fabric", reason="needs the train extra")

from lockon.bench.store import Store  # noqa: E402
from lockon.config import flatten  # noqa: E402
from lockon.errors import LockonError  # noqa: E402
from lockon.studies import KINDS  # noqa: E402
from lockon.studies.features import FrozenFeatures, is_frozen, take_backbone  # noqa: E402
from lockon.studies.measured import measured_file  # noqa: E402
from lockon.studies.metrics import VOT  # noqa: E402
from lockon.studies.settings import Study  # noqa: E402
from lockon.studies.spec import Row, StudyRun, Variant  # noqa: E402
from lockon.studies.summary import read_scores  # noqa: E402
from lockon.studies.training import Prepare, TrainAndTrack, progress_of, tasks_of  # noqa: E402
from lockon.train.checkpoint import read_weights  # noqa: E402
from lockon.train.loader import collate  # noqa: E402
from lockon.train.recipe import TrainSources  # noqa: E402
from tiny_training_data import make_stills, make_validation  # noqa: E402

SMALL = {"model.channels": 8, "train.batch_size": 2, "train.schedule.warmup_steps": 0, "train.machine.precision": "fp32"}
SMALL |= {"model.template_size": 64, "model.search_size": 96, "train.output.save_every": 1, "train.output.log_every": 1}
RBO, SIAMLA, DUML = KINDS["rbo"], KINDS["siamla"], KINDS["duml"]
BASE, ALL = (StudyRun(Row("compact-ban", variant), 0) for variant in ("base", "cr-igr"))


@pytest.fixture
def study(tmp_path: Path) -> Study:
    stills, val = make_stills(tmp_path / "data"), make_validation(tmp_path / "data")
    sources = TrainSources(stills=stills, val=(val,))
    return Study(kind=RBO, out=tmp_path / "out", sources=sources, steps=3, samples=4, overrides=SMALL, device="cpu", batch=2)


def test_tasks_prepare_each_family_and_seed_once(study: Study) -> None:
    runs = [StudyRun(row, seed) for seed in (0, 1) for row in RBO.rows()]
    tasks = tasks_of(study, runs, parts=2)
    prepare = [task for task in tasks if isinstance(task, Prepare)]
    assert len(prepare) == 4
    assert len({task.key for task in tasks}) == len(tasks) == 4 + len(runs)
    train = next(task for task in tasks if task.key == "compact-rpn.base.s1")
    assert train.needs == {task.key for task in prepare if task.run.seed == 1}
    assert all(isinstance(task, TrainAndTrack) for task in tasks_of(replace(study, cache="none"), runs, parts=2))


def test_features_take_the_place_of_crops(study: Study) -> None:
    """A task that is given the maps and has no backbone says the same as one that is given the crops."""
    recipe = study.recipe(BASE)
    assert is_frozen(recipe)
    module = recipe.task.module.train()
    crops = collate([recipe.pipeline.sample(index) for index in range(2)])
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = recipe.task.loss(crops)
    features = FrozenFeatures(recipe.pipeline, take_backbone(module))
    sample = features.sample(0)
    assert (sample["search"].shape, sample["search"].dtype) == ((6, 6, 112), np.float16)
    module.train()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = recipe.task.loss(collate([features.sample(index) for index in range(2)]))
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=0.05, atol=0.05)  # bfloat16 where the machine has it


def test_what_counts_as_frozen(study: Study) -> None:
    for schedule, frozen in (("((0,0),)", True), ("((0,0),(0.5,1))", False), ("()", False)):
        assert is_frozen(replace(study, overrides={**SMALL, "train.unfreeze": schedule}).recipe(BASE)) == frozen
    learning = replace(study, cache="features", overrides={**SMALL, "train.unfreeze": "((0,1),)"})
    with pytest.raises(LockonError, match="the backbone learns in these runs; give --cache images"):
        Prepare(learning, BASE).do(lambda _: None)


@pytest.mark.slow
def test_a_study_from_samples_to_weights(study: Study) -> None:
    said: list[str] = []
    Prepare(study, BASE).do(said.append)
    assert said == ["1/1 shards"]
    assert progress_of(study, BASE.label) == ""
    for run in (BASE, ALL):
        TrainAndTrack(study, run).do(said.append)
    assert said[1:] == ["training", "tracking"] * 2
    assert progress_of(study, BASE.label) == ""  # it is over
    tensors, header = read_weights(study.weights(ALL))
    assert header["study"]["row"] == "compact-ban.cr-igr"
    assert any(name.startswith("backbone.") for name in tensors)
    other, _ = read_weights(study.weights(BASE))
    assert all(torch.equal(tensors[name], other[name]) for name in tensors if name.startswith("backbone."))
    assert not torch.equal(tensors["neck.0.weight"], other["neck.0.weight"])
    first, second = (json.loads((study.folder(run) / "log.jsonl").read_text().splitlines()[0]) for run in (BASE, ALL))
    assert first["box"] == pytest.approx(second["box"])  # equal samples and equal initial weights
    assert "rank_cls" in second
    assert "rank_cls" not in first
    assert Store(study.bench).trackers() == [BASE.label, ALL.label]
    assert Store(study.bench).protocols(BASE.label) == ["one-pass", "reset"]
    assert not measured_file(study.out, ALL.label).exists()
    before = study.weights(BASE).stat().st_mtime_ns
    TrainAndTrack(study, BASE).do(said.append)  # finished: nothing is done again
    assert said[-1] == "tracking"
    assert study.weights(BASE).stat().st_mtime_ns == before


@pytest.mark.slow
def test_a_row_tracks_with_the_weights_of_another(study: Study) -> None:
    """It waits for the other's training, trains nothing, and its inference parameters count."""
    still = Variant("keeps its size", inference={"localizer.size_lr": 0.0}, of="base")
    study = replace(study, kind=replace(RBO, variants={**RBO.variants, "still": still}, metrics=VOT))
    run = StudyRun(Row("compact-ban", "still"), 0)
    with pytest.raises(LockonError, match=r"compact-ban.still.s0 tracks with the weights of compact-ban.base.s0, which are not there"):
        TrainAndTrack(study, run).do(lambda _: None)
    tasks = tasks_of(study, [run, BASE], parts=1)
    assert next(task for task in tasks if task.key == run.label).needs == {BASE.label}
    for task in sorted(tasks, key=lambda task: (isinstance(task, TrainAndTrack), task.key)):  # as their needs say
        task.do(lambda _: None)
    assert not study.folder(run).exists()
    boxes = Store(study.bench).records(run.label)[0].run.boxes
    np.testing.assert_allclose(boxes[1:, 2:], np.broadcast_to(boxes[0, 2:], boxes[1:, 2:].shape))
    rows, _ = read_scores(study.out, study.kind)
    assert [row.row.variant for row in rows] == ["base", "still"]
    assert all(np.isfinite(row.by_seed(name)).all() for row in rows for name in ("R", "AO", "AUC"))
    assert all(np.isnan(row.values["A"]).all() for row in rows)  # all frames of these clips are within ten frames of a start


@pytest.mark.slow
def test_a_stopped_run_goes_on(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The weights of a run that was stopped after a step are those of one that was not."""
    from lockon.studies import training
    from lockon.train.engine import Engine

    whole = replace(study, out=study.out / "whole")
    for one in (whole, study):
        Prepare(one, ALL).do(lambda _: None)
    monkeypatch.setattr(training, "judge", lambda *_: None)
    TrainAndTrack(whole, ALL).do(lambda _: None)
    monkeypatch.setattr(training, "Engine", lambda *words, **options: Engine(*words, stop_after_minutes=1e-9, **options))
    with pytest.raises(KeyboardInterrupt):
        TrainAndTrack(study, ALL).do(lambda _: None)
    assert not study.weights(ALL).exists()
    assert progress_of(study, ALL.label).startswith("step 1, loss ")
    monkeypatch.setattr(training, "Engine", Engine)
    TrainAndTrack(study, ALL).do(lambda _: None)
    expected, found = (read_weights(one.weights(ALL))[0] for one in (whole, study))
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_rows_of_duml_learn_from_three_kinds_of_samples(study: Study) -> None:
    """Rows with a filter from sequences, whose labels differ, those without from pairs; what shares weights prepares nothing."""
    runs = [StudyRun(row, 0) for row in DUML.rows()]
    tasks = tasks_of(replace(study, kind=DUML), runs, parts=1)
    prepared = [task.key for task in tasks if isinstance(task, Prepare)]
    assert prepared == [f"samples of compact ({kind}), seed 0, part 1 of 1" for kind in ("pairs", "onc5s", "onr")]
    needs = {task.run.row.variant: task.needs for task in tasks if isinstance(task, TrainAndTrack)}
    assert needs["base"] == needs["ofr"] == {prepared[0]}
    assert needs["onr"] == needs["ofc-onr"] == {prepared[2]}
    assert needs["vote"] == needs["mu-20"] == {"compact-duml.ofc-onr.s0"}


DUML_TERMS = {"base": {"cls"}, "ofr": {"cls"}, "onc": {"online"}, "onr": {"online"}, "ofc-onc": {"cls", "online"}}


@pytest.mark.parametrize(("variant", "terms"), DUML_TERMS.items())
def test_rows_of_duml_learn_what_their_modalities_say(study: Study, variant: str, terms: set[str]) -> None:
    """From as many search crops for an update; rows of the same seed begin with the same boxes."""
    duml = replace(study, kind=DUML)
    made, base = (duml.recipe(StudyRun(Row("compact-duml", name), 0)) for name in (variant, "ofc-onr"))
    sample = made.pipeline.sample(0)
    losses = made.task.loss(collate([sample, made.pipeline.sample(1)]))
    assert losses.keys() == {"loss", "box", "quality", "iou", *terms}
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    first, second = (dict(one.task.module.head.boxes.named_parameters()) for one in (made, base))
    assert all(torch.equal(first[name], second[name]) for name in first)
    batch = made.config.batch_size * made.config.gradients.accumulate
    assert batch * len(sample.get("test", [0])) == 2 * study.overrides["train.batch_size"]


@pytest.mark.parametrize("row", [*SIAMLA.rows(only=list(SIAMLA.variants)), *SIAMLA.rows(["compact-ban"])], ids=lambda row: row.name)
def test_every_row_of_siamla_learns(study: Study, row: Row) -> None:
    """And differs from its baseline in what the row says, nothing else."""
    made, base = (replace(study, kind=SIAMLA).recipe(StudyRun(one, 0)) for one in (row, Row(row.tracker, "base")))
    losses = made.task.loss(collate([made.pipeline.sample(index) for index in range(2)]))
    losses["loss"].backward()
    assert all(torch.isfinite(value) for value in losses.values())
    assert ("quality" in losses) == (row.tracker == "compact-car")
    first, second = flatten(base.settings), flatten(made.settings)
    settings = SIAMLA.settings(row)
    parts = [name for name in settings if f"{name}.part" in second]

    def owner(name: str) -> str:
        return next((part for part in parts if name.startswith(f"{part}.")), name)

    different = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    assert {owner(name) for name in different} == {owner(name) for name in settings}
    assert all(second[f"{name}.part" if name in parts else name] == value for name, value in settings.items())
    assert made.header["config"]["model"]["branch"] == second["model.branch"]  # so that the weights can be loaded
    weights = [dict(one.task.module.named_parameters()) for one in (made, base)]
    shared = weights[0].keys() & weights[1].keys()
    assert len(shared) > 30
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in shared)


@pytest.mark.slow
def test_a_run_of_siamla_is_measured_once(study: Study) -> None:
    study, run = replace(study, kind=SIAMLA), StudyRun(Row("compact-car", "all"), 0)
    said: list[str] = []
    Prepare(study, run).do(said.append)
    TrainAndTrack(study, run).do(said.append)
    file = measured_file(study.out, run.label)
    assert said[-1].startswith("measuring ")
    assert read_weights(study.weights(run))[1]["config"]["model"]["branch"] == "localization"
    assert read_weights(study.weights(run))[1]["study"]["study"] == "siamla"
    before = file.stat().st_mtime_ns
    TrainAndTrack(study, run).do(said.append)
    assert (said[-1], file.stat().st_mtime_ns) == ("tracking", before)
    assert [row.row.name for row in read_scores(study.out, SIAMLA)[0]] == ["compact-car.all"]


def test_a_folder_belongs_to_one_study(study: Study) -> None:
    study.claim()
    study.claim()
    with pytest.raises(LockonError, match=r"holds a study with other settings: study \('rbo' -> 'siamla'\)"):
        replace(study, kind=SIAMLA).claim()
    with pytest.raises(LockonError, match=r"holds a study with other settings: steps \(3 -> 4\)"):
        replace(study, steps=4).claim()
    (study.out / "study.json").write_text("[]")
    with pytest.raises(LockonError, match="holds a list, expected one JSON object"):
        study.claim()


def test_wrong_studies(study: Study) -> None:
    with pytest.raises(LockonError, match="unknown training recipe 'compact-bam'"):
        study.recipe(StudyRun(Row("compact-bam", "base"), 0))
    with pytest.raises(LockonError, match="needs validation videos"):
        replace(study, sources=replace(study.sources, val=())).validation()
