"""The official runs of ATOM with made-up weights: the first frame's fit, then every frame from the official state and filter."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
import pytest

import golden_data

torch = pytest.importorskip("torch", reason="needs the torch extra")

import golden_online  # noqa: E402
from lockon.export.torch_online import TorchOnline  # noqa: E402
from lockon.localizers.peaks import LargestPeak  # noqa: E402
from lockon.online.ascent import BestMean, RandomBoxes  # noqa: E402
from lockon.online.atom import ATOMLearner  # noqa: E402
from lockon.online.compressed_filters import projected  # noqa: E402
from lockon.online.config import BoxRefinement, OnlineConfig  # noqa: E402
from lockon.online.conjugate_gradient import FletcherReeves, PolakRibiere, conjugate_gradient, gauss_newton  # noqa: E402
from lockon.online.first_projections import PrincipalProjection, RandomProjection  # noqa: E402
from lockon.online.learner import FirstSamples, Learned  # noqa: E402
from lockon.online.memory import MemoryRule, SmallestWeight  # noqa: E402
from lockon.online.target import OnlineTarget  # noqa: E402
from lockon.online.tracker import OnlineTracker  # noqa: E402
from lockon.online.views import ViewPlan  # noqa: E402
from lockon.ops.array_math import like, stack  # noqa: E402
from lockon.zoo.loading import inference_config  # noqa: E402
from lockon.zoo.registry import card  # noqa: E402

FITS = 6
FILTER_LIMIT = 1e-2  # the official conjugate gradients let rounding errors grow, to a thousandth in the fifth step; most agree to 1e-4


class Recorder(ATOMLearner):
    """A learner that keeps what it was given on the first frame."""

    seen: ClassVar[list[FirstSamples]] = []

    def start(self, network: Any, samples: Any) -> list[Learned]:
        self.seen[:] = samples
        return super().start(network, samples)


def config(run: str) -> OnlineConfig:
    """The configuration of an official run."""
    s = json.loads(str(golden_online.track("atom")[f"{run}.settings"]))
    other = run == "other"
    learner = ATOMLearner(
        projection=PrincipalProjection() if s["proj_init_method"] == "pca" else RandomProjection(),
        memory=MemoryRule(capacity=s["sample_memory_size"], place=SmallestWeight()),
        hard_negative_rate=s["hard_negative_learning_rate"],
        first_fits=s["init_GN_iter"],
        first_steps=s["init_CG_iter"] // s["init_GN_iter"],
        every=s["train_skipping"],
        steps=s["CG_iter"],
        hard_negative_steps=s["hard_negative_CG_iter"],
        direction=FletcherReeves() if s["fletcher_reeves"] else PolakRibiere(),
    )
    peaks = golden_online.second_peak(s, from_middle=True)
    preset: OnlineConfig = inference_config(card("atom"), "official")
    assert preset.refinement is not None
    ascent = replace(preset.refinement.ascent, steps=s["box_refinement_iter"])
    boxes = RandomBoxes(count=s["num_init_random_boxes"])
    return replace(
        preset,
        views=ViewPlan(shifts=(), flip=True, blurs=(), rotations=(), dropped=1, random_shift=0.0) if other else preset.views,
        learner=learner,
        localization=peaks if s["advanced_localization"] else LargestPeak(),
        refinement=BoxRefinement(start=boxes, ascent=ascent, choice=BestMean(count=s["iounet_k"])),
        learn_refined=s.get("use_iounet_pos_for_learning", True),
        scale_when_uncertain=s["update_scale_when_uncertain"],
    )


@lru_cache(maxsize=1)
def _started(run: str) -> tuple[OnlineTracker, OnlineTarget, FirstSamples]:
    """Tracker, target, and the samples of the first frame; the fit is the short one of a test of its own."""
    settings = config(run)
    learner = Recorder(**{name: getattr(settings.learner, name) for name in ATOMLearner.__slots__} | {"first_fits": 0})
    made = OnlineTracker(
        TorchOnline(golden_online.network("atom")), replace(settings, learner=learner), golden_online.RecordedDraws("atom", run)
    )
    (target,) = made.start(golden_data.frames()[0], golden_data.boxes()[0])
    return made, target, learner.seen[0]


def _stored(run: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{run}."): value for key, value in golden_online.track("atom").items() if key.startswith(f"{run}.")}


def _differs(found: Any, expected: np.ndarray) -> float:
    return float(np.abs(np.asarray(found, dtype=np.float64) - expected).max() / np.abs(expected).max())


def test_the_first_frame() -> None:
    """Samples, start, and as much of the fit as the official code makes twice alike: four steps, and losses."""
    made, target, samples = _started("default")
    stored = _stored("default")
    assert target.learned is not None
    assert isinstance(made.learner, ATOMLearner)
    assert len(samples.features) == 30
    for number, sample in enumerate(samples.features):
        thinned = np.asarray(sample).ravel()
        expected = stored[f"init.feat{number}.sample"]
        assert _differs(thinned[:: thinned.size // len(expected)][: len(expected)], expected) <= golden_data.FEATURE_LIMIT, number
    assert _differs(target.learned.filter, stored["init.gn_filters"][0]) <= 1e-6
    for vector, name in zip(target.template.features, ("iou_modulation0", "iou_modulation1"), strict=True):
        assert _differs(vector[0], stored[name]) <= golden_data.FEATURE_LIMIT
    problem = made.learner.joint_problem([samples])
    assert target.learned.projection is not None
    start = problem.flat(*(like(one[None], problem.features) for one in (target.learned.filter, target.learned.projection)))
    model = problem.linearized(start)
    changes = conjugate_gradient(model.product, model.descent, 4, scale=problem.scale)
    norms = [2**0.5 * float((model.descent - model.product(one)).norm()) for one in (start * 0, *changes)]
    np.testing.assert_allclose(norms, stored["init.cg_residual_norms"][:5], rtol=1e-3)
    iterates = gauss_newton(problem, start, FITS, 10)
    losses = [float(_loss(problem, *problem.parts(one))) for one in iterates]
    np.testing.assert_allclose(losses, stored["init.losses"], rtol=0.15)


def _loss(problem: Any, filters: Any, projections: Any) -> Any:
    """The sum of squares as published, with convolutions."""
    few = torch.einsum("cd,mdhw->mchw", projections[0], problem.features[0])
    scores = torch.nn.functional.conv2d(few, filters, padding=2)[:, 0, :-1, :-1]
    active = torch.nn.functional.elu(torch.nn.functional.leaky_relu(scores, 20.0), 0.05)
    data = (problem.weights[0] * ((active - problem.labels[0]) ** 2).sum((1, 2))).sum()
    return data + 0.1 * (filters**2).sum() + 1e-4 * (projections**2).sum()


def _official(run: str) -> tuple[OnlineTracker, OnlineTarget]:
    """The tracker after the first frame, with the official filter and projection."""
    made, target, samples = _started(run)
    stored = _stored(run)
    assert target.learned is not None
    projection = torch.from_numpy(stored["init.projection_final"])
    memory = replace(target.learned.memory, samples=tuple(projected(stack(samples.features), projection)))
    learned = Learned(torch.from_numpy(stored["init.gn_filters"][-1]), memory, projection)
    return made, replace(target, learned=learned)


def test_principal_components_of_the_first_frame() -> None:
    """The official ones, but for their signs, which a decomposition leaves open."""
    _, target, _ = _started("other")
    assert target.learned is not None
    found = np.asarray(target.learned.projection)
    expected = _stored("other")["init.gn_projection_sample"][0].reshape(len(found), -1)  # every 16th number
    found = found[:, :: found.shape[1] // expected.shape[1]]
    signs = np.sign((found * expected).sum(1))[:, None]
    np.testing.assert_allclose(found * signs, expected, atol=1e-4)


@pytest.mark.parametrize("run", ["flags", "other", pytest.param("default", marks=pytest.mark.slow)])
def test_every_frame_from_the_official_state(run: str) -> None:
    made, target = _official(run)
    stored = _stored(run)
    for row, frame in enumerate(golden_data.frames()[1:]):
        y, x, height, width, scale = stored["state_before"][row]
        target = replace(target, box=np.array([x + 0.5, y + 0.5, width, height]), extent=scale * made.search_size / 5)
        assert target.learned is not None
        if row:
            target = replace(target, learned=replace(target.learned, filter=torch.from_numpy(stored["filters_after"][row - 1])))
        before = target.learned
        seen = made.respond([frame], [target])
        flag = str(stored["flags"][row])
        assert seen.peaks.verdicts == ("normal" if flag == "None" else flag,), row
        np.testing.assert_allclose(seen.peaks.scores[0], stored["scores_at_peak"][row], atol=1e-3)
        (target,) = made.step([frame], [target])
        box = np.concatenate([target.box[:2] - target.box[2:] / 2, target.box[2:]])
        np.testing.assert_allclose(box, stored["boxes"][row + 1], atol=golden_data.BOX_LIMIT, err_msg=f"frame {row + 1}")
        assert target.learned is not None
        _check_learned(target.learned, before, stored, row)


def _check_learned(learned: Learned, before: Any, stored: dict[str, np.ndarray], row: int) -> None:
    memory, place = learned.memory, stored["replace_index"][row]
    assert (memory is before.memory) == (place < 0)
    weights = np.zeros(stored["memory_weights"].shape[1])
    weights[: len(memory.weights)] = memory.weights
    np.testing.assert_allclose(weights, stored["memory_weights"][row], atol=1e-6)
    if place >= 0:
        assert memory.last == place
        np.testing.assert_allclose(memory.targets[place], stored["memory_label"][row], atol=2e-3)
    assert (learned.filter is before.filter) == (stored["filter_iterations"][row] == 0)
    assert _differs(learned.filter, stored["filters_after"][row]) <= FILTER_LIMIT
