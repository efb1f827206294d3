"""The public surface: names and signatures that other programs rely on. A change here is a change for users: CHANGELOG."""

from __future__ import annotations

import dataclasses
import importlib
import inspect

import pytest

import lockon

PUBLIC = {
    "lockon": [
        "LockonError",
        "Refiner",
        "Result",
        "Tracker",
        "__version__",
        "list_refiners",
        "list_trackers",
        "load",
        "load_refiner",
        "track",
        "with_refiner",
    ],
    "lockon.errors": ["LockonError", "LockonWarning"],
    "lockon.types": ["Prediction", "Result", "Targets", "Template"],
    "lockon.refiners.alpha_refine": ["AlphaRefiner", "RefinerConfig"],
    "lockon.refiners.static": ["StaticTracker"],
    "lockon.refiners.stored": ["StoredBoxes"],
    "lockon.refiners.siammask": ["SearchConfig", "SiamMaskRefiner"],
    "lockon.refiners.combine": ["RefineConfig"],
    "lockon.refiners.wrapper": ["RefinedSession", "RefinedTracker", "with_refiner"],
    "lockon.session": ["Session", "SteppedTracker", "TargetState", "Tracker"],
    "lockon.tracker": ["Calibration", "NetworkTracker", "TrackerConfig"],
    "lockon.video": ["open_frames"],
    "lockon.data.sequence": ["VideoSequence"],
    "lockon.data.datasets.registry": ["load_dataset"],
    "lockon.bench.metrics": [
        "accuracy_robustness",
        "average_overlap",
        "bootstrap_interval",
        "by_attribute",
        "expected_average_overlap",
        "expected_overlap_curve",
        "latency_percentiles",
        "long_term_scores",
        "mask_overlap",
        "multi_start_scores",
        "normalized_precision",
        "one_pass_scores",
        "paired_difference",
        "precision",
        "reset_run",
        "success_auc",
        "success_curve",
        "success_rate",
    ],
    "lockon.bench.search": [
        "Objective",
        "Parameter",
        "SearchOptions",
        "check_splits",
        "cross_validate",
        "default_space",
        "parse_vary",
        "search",
    ],
    "lockon.analysis.latency": ["Latency", "LatencyScene", "measure"],
    "lockon.analysis.pairs": ["ORACLE", "REFINER", "Pair", "pairs_of"],
    "lockon.bench.run": ["BenchmarkOptions", "Outcome", "TrackerSpec", "run_benchmark"],
    "lockon.bench.protocols.plan": ["Protocol"],
    "lockon.bench.protocols.table": ["PROTOCOLS", "protocol_of"],
    "lockon.bench.store": ["RunKey", "Record", "Store", "load_record"],
    "lockon.zoo": ["build", "convert", "save"],
    "lockon.zoo.convert": ["from_official"],
}

