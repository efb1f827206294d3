"""What trackers that learn online learn, against the official actors on the same batch (golden/losses/dimp_actor.npz)."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import golden_data
import golden_online
from golden.procedural import smooth_image
from lockon.errors import LockonError
from lockon.ops.boxes import xywh_to_xyxy
from lockon.train.descents import UnrolledDescent
from lockon.train.losses.proposals import BoxDensity
from lockon.train.losses.score_maps import GridCrossEntropy
from lockon.train.sequence_task import SequenceLosses, SequenceTask
from lockon.zoo import atom, dimp

GOLDEN = golden_data.losses("dimp_actor")
SETS = ("dimp18", "super_dimp", "atom")
NAMES = {"proposal_iou": "proposal_iou", "proposal_density": "proposal_density", "truth_density": "gt_density"}
# Batch normalization over two vectors is ill-conditioned: in the box network float64 itself is 0.6 % from the stored float32 gradients.
TRAIN_LIMIT = 1e-2


def losses(name: str) -> SequenceLosses:
    terms = SequenceLosses(box=BoxDensity(weight=0.01)) if name == "super_dimp" else SequenceLosses()
    return (
        replace(terms, **{part: replace(getattr(terms, part), weight=0.0) for part in ("last", "first", "middle")})
        if name == "atom"
        else terms
    )


def batch(name: str, mode: str) -> dict[str, Tensor]:
    def images(role: str) -> Tensor:
        keys = [[f"dimp-actor|main|{role}|{frame}|{sequence}" for frame in range(2)] for sequence in range(2)]
        return torch.from_numpy(np.stack([[smooth_image(key, 96, 96) for key in row] for row in keys]))

    def stored(key: str) -> np.ndarray:
        return np.ascontiguousarray(GOLDEN[f"{name}.{mode}.{key}"].swapaxes(0, 1))

    made = {"train": images("train"), "test": images("test"), "label": torch.from_numpy(stored("label"))}
    made |= {ours: torch.from_numpy(xywh_to_xyxy(stored(key))) for ours, key in (("train_box", "train_anno"), ("proposals", "proposals"))}
    return made | {ours: torch.from_numpy(stored(key)) for ours, key in NAMES.items() if f"{name}.{mode}.{key}" in GOLDEN}


def task_of(name: str, mode: str, given: dict[str, Tensor]) -> SequenceTask:
    """All parameters learn, as when the numbers were made; SuperDiMP's layers that do not are in evaluation mode."""
    module = copy.deepcopy(golden_online.network(name)).train(mode == "train")
    if name == "super_dimp":
        module.backbone.set_trainable(1)
    return SequenceTask(module.requires_grad_(True), losses(name), list(given), None if name == "atom" else UnrolledDescent())


