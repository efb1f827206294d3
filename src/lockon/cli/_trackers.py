"""Trackers and datasets from options, and runs of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lockon.cli._terminal import echo, kept_on_interrupt, outcomes_bar
from lockon.cli._texts import parse_overrides

if TYPE_CHECKING:
    from lockon.bench.protocols.plan import Protocol
    from lockon.bench.run import Outcome
    from lockon.bench.spec import TrackerSpec
    from lockon.cli._options import OnlineOptions, RunOptions
    from lockon.data.datasets.registry import BrokenSequence
    from lockon.data.sequence import VideoSequence


def tracker_specs(
    names: list[str], weights: list[str], presets: list[str], devices: list[str], settings: list[str], *, refiners: bool = False
) -> list[TrackerSpec]:
    """Return one spec per tracker.

    Args:
        names: [LABEL=]NAME of each.
        weights: TRACKER=PATH of those that have custom weights.
        presets: [TRACKER:]PRESET.
        devices: [TRACKER:]DEVICE.
        settings: [TRACKER:]NAME=VALUE of inference parameters.
        refiners: Whether a refiner may stand alone, as a tracker that searches around its own last box.

    Raises:
        LockonError: Unknown names, malformed or left-over options, or missing weight files.
    """
    from lockon.bench.external import is_external
    from lockon.bench.spec import TrackerSpec
    from lockon.errors import LockonError, unknown_name
    from lockon.zoo.registry import REFINERS, TRACKERS
    from lockon.zoo.specs import with_files

    labels: dict[str, str] = {}
    for text in names:
        label, equals, name = text.partition("=")
        name = name if equals else label
        label = label if equals else label.rpartition(":")[2]  # my_module:make_tracker is make_tracker
        if name in REFINERS and not refiners:
            raise LockonError(f"{name} refines the boxes of a tracker and does not track; put it behind one: --refine {name}")
        if name not in (TRACKERS | REFINERS if refiners else TRACKERS) and not is_external(name):
            raise unknown_name("tracker", name, TRACKERS)
        if label in labels:
            raise LockonError(f"--trackers {label} is given twice; give one of them another label, for example other={name}")
        labels[label] = name
    if not labels:
        raise LockonError("--trackers has no names; see `lockon zoo list`")
    known = list(labels)
    paths, overrides = _paths(weights, known), _overrides(settings, known)
    preset = {label: found[-1] for label, found in _choices(presets, known, "default").items()}
    device = {label: ",".join(found) for label, found in _choices(devices, known, "auto").items()}
    return [
        with_files(TrackerSpec(label, name, paths.get(label), preset[label], device[label], overrides[label]))
        for label, name in labels.items()
    ]


def refined_specs(specs: list[TrackerSpec], refine: str | None, weights: Path | None) -> list[TrackerSpec]:
    """Return the trackers with a refiner behind each, under labels TRACKER+REFINER.

    Args:
        specs: Of the trackers.
        refine: [LABEL=]NAME[:PRESET]; the label is NAME, or NAME-PRESET.
        weights: Of the refiner; None for its own.

    Raises:
        LockonError: An unknown name or preset, a label that is none, missing weights, or weights without a refiner.
    """
    from lockon.errors import LockonError
    from lockon.zoo.registry import REFINERS

    if refine is None:
        raise LockonError(f"--refiner-weights {weights} belongs to a refiner; name it, for example --refine alpha-refine-r34")
    return _accompanied(specs, "refiner", refine, weights, REFINERS)


def online_specs(specs: list[TrackerSpec], online: str | None, weights: Path | None) -> list[TrackerSpec]:
    """Return the trackers with the learner of an online tracker beside each, under labels TRACKER+ONLINE.

    Args:
        specs: Of the trackers.
        online: [LABEL=]NAME[:PRESET]; the label is NAME, or NAME-PRESET.
        weights: Of the online tracker; None for its own.

    Raises:
        LockonError: An unknown name or preset, a label that is none, missing weights, or weights without an online tracker.
    """
    from lockon.errors import LockonError
    from lockon.zoo.registry import TRACKERS

    if online is None:
        raise LockonError(f"--online-weights {weights} belongs to an online tracker; name it, for example --online compact-dimp")
    return _accompanied(specs, "online", online, weights, TRACKERS)


def with_learner(specs: list[TrackerSpec], learner: OnlineOptions) -> list[TrackerSpec]:
    """Return the trackers with the learner beside each, where one is named.

    Raises:
        LockonError: As `online_specs`.
    """
    if learner.online is None and learner.online_weights is None:
        return specs
    return online_specs(specs, learner.online, learner.online_weights)


def _accompanied(
    specs: list[TrackerSpec], kind: Literal["refiner", "online"], given: str, weights: Path | None, names: Mapping[str, str]
) -> list[TrackerSpec]:
    """Return the trackers with what [LABEL=]NAME[:PRESET] names, one of `names`, in their field `kind`."""
    import re
    from dataclasses import replace

    from lockon.bench.spec import CompanionSpec
    from lockon.errors import LockonError, unknown_name
    from lockon.zoo.registry import card
    from lockon.zoo.specs import with_files

    label, equals, text = given.partition("=")
    name, _, preset = (text if equals else given).partition(":")
    preset = preset or "default"
    presets = card(name, names, "refiner" if kind == "refiner" else "online tracker").presets
    if preset not in presets:
        raise unknown_name(f"preset of {name}", preset, presets)
    label = label if equals else name if preset == "default" else f"{name}-{preset}"
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", label):
        raise LockonError(
            f"{kind} label {label!r}; expected letters, digits and ._- only: what follows the last + of a label is that of a companion"
        )
    companion = CompanionSpec(name, weights, preset)
    return [with_files(replace(spec, label=f"{spec.label}+{label}").with_companion(kind, companion)) for spec in specs]


def _paths(texts: list[str], labels: list[str]) -> dict[str, Path]:
    """Read ``--weights TRACKER=PATH``; with one tracker the name may be left out."""
    from lockon.errors import LockonError, unknown_name

    paths: dict[str, Path] = {}
    for text in texts:
        label, equals, path = text.partition("=")
        if len(labels) == 1 and label != labels[0]:
            label, path = labels[0], text
        elif not equals or not path:
            raise LockonError(f"--weights {text!r} is not TRACKER=PATH; for example --weights {labels[0]}=FILE")
        if label not in labels:
            raise unknown_name("tracker in --weights", label, labels)
        if label in paths:
            raise LockonError(f"--weights of {label} is given twice; give it once")
        paths[label] = Path(path).expanduser()
    return paths


def _choices(texts: list[str], labels: list[str], default: str) -> dict[str, list[str]]:
    """Read ``[TRACKER:]NAME``: one tracker's choices, or those of all others. A colon after anything else belongs to the name (cuda:1)."""
    own: dict[str, list[str]] = {}
    shared = []
    for text in texts:
        label, colon, choice = text.partition(":")
        if colon and label in labels:
            own.setdefault(label, []).append(choice)
        else:
            shared.append(text)  # also where a label is spelt like a choice
    return {label: own.get(label, shared or [default]) for label in labels}