SIGNATURES = {
    "lockon.load": "(name='lockon-s', weights=None, preset='default', device='auto', refiner=None, *, online=None, **overrides)",
    "lockon.list_trackers": "()",
    "lockon.list_refiners": "()",
    "lockon.load_refiner": "(name, weights=None, preset='default', device='auto', **overrides)",
    "lockon.with_refiner": "(tracker, refiner, config=None)",
    "lockon.Refiner.init": "(self, frame, box)",
    "lockon.Refiner.refine": "(self, frame, box, *, mask=False)",
    "lockon.track": "(source, box, tracker='lockon-s', *, start=0, frames=None, "
    "range=None, color='rgb', weights=None, preset='default', device='auto', **overrides)",
    "lockon.Tracker.init": "(self, frame, box)",
    "lockon.Tracker.track": "(self, frame)",
    "lockon.Result.each": "(self)",
    "lockon.bench.metrics.success_auc": "(pred, gt, convention='pysot', visible=None, bounds=None)",
    "lockon.bench.metrics.precision": "(pred, gt, threshold=20, convention='pysot', visible=None)",
    "lockon.bench.metrics.normalized_precision": "(pred, gt, threshold=0.2, convention='pysot', visible=None)",
    "lockon.bench.metrics.average_overlap": "(pred, gt, convention='got10k', visible=None, bounds=None)",
    "lockon.bench.metrics.success_rate": "(pred, gt, threshold=0.5, convention='got10k', visible=None, bounds=None)",
    "lockon.bench.metrics.one_pass_scores": "(pred, gt, convention='pysot', visible=None, bounds=None)",
    "lockon.bench.metrics.accuracy_robustness": "(runs, burnin=10, tags=None)",
    "lockon.bench.metrics.expected_average_overlap": "(runs, low, high, tags=None)",
    "lockon.bench.metrics.expected_overlap_curve": "(runs, tags=None)",
    "lockon.bench.metrics.reset_run": "(boxes, events, truth, bounds=None, rule='pysot')",
    "lockon.bench.metrics.bootstrap_interval": "(values, *, weights=None, level=0.95, samples=10000, seed=0)",
    "lockon.bench.metrics.paired_difference": "(a, b, *, weights=None, level=0.95, samples=10000, seed=0)",
    "lockon.bench.metrics.latency_percentiles": "(times, percentiles=(50, 90, 95, 99))",
    "lockon.data.datasets.registry.load_dataset": "(name_or_spec, root=None, *, frames='required')",
    "lockon.bench.search.search": "(make, sequences, space, out, *, spec=None, objective=None, options=None, on_progress=None)",
    "lockon.bench.run.run_benchmark": "(specs, sequences, out, make, *, protocol=None, options=None, data=None, on_outcome=None)",
    "lockon.zoo.build": "(name, **overrides)",
    "lockon.zoo.convert.from_official": "(name, state_dict, **overrides)",
    "lockon.zoo.save": "(name, state_dict, path, *, header=None, **overrides)",
}

TRACKERS = [
    *("csrt", "kcf", "lockon-s", "mil", "nanotrack-v1", "nanotrack-v2"),
    *("siamrpn-alexnet", "siamrpnpp-r50", "siamban-r50", "siampw-r50", "siammask-r50"),
    *("siamrpnpp-r50-rbo", "siamban-r50-rbo", "siampw-r50-rbo", "siamcar-r50", "siamla-r50"),
    *("ostrack256", "ostrack256-ce", "ostrack384", "ostrack384-ce"),
    *("transt-n2", "transt-n4", "transt-n4-rbo"),
]
COMMANDS = ["bench", "convert", "data", "demo", "export", "study", "track", "train", "zoo"]


def resolve(dotted: str) -> object:
    parts = dotted.split(".")
    for split in range(len(parts), 0, -1):
        try:
            value: object = importlib.import_module(".".join(parts[:split]))
        except ModuleNotFoundError:
            continue
        for name in parts[split:]:
            value = getattr(value, name)
        return value
    raise ModuleNotFoundError(dotted)


@pytest.mark.parametrize("module", PUBLIC)
def test_public_names_exist(module: str) -> None:
    found = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if not hasattr(found, name)] == []


def test_top_level_is_exactly_what_is_listed() -> None:
    """Nothing is public by accident."""
    assert sorted(lockon.__all__) == PUBLIC["lockon"]
    assert dir(lockon) == sorted(PUBLIC["lockon"])
    with pytest.raises(AttributeError, match="no attribute 'Trackers'"):
        _ = lockon.Trackers


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures(name: str) -> None:
    signature = inspect.signature(resolve(name))  # type: ignore[arg-type]
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


def test_fields_of_results() -> None:
    assert [field.name for field in dataclasses.fields(lockon.Result)] == ["box", "score", "state", "mask"]
    prediction = resolve("lockon.types.Prediction")
    assert [field.name for field in dataclasses.fields(prediction)][:3] == ["logits", "boxes", "quality"]  # type: ignore[arg-type]


def test_trackers() -> None:
    assert set(TRACKERS) <= set(lockon.list_trackers())
    assert lockon.list_trackers() == sorted(lockon.list_trackers())


def test_commands() -> None:
    from lockon.cli import app

    names = [info.name or info.callback.__name__ for info in app.registered_commands if info.callback]
    assert set(COMMANDS) <= {*names, *(group.name for group in app.registered_groups)}


def test_version_is_the_one_of_the_package() -> None:
    from package_tree import REPOSITORY

    declared = [line for line in (REPOSITORY / "pyproject.toml").read_text(encoding="utf-8").splitlines() if line.startswith("version = ")]
    assert declared == [f'version = "{lockon.__version__}"']
