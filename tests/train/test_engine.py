"""The loop on a tiny task: what it writes, when it stops, what it refuses."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tiny_run import TinyTask, config, quiet, recipe

from lockon.errors import LockonError, OutputError
from lockon.train.checkpoint import Checkpoints, read_weights, save_weights
from lockon.train.engine import Engine
from lockon.train.launch import make_fabric
from lockon.train.recipe import Recipe


def engine(made: Recipe, run: Path, **options: Any) -> Engine:
    return Engine(made, run, device="cpu", console=quiet(), **options)


def with_validation(made: Recipe, validate: Any) -> Recipe:
    return Recipe(task=made.task, pipeline=made.pipeline, config=made.config, validate=validate, header=made.header)


def records(run: Path, kind: str) -> list[dict[str, float]]:
    return [record for record in map(json.loads, (run / "log.jsonl").read_text().splitlines()) if record["kind"] == kind]


def test_a_run_learns_and_leaves_its_files(tmp_path: Path) -> None:
    outcome = engine(recipe(config(steps=60)), tmp_path / "run").fit()
    assert (outcome.status, outcome.state.step) == ("finished", 60)
    train = records(tmp_path / "run", "train")
    assert [record["step"] for record in train] == list(range(5, 61, 5))
    assert train[-1]["loss"] < 0.5 * train[0]["loss"]
    assert {"regression", "gradient_norm", "learning_rate", "samples_per_second", "waiting"} <= train[0].keys()
    assert Checkpoints(tmp_path / "run", 2).steps() == [55, 60]
    weights, header = read_weights(tmp_path / "run" / "last.safetensors")
    assert header["architecture"] == "tiny"
    assert header["training"]["step"] == 60
    assert "head.weight" in weights
    assert list((tmp_path / "run" / "tensorboard").iterdir())


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(weights: Any, path: Path, header: Any = None) -> None:
        if path.name == "optimizer.safetensors":
            raise OutputError(f"cannot write {path}: No space left on device")
        save_weights(weights, path, header)

    monkeypatch.setattr("lockon.train.engine.save_weights", full)
    with pytest.raises(OutputError, match="No space left"):
        engine(recipe(config(steps=5)), tmp_path / "run").fit()
    assert list((tmp_path / "run" / "checkpoints").iterdir()) == []


def test_accumulating_equals_one_large_batch(tmp_path: Path) -> None:
    whole = recipe(config(steps=4, batch_size=8), dropout=0.0, norm=False)
    halves = recipe(config({"gradients.accumulate": 2}, steps=4, batch_size=4), dropout=0.0, norm=False)
    engine(whole, tmp_path / "whole").fit()
    engine(halves, tmp_path / "halves").fit()
    torch.testing.assert_close(whole.task.module.state_dict(), halves.task.module.state_dict(), rtol=1e-4, atol=1e-6)


def test_the_sum_of_gradients_is_their_mean_at_a_multiple_of_the_rate(tmp_path: Path) -> None:
    common = {"steps": 4, "gradients.accumulate": 2, "optimizer": "sgd", "gradients.clip_norm": 0.0, "optimizer.weight_decay": 0.0}
    summed = recipe(config({**common, "gradients.reduction": "sum"}), dropout=0.0)
    mean = recipe(config({**common, "optimizer.learning_rate": 0.02}), dropout=0.0)
    engine(summed, tmp_path / "sum").fit()
    engine(mean, tmp_path / "mean").fit()
    torch.testing.assert_close(summed.task.module.state_dict(), mean.task.module.state_dict(), rtol=1e-5, atol=1e-7)


def test_an_update_with_a_bad_loss_is_left_out_and_counted(tmp_path: Path) -> None:
    output = {"output.save_every": 1, "output.keep": 20, "output.log_every": 1}
    made = recipe(config({"gradients.skip_above": 1e4, **output}, steps=10), bad_step=7)
    assert engine(made, tmp_path / "run").fit().status == "finished"
    log = {record["step"]: record for record in records(tmp_path / "run", "train")}
    assert [step for step, record in log.items() if record["skipped"]] == [8]
    assert "loss" not in log[8]
    for name in ("model", "ema"):
        before, after = (load_file(tmp_path / "run" / "checkpoints" / f"step-{step:06d}" / f"{name}.safetensors") for step in (7, 8))
        learnt = [key for key in before if not key.startswith("norm.")] if name == "model" else list(before)
        assert all(torch.equal(before[key], after[key]) for key in learnt), name


def test_a_loss_above_the_limit_is_left_out(tmp_path: Path) -> None:
    made = recipe(config({"gradients.skip_above": 1e-9}, steps=10))
    before = {name: value.clone() for name, value in made.task.module.named_parameters()}
    assert engine(made, tmp_path / "run").fit().status == "finished"
    assert all(torch.equal(before[name], value) for name, value in made.task.module.named_parameters())


def test_a_run_that_only_leaves_out_updates_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lockon.train.update.SKIPS_IN_A_ROW", 3)
    with pytest.raises(LockonError, match=r"3 updates in a row left out, the last at step 3 \(loss .*samples sample 8"):
        engine(recipe(config({"gradients.skip_above": 1e-9})), tmp_path / "run").fit()


def test_weights_that_broke_are_not_skipped_over(tmp_path: Path) -> None:
    made = recipe(config({"gradients.skip_above": 1e4}))
    with torch.no_grad():
        made.task.module.norm.running_mean.fill_(torch.nan)  # type: ignore[union-attr]  # what a batch of nan leaves behind
    made.task.bad_step = 0  # type: ignore[attr-defined]
    with pytest.raises(LockonError, match="not finite at step 1 "):
        engine(made, tmp_path / "run").fit()


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_momentum_is_forgotten_where_stages_start_to_learn_and_a_resumed_run_does_the_same(tmp_path: Path, optimizer: str) -> None:
    values = {"steps": 8, "optimizer": optimizer, "optimizer.forget_momentum": True, "unfreeze": ((0, 0), (0.5, 1))}
    values |= {"output.save_every": 1, "output.keep": 20}
    engine(recipe(config(values)), tmp_path / "straight").fit()

    def state(step: int, run: str = "straight") -> dict[str, torch.Tensor]:
        return load_file(tmp_path / run / "checkpoints" / f"step-{step:06d}" / "optimizer.safetensors")

    if optimizer == "adamw":
        assert [int(state(step)["head.weight:step"]) for step in (4, 5, 8)] == [4, 1, 4]
    keys = [{key.partition(":")[0] for key in state(step)} for step in (4, 5)]
    assert "backbone.conv.weight" not in keys[0]
    assert "backbone.conv.weight" in keys[1]
    paused = engine(recipe(config(values)), tmp_path / "halves")
    paused.task.on_step = lambda step: os.kill(os.getpid(), signal.SIGINT) if step == 3 else None  # type: ignore[attr-defined]
    assert paused.fit().state.step == 4
    engine(recipe(config(values)), tmp_path / "halves", resume=True).fit()
    first, second = state(8), state(8, "halves")
    assert first.keys() == second.keys()
    assert all(torch.equal(first[key], second[key]) for key in first)


def test_epochs_of_pairs_give_the_steps(tmp_path: Path) -> None:
    parts = {"schedule": "log-decay", "schedule.warmup_epochs": 1, "optimizer": "sgd", "output.log_every": 1}
    made = recipe(config(parts, steps=0, epochs=3, pairs_per_epoch=9))
    assert engine(made, tmp_path / "run").fit().state.step == 6  # 9 pairs are two batches of four
    rates = [record["learning_rate"] for record in records(tmp_path / "run", "train")]
    assert rates == pytest.approx([0.002, 0.002, 0.01, 0.01, 0.0001, 0.0001])


def test_a_run_of_an_earlier_version_resumes_with_defaults_for_what_it_lacks(tmp_path: Path) -> None:
    made = recipe(config(steps=4))
    engine(replace(made, settings={"loss": {"weight": 1.0}}), tmp_path / "run", stop_after_minutes=1e-6).fit()
    path = tmp_path / "run" / "checkpoints" / "step-000001" / "state.json"
    state = json.loads(path.read_text())
    train = state["settings"]["train"]
    del train["gradients"], train["optimizer"]["multipliers"], train["schedule"]["final_lr_ratio"], train["seed"]
    path.write_text(json.dumps(state))
    grown = replace(made, settings={"loss": {"weight": 1.0, "ranking": 0.0}}, defaults={"loss": {"weight": 5.0, "ranking": 0.0}})
    assert engine(grown, tmp_path / "run", resume=True).fit().status == "finished"
    path.write_text(json.dumps(state))
    changed = replace(grown, settings={"loss": {"weight": 1.0, "ranking": 0.5}}, config=config({"gradients.reduction": "sum"}, steps=4))
    (tmp_path / "run" / "checkpoints" / "step-000004" / "state.json").unlink()
    with pytest.raises(LockonError, match=r"train.gradients.reduction \('mean' -> 'sum'\), loss.ranking \(0.0 -> 0.5\);"):
        engine(changed, tmp_path / "run", resume=True)


def test_unfreeze_schedule_holds_the_backbone_and_then_lets_it_learn(tmp_path: Path) -> None:
    made = recipe(config({"output.save_every": 1, "output.keep": 20}, steps=10, unfreeze=((0.0, 0), (0.5, 1))))
    initial = made.task.module.backbone.conv.weight.detach().clone()  # type: ignore[union-attr]
    engine(made, tmp_path / "run").fit()

    def saved(step: int) -> torch.Tensor:
        return load_file(tmp_path / "run" / "checkpoints" / f"step-{step:06d}" / "model.safetensors")["backbone.conv.weight"]

    assert torch.equal(saved(5), initial)
    assert not torch.equal(saved(6), initial)


def test_unfreeze_needs_a_backbone_that_can(tmp_path: Path) -> None:
    made = recipe(config(unfreeze=((0.0, 1),)))
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 1))
    with pytest.raises(LockonError, match=r"leave train.unfreeze empty"):
        engine(Recipe(task=TinyTask(module), pipeline=made.pipeline, config=made.config), tmp_path / "run").fit()


def test_best_weights_are_those_of_the_best_validation(tmp_path: Path) -> None:
    scores = iter([0.3, 0.6, 0.5, 0.2])
    made = with_validation(
        recipe(config({"output.validate_every": 5, "output.save_every": 5, "output.keep": 1}, steps=20)),
        lambda module: {"AO": next(scores), "SR": 0.1},
    )
    outcome = engine(made, tmp_path / "run").fit()
    assert (outcome.state.best_step, outcome.state.best_value) == (10, 0.6)
    weights, header = read_weights(tmp_path / "run" / "best.safetensors")
    assert header["training"]["step"] == 10
    assert header["metrics"] == {"AO": 0.6, "SR": 0.1}
    assert Checkpoints(tmp_path / "run", 1).steps() == [10, 20]
    kept = load_file(tmp_path / "run" / "checkpoints" / "step-000010" / "ema.safetensors")
    assert all(torch.equal(weights[name], kept[name]) for name in kept)
    assert [record["AO"] for record in records(tmp_path / "run", "val")] == [0.3, 0.6, 0.5, 0.2]


def test_validating_does_not_change_what_is_learnt(tmp_path: Path) -> None:
    def validate(module: torch.nn.Module) -> dict[str, float]:
        assert not module.training
        return {"AO": float(torch.rand(()))}

    plain, checked = recipe(config(steps=10)), recipe(config({"output.validate_every": 2}, steps=10))
    engine(plain, tmp_path / "plain").fit()
    engine(with_validation(checked, validate), tmp_path / "checked").fit()
    for name, value in plain.task.module.state_dict().items():
        assert torch.equal(value, checked.task.module.state_dict()[name]), name


def test_a_validation_without_the_metric_is_refused(tmp_path: Path) -> None:
    made = with_validation(recipe(config(steps=2)), lambda module: {"AUC": 0.5, "P20": 0.5})
    with pytest.raises(LockonError, match=r"no 'AO'; set train.output.best_metric to one of AUC, P20"):
        engine(made, tmp_path / "run").fit()


def test_a_loss_that_is_not_finite_stops_with_the_samples(tmp_path: Path) -> None:
    run = tmp_path / "run"
    with pytest.raises(LockonError, match=r"not finite at step 8 .*sample 28, sample 29, sample 30, sample 31"):
        engine(recipe(config(), bad_step=7), run).fit()
    dumped = json.loads((run / "nonfinite.json").read_text())
    assert dumped["step"] == 8
    assert dumped["batches"][0]["ids"] == [f"sample {index}" for index in range(28, 32)]
    assert dumped["batches"][0]["losses"]["loss"] == "nan"
    assert Checkpoints(run, 2).steps() == [0, 5]


def test_the_time_limit_saves_and_a_resumed_run_goes_on(tmp_path: Path) -> None:
    first = engine(recipe(config(steps=6)), tmp_path / "run", stop_after_minutes=1e-6).fit()
    assert (first.status, first.state.step) == ("paused", 1)
    second = engine(recipe(config(steps=6)), tmp_path / "run", resume=True)
    assert second.state.step == 1
    assert second.fit().status == "finished"
    assert engine(recipe(config(steps=6)), tmp_path / "run", resume=True).fit().status == "finished"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_the_step_that_was_done(tmp_path: Path, number: signal.Signals) -> None:
    made = recipe(config())
    made.task.on_step = lambda step: os.kill(os.getpid(), number) if step == 6 else None  # type: ignore[attr-defined]
    before = signal.getsignal(number)
    outcome = engine(made, tmp_path / "run").fit()
    assert (outcome.status, outcome.state.step) == ("interrupted", 7)
    assert Checkpoints(tmp_path / "run", 2).steps() == [5, 7]
    assert signal.getsignal(number) is before


def test_a_signal_during_validation_ends_it_and_the_resumed_run_repeats_it(tmp_path: Path) -> None:
    def interrupted(module: torch.nn.Module) -> dict[str, float]:
        os.kill(os.getpid(), signal.SIGINT)
        return {"AO": 0.1}

    made = recipe(config({"output.validate_every": 5}, steps=10))
    outcome = engine(with_validation(made, interrupted), tmp_path / "run").fit()
    assert (outcome.status, outcome.state.step, outcome.state.best_step) == ("interrupted", 5, None)
    scores = iter([0.7, 0.4])
    resumed = with_validation(recipe(config({"output.validate_every": 5}, steps=10)), lambda module: {"AO": next(scores)})
    outcome = engine(resumed, tmp_path / "run", resume=True).fit()
    assert (outcome.status, outcome.state.best_step) == ("finished", 5)


def test_a_used_folder_is_refused_without_resume(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(LockonError, match="is not empty; add --resume"):
        engine(recipe(config()), tmp_path)


def test_resuming_with_other_settings_names_them(tmp_path: Path) -> None:
    engine(recipe(config(steps=2)), tmp_path / "run").fit()
    with pytest.raises(LockonError, match=r"train.steps \(2 -> 4\), train.optimizer.learning_rate \(0.01 -> 0.1\)"):
        engine(recipe(config({"optimizer.learning_rate": 0.1}, steps=4)), tmp_path / "run", resume=True)
    engine(recipe(config({"machine.workers": 1, "output.log_every": 1, "output.keep": 9}, steps=2)), tmp_path / "run", resume=True)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match=r"cannot make .*give an --out that can be written"):
        engine(recipe(config()), tmp_path / "file" / "run")


@pytest.mark.parametrize(("device", "message"), [("gpu", "unknown device 'gpu'"), ("mps", "no mps device here")])
def test_devices_that_are_not_here(device: str, message: str) -> None:
    if device == "mps" and torch.backends.mps.is_available():
        pytest.skip("this machine has one")
    with pytest.raises(LockonError, match=message):
        make_fabric(device)


def test_bf16_trains_float32_weights(tmp_path: Path) -> None:
    made = recipe(config({"machine.precision": "bf16"}, steps=3))
    assert engine(made, tmp_path / "run").fit().status == "finished"
    assert {value.dtype for value in made.task.module.parameters()} == {torch.float32}