def _overrides(texts: list[str], labels: list[str]) -> dict[str, dict[str, Any]]:
    """Read ``--set [TRACKER:]NAME=VALUE``: a setting of all trackers, or of one, which goes first."""
    from lockon.errors import unknown_name

    everywhere: list[str] = []
    own: dict[str, list[str]] = {label: [] for label in labels}
    for text in texts:
        label, colon, _ = text.partition("=")[0].partition(":")
        if not colon:
            everywhere.append(text)
        elif label in own:
            own[label].append(text[len(label) + 1 :])
        else:
            raise unknown_name("tracker in --set", label, labels)
    shared = parse_overrides(everywhere)
    return {label: {**shared, **parse_overrides(texts)} for label, texts in own.items()}


def load_sequences(
    specs: list[str], wanted: list[str], broken: list[BrokenSequence] | None = None
) -> tuple[list[VideoSequence], dict[str, str]]:
    """Return the sequences of all datasets, or those of them that are named; and NAME:ROOT, with an absolute root, by name of the dataset.

    Args:
        specs: NAME or NAME:ROOT of each dataset.
        wanted: Names of sequences; empty for all.
        broken: Grows by those of them that cannot be read, where there are others; None: the first is an error.

    Raises:
        LockonError: As `load_readable`; a name that no dataset has; no sequence that can be read.
    """
    from lockon.data.datasets.absence import BoxesWithoutArea
    from lockon.data.datasets.registry import load_readable, split_spec
    from lockon.errors import unknown_name

    sequences: list[VideoSequence] = []
    failed: list[BrokenSequence] = []
    origin: dict[str, str] = {}
    flat = BoxesWithoutArea()
    for spec in specs:
        name, root = split_spec(spec)
        loaded, unread = load_readable(spec, flat=flat)
        failed += unread
        sequences += loaded
        origin |= {sequence.dataset: name if root is None else f"{name}:{root.resolve()}" for sequence in loaded}
    flat.warn()
    names = {sequence.name for sequence in sequences} | {one.name for one in failed}
    for name in wanted:
        if name not in names:
            raise unknown_name("sequence", name, names)
    chosen = [sequence for sequence in sequences if not wanted or sequence.name in wanted]
    failed = [one for one in failed if not wanted or one.name in wanted]
    if failed and (broken is None or not chosen):
        raise failed[0].error
    if broken is not None:
        broken += failed
    return chosen, origin