@cache
def learnt(name: str, mode: str) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Losses by name, and the gradients of all parameters."""
    given = batch(name, mode)
    task = task_of(name, mode, given)
    found = task.loss(given)
    found["loss"].backward()
    gradients = {key: value.grad.numpy() for key, value in task.module.named_parameters() if value.grad is not None}
    return {key: value.item() for key, value in found.items()}, gradients


def ours(name: str, official: str) -> str:
    return golden_online.renamed(official, (atom if name == "atom" else dimp).OFFICIAL.renames)


@pytest.mark.parametrize("mode", ["eval", "train"])
@pytest.mark.parametrize("name", SETS)
def test_losses_agree_with_the_official_actor(name: str, mode: str) -> None:
    found, _ = learnt(name, mode)
    stats = json.loads(str(GOLDEN[f"{name}.{mode}.stats"]))
    limit = golden_data.LOSS_LIMIT if mode == "eval" else 5e-5  # as above
    assert found["loss"] == pytest.approx(float(GOLDEN[f"{name}.{mode}.loss"]), rel=limit)
    parts = {"last": "ClfTrain/test_loss", "first": "ClfTrain/test_init_loss", "middle": "ClfTrain/test_iter_loss"}
    expected = {ours: stats[key] for ours, key in parts.items() if key in stats}
    expected["box"] = stats["Loss/bb_ce" if name == "super_dimp" else "Loss/iou"]
    assert {key: value for key, value in found.items() if key != "loss"} == pytest.approx(expected, rel=limit)


@pytest.mark.parametrize("name", SETS)
def test_gradients_of_all_parameters_agree_with_the_official_actor(name: str) -> None:
    _, gradients = learnt(name, "eval")
    names, norms = GOLDEN[f"{name}.eval.grad_names"], GOLDEN[f"{name}.eval.grad_norms"]
    assert {ours(name, key) for key in names.tolist()} == set(gradients)
    found = np.array([np.linalg.norm(gradients[ours(name, key)].astype(np.float64)) for key in names.tolist()])
    np.testing.assert_allclose(found, norms, rtol=1e-3, atol=1e-7 * norms.max())


@pytest.mark.parametrize("name", SETS)
def test_gradients_with_batch_statistics_agree_with_the_official_actor(name: str) -> None:
    """Without those of biases before a normalization, which are 0 but for rounding."""
    _, gradients = learnt(name, "train")
    names, norms = GOLDEN[f"{name}.train.grad_names"].tolist(), GOLDEN[f"{name}.train.grad_norms"]
    kept = [index for index, key in enumerate(names) if norms[index] > 1e-5 * norms.max() and not key.endswith(("0.bias", "linear.bias"))]
    found = np.array([np.linalg.norm(gradients[ours(name, names[index])].astype(np.float64)) for index in kept])
    np.testing.assert_allclose(found, norms[kept], rtol=TRAIN_LIMIT)


WHOLE = [
    (name, mode, key.split(".grad.")[1])
    for name in SETS
    for mode in ("eval", "train")
    for key in GOLDEN
    if key.startswith(f"{name}.{mode}.grad.") and not (mode == "train" and key.endswith("fc34_3r.0.bias"))
]


@pytest.mark.parametrize(("name", "mode", "key"), WHOLE)
def test_whole_gradients_agree_with_the_official_actor(name: str, mode: str, key: str) -> None:
    expected = GOLDEN[f"{name}.{mode}.grad.{key}"]
    found = learnt(name, mode)[1][ours(name, key)].reshape(expected.shape)
    limit = 1e-4 if mode == "eval" else 1e-3
    np.testing.assert_allclose(found, expected, atol=limit * np.abs(expected).max(), rtol=0)


def small(name: str = "dimp18") -> nn.Module:
    torch.manual_seed(0)
    if name == "atom":
        return atom.build(atom.NETWORKS["atom"])
    return dimp.build(dimp.NETWORKS[name])


def reached(task: SequenceTask, given: dict[str, Tensor], term: str) -> set[str]:
    """The parts of the network that a single term moves."""
    task.module.zero_grad(set_to_none=True)
    task.loss(given)[term].backward()
    names = [key for key, value in task.module.named_parameters() if value.grad is not None and bool(value.grad.abs().sum() > 0)]
    return {key.split(".")[0] for key in names}


def test_gradients_flow_where_they_should_and_nowhere_else() -> None:
    given = batch("dimp18", "eval")
    task = task_of("dimp18", "eval", given)
    assert reached(task, given, "box") == {"backbone", "iou"}
    assert reached(task, given, "first") == {"backbone", "classification", "initializer"}
    assert reached(task, given, "last") == {"backbone", "classification", "initializer", "optimizer"}


def test_frozen_layers_have_no_gradient_and_keep_their_statistics() -> None:
    """SuperDiMP: of the backbone layer 3 alone learns."""
    given = batch("super_dimp", "train")
    module = small("superdimp").train()
    module.backbone.set_trainable(1)  # type: ignore[operator, union-attr]  # as `train.unfreeze` does
    before = {key: value.clone() for key, value in module.named_buffers()}
    task = SequenceTask(module, losses("super_dimp"), list(given), UnrolledDescent())  # type: ignore[arg-type]
    task.loss(given)["loss"].backward()
    learning = {key.split(".")[1] for key, value in module.named_parameters() if key.startswith("backbone.") and value.grad is not None}
    assert learning == {"layer3"}
    moved = {key.split(".")[1] for key, value in module.named_buffers() if key.startswith("backbone.") and not value.equal(before[key])}
    assert moved == {"layer3"}


def test_atom_leaves_its_backbone_alone() -> None:
    given = batch("atom", "train")
    module = small("atom").train()
    module.backbone.set_trainable(0)  # type: ignore[operator, union-attr]
    task = SequenceTask(module, losses("atom"), list(given))  # type: ignore[arg-type]
    assert reached(task, given, "loss") == {"iou"}


def test_the_first_train_frame_alone_is_the_box_networks_reference() -> None:
    given = batch("atom", "eval")
    task = SequenceTask(small("atom").eval(), losses("atom"), list(given))  # type: ignore[arg-type]
    with torch.no_grad():
        one = task.loss(given)["box"]
        assert task.loss({**given, "train": given["train"].clone().index_fill_(1, torch.tensor(1), 0)})["box"] == one
        assert task.loss({**given, "train": given["train"].clone().index_fill_(1, torch.tensor(0), 0)})["box"] != one


@pytest.mark.parametrize(
    ("changes", "arrays", "descent", "text"),
    [
        ({}, ("label", "proposal_iou"), None, "loss.last given for a network without a filter optimiser"),
        ({}, ("proposal_iou",), UnrolledDescent(), "label"),
        ({"box": BoxDensity()}, ("label", "proposal_iou"), UnrolledDescent(), "proposal_density"),
        ({"last": GridCrossEntropy()}, ("proposal_iou",), UnrolledDescent(), "label"),
    ],
)
def test_terms_that_do_not_fit_are_refused(changes: dict[str, Any], arrays, descent, text: str) -> None:
    with pytest.raises(LockonError, match=text):
        SequenceTask(small(), replace(SequenceLosses(), **changes), arrays, descent)  # type: ignore[arg-type]
