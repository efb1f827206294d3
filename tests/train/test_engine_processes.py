"""The loop in processes of its own: killed and resumed, stopped by Ctrl-C, several under torchrun."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny_run
import torch
from safetensors.torch import load_file

PROGRAM = Path(tiny_run.__file__)
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}


def start(*words: object, launcher: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *launcher, str(PROGRAM), *map(str, words)], env=ENVIRONMENT, stderr=subprocess.PIPE)


def finish(process: subprocess.Popen[bytes]) -> int:
    _, errors = process.communicate(timeout=120)
    if process.returncode not in (0, 130):
        raise AssertionError(errors.decode())
    return process.returncode


def straight(run: Path, *words: str) -> None:
    """A whole run in this process, which spares the start of another: what the others must equal."""
    with pytest.raises(SystemExit) as ended:
        tiny_run.main(str(run), *words)
    assert ended.value.code == 0


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "the run ended early"
        assert time.monotonic() < end, f"no {path}"
        time.sleep(0.01)


def assert_equal_checkpoints(first: Path, second: Path, step: int) -> None:
    for name in ("model", "ema", "optimizer", "rng-0"):
        ours, theirs = (load_file(run / "checkpoints" / f"step-{step:06d}" / f"{name}.safetensors") for run in (first, second))
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            assert torch.equal(value, theirs[key]), f"{name} {key}"


@pytest.mark.slow
def test_twenty_steps_a_kill_and_a_resume_equal_forty_straight_steps(tmp_path: Path) -> None:
    straight(tmp_path / "straight", "machine.workers=1")
    killed = start(tmp_path / "killed", "machine.workers=1", "slow=0.03")
    wait_for(tmp_path / "killed" / "checkpoints" / "step-000020" / "state.json", killed)
    time.sleep(0.05)  # into step 21 or 22, which is lost
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert killed.returncode == -signal.SIGKILL
    newest = max((tmp_path / "killed" / "checkpoints").glob("step-*")).name
    assert newest in ("step-000020", "step-000025")
    assert finish(start(tmp_path / "killed", "machine.workers=1", "resume")) == 0
    assert_equal_checkpoints(tmp_path / "straight", tmp_path / "killed", 40)


@pytest.mark.slow
def test_ctrl_c_saves_the_very_step_and_exits_with_130(tmp_path: Path) -> None:
    straight(tmp_path / "straight", "steps=12")
    stopped = start(tmp_path / "stopped", "steps=12", "slow=0.05", "machine.workers=1")
    wait_for(tmp_path / "stopped" / "checkpoints" / "step-000005" / "state.json", stopped)
    stopped.send_signal(signal.SIGINT)
    assert finish(stopped) == 130
    assert finish(start(tmp_path / "stopped", "steps=12", "resume")) == 0
    assert_equal_checkpoints(tmp_path / "straight", tmp_path / "stopped", 12)


@pytest.mark.slow
def test_two_processes_sum_their_gradients_as_two_passes_of_one_process_do(tmp_path: Path) -> None:
    common = ("steps=4", "dropout=0", "norm=0", "batch_size=4", "gradients.reduction=sum", "optimizer=sgd", "gradients.skip_above=1e4")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert finish(start(tmp_path / "two", *common, launcher=launcher)) == 0
    straight(tmp_path / "one", *common, "gradients.accumulate=2")
    two = load_file(tmp_path / "two" / "rank-0.safetensors")
    one = load_file(tmp_path / "one" / "checkpoints" / "step-000004" / "model.safetensors")
    for name, value in two.items():
        torch.testing.assert_close(value, one[name], rtol=1e-4, atol=1e-6, msg=name)


@pytest.mark.slow
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path) -> None:
    common = ("steps=4", "dropout=0", "norm=0", "unfreeze=((0,0),(2,1))")
    launcher = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    assert finish(start(tmp_path / "two", *common, "batch_size=4", launcher=launcher)) == 0
    straight(tmp_path / "one", *common, "batch_size=8")
    first, second = (load_file(tmp_path / "two" / f"rank-{rank}.safetensors") for rank in (0, 1))
    single = load_file(tmp_path / "one" / "checkpoints" / "step-000004" / "model.safetensors")
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        torch.testing.assert_close(value, single[name], rtol=1e-4, atol=1e-5, msg=name)
    assert (tmp_path / "two" / "checkpoints" / "step-000004" / "rng-1.safetensors").exists()