def run_all(
    specs: list[TrackerSpec],
    data: tuple[list[VideoSequence], dict[str, str]],
    folder: Path,
    how: RunOptions,
    *,
    protocols: Sequence[Protocol | None] = (None,),
    ray: str | None = None,
    kept: bool = True,
) -> list[Outcome]:
    """Run every tracker over every sequence, with a progress bar; what is finished in the folder is skipped.

    Args:
        specs: Of the trackers.
        data: The sequences, and NAME:ROOT by name of the dataset.
        folder: Of the results.
        how: Of the runs.
        protocols: One after the other; None for one pass.
        ray: Address of a Ray cluster, or None.
        kept: Whether the folder stays, so that Ctrl-C says how to go on.

    Returns:
        The outcomes; their warnings and failures have been told on stderr. Ctrl-C is exit status 130.
    """
    from lockon._files import refuse_overwriting
    from lockon.bench.run import BenchmarkOptions, run_benchmark
    from lockon.data.datasets.registry import split_spec
    from lockon.zoo.specs import load_spec

    sequences, origin = data
    refuse_overwriting([("--out", folder)], [root for spec in origin.values() if (root := split_spec(spec)[1]) is not None])
    options = BenchmarkOptions(**asdict(how), ray=ray)
    outcomes: list[Outcome] = []
    interrupted = kept_on_interrupt("sequences", folder) if kept else nullcontext()
    with interrupted, outcomes_bar(sum(map(len, sequences)) * len(specs) * len(protocols)) as on_outcome:
        for one in protocols:
            outcomes += run_benchmark(
                specs, sequences, folder, load_spec, protocol=one, options=options, data=origin, on_outcome=on_outcome
            )
    for outcome in outcomes:
        for text in outcome.warnings:
            echo(f"warning: {outcome.label} on {outcome.sequence}: {text}", err=True)
    for outcome in outcomes:
        if outcome.status == "failed":
            echo(f"failed: {outcome.label} on {outcome.sequence}: {outcome.error}", err=True)
    return outcomes


def where(sequences: Sequence[VideoSequence]) -> str:
    """Return the names of the datasets, or their number, and the number of sequences."""
    datasets = sorted({sequence.dataset for sequence in sequences})
    return f"{', '.join(datasets) if len(datasets) <= 3 else f'{len(datasets)} datasets'}: {len(sequences)} sequences"
