"""`lockon bench compare`: results side by side: without and with a refiner or the true centre, per attribute, or milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import Convention, DataOptions, Datasets, RefinerOptions, TrackerOptions, option_groups
from lockon.cli._terminal import echo
from lockon.cli._texts import split_names

if TYPE_CHECKING:
    from lockon.analysis.latency import LatencyScene
    from lockon.bench.publish import KeptStore

Writers = dict[str, Callable[[Path], Any]]  # what writes a file, by its suffix
PLOTS = (".png", ".svg", ".pdf")


@dataclass(frozen=True, kw_only=True)
class SideOptions:
    """Which stored results stand side by side."""

    oracle: Annotated[bool, typer.Option("--oracle", help="Without and with the true centre, instead of without and with a refiner.")] = (
        False
    )
    attributes: Annotated[
        bool, typer.Option("--attributes", help="All trackers on the sequences of each attribute, such as fast motion or occlusion.")
    ] = False
    metric: Annotated[str | None, typer.Option(help="With --attributes: key of the metric; default AUC, or EAO after resets.")] = None
    baseline: Annotated[str | None, typer.Option(metavar="TRACKER", help="With --attributes: also what others gain against this one.")] = (
        None
    )
    protocol: Annotated[str, typer.Option(help="With --attributes: one-pass, realtime, reset or anchors.")] = "one-pass"
    datasets: Datasets = None
    convention: Convention = None


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """How milliseconds are measured."""

    threads: Annotated[int, typer.Option(min=1, help="Threads of the networks and of OpenCV.")] = 1
    rounds: Annotated[int, typer.Option(min=1, help="Times that everything is tracked.")] = 3
    frames: Annotated[int, typer.Option(min=2, help="Most frames of each video.")] = 100
    warmup: Annotated[int, typer.Option(min=0, help="Frames after each start that do not count.")] = 10


@option_groups
def compare(
    *,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Results of `lockon bench run`; none measures speed.")] = None,
    results: SideOptions,
    trackers: TrackerOptions,
    data: DataOptions,
    refiner: RefinerOptions,
    timing: TimingOptions,
    save: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE",
            help="Also write the table: .md, or .json for all metrics; with --attributes .csv, and .png, .svg or .pdf for a radar. Repeat.",
        ),
    ] = None,
) -> None:
    """Compare trackers: metrics of both, the gain with its interval, milliseconds added, overlap of masks; or all per attribute.

    With DIR: stored results of X and X+REFINER, or with --oracle one pass and the true centre given; what is lost by the box, what by the
    place; or with --attributes what trackers are good at: a sequence counts for each of its attributes (SiamLA, Figs. 7 and 10). Without
    DIR: milliseconds per frame without and with --refine, by default on the bundled clip. Both trackers run in this process and take turns
    on every frame; nothing else should run on the machine.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb

      lockon bench run --trackers lockon-s csrt --data OTB100:/data/OTB100 --out runs/otb --refine refine-s

      lockon bench compare runs/otb --save refined.json

      lockon bench compare runs/otb --attributes --baseline csrt --save attributes.csv --save attributes.png

      lockon bench run --trackers lockon-s refine-s --protocol one-pass oracle --data pool:/data/val --out runs/oracle

      lockon bench compare runs/oracle --oracle

      lockon bench compare --trackers lockon-s csrt --refine refine-s --threads 2 --rounds 5 --save latency.json
    """
    from lockon.errors import LockonError

    paths = save or []
    _check(paths, (".md", ".json", ".csv", *PLOTS) if results.attributes else (".md", ".json"))
    if folder is not None:
        text, writers = (_attributes if results.attributes else _pairs)(folder, results, trackers.names, data.wanted)
    elif refiner.refine is not None:
        text, writers = _measured(trackers, data, refiner, timing)
    else:
        raise LockonError("nothing to compare; give a folder of results, or --refine NAME to measure what a refiner costs")
    echo(text, nl=False)
    for path in paths:
        writers[path.suffix](path)
        echo(f"wrote {path}", err=True)


def _check(paths: list[Path], suffixes: tuple[str, ...]) -> None:
    """Raise an error now, not after minutes of work, where a table cannot be written."""
    from lockon._require import require
    from lockon.cli._terminal import check_folder
    from lockon.errors import LockonError

    for path in paths:
        if path.suffix not in suffixes:
            raise LockonError(f"--save {path}; expected a file that ends in {', '.join(suffixes[:-1])} or {suffixes[-1]}")
        if path.suffix in PLOTS:
            require("matplotlib", "bench")
        check_folder(path.parent)


def _writers(text: str, content: dict[str, Any]) -> Writers:
    """Return what writes a table and its metrics."""
    from lockon._files import write_bytes
    from lockon.cli._terminal import write_json

    return {".md": lambda path: write_bytes(path, text.encode()), ".json": lambda path: write_json(path, content)}


def _pairs(folder: Path, options: SideOptions, labels: list[str], _: list[str]) -> tuple[str, Writers]:
    """Return the table of stored results two by two, and what writes it."""
    from lockon.analysis.pairs import ORACLE, REFINER, pair_markdown, pairs_of

    question = ORACLE if options.oracle else REFINER
    found = pairs_of(folder, question, trackers=labels, datasets=split_names(options.datasets), convention=options.convention)
    text = pair_markdown(found, question)
    return text, _writers(text, {"question": question.name, "rows": [asdict(pair) for pair in found]})


def _attributes(folder: Path, options: SideOptions, labels: list[str], sequences: list[str]) -> tuple[str, Writers]:
    """Return the table of one metric per attribute, and what writes it, all metrics, and the radar."""
    import json
    from functools import partial

    from lockon._files import write_bytes
    from lockon.bench import tables
    from lockon.bench.plots.radar import draw_radar
    from lockon.bench.plots.style import save
    from lockon.bench.report import Options, evaluate_all
    from lockon.errors import LockonError

    store = _store(folder, labels, options.protocol, sequences)
    chosen = Options(options.convention, labels, tuple(split_names(options.datasets)), protocol=options.protocol)
    report, *others = evaluate_all(store, chosen)
    if others:
        names = ", ".join(f"{', '.join(one.datasets)} ({one.convention})" for one in (report, *others))
        text = f"metrics of {options.protocol} belong to one dataset and its protocol, and {folder} has {names}"
        raise LockonError(f"{text}; choose with --datasets, or --sequences")
    key = options.metric or report.headline.key
    text = tables.markdown([tables.attribute_table(report, report.metric(key), options.baseline)])

    def plot(path: Path) -> None:
        save(partial(draw_radar, report=report, key=key, overall=True), path.with_suffix(""), [path.suffix[1:]], (7.2, 7.2))

    writers = _writers(text, {"question": "attributes", "rows": json.loads(tables.to_json(report))})
    writers[".csv"] = lambda path: write_bytes(path, tables.attributes_csv(report).encode())
    return text, writers | dict.fromkeys(PLOTS, plot)


def _store(folder: Path, labels: list[str], protocol: str, wanted: list[str]) -> KeptStore:
    """Return the results of a folder, of the chosen sequences."""
    from lockon.bench.publish import KeptStore
    from lockon.errors import unknown_name

    store = KeptStore(folder)
    if not wanted:
        return store
    known = {(one.dataset, one.sequence) for label in labels or store.trackers() for one in store.records(label, protocol)}
    names = {sequence for _, sequence in known}
    for name in wanted:
        if name not in names:
            raise unknown_name("sequence in these results", name, names)
    return KeptStore(folder, {pair for pair in known if pair[1] in wanted})


def _measured(trackers: TrackerOptions, data: DataOptions, refiner: RefinerOptions, timing: TimingOptions) -> tuple[str, Writers]:
    """Return the table of milliseconds that are measured now, and what writes it."""
    import os

    import cv2

    from lockon.analysis.latency import latency_markdown, measure
    from lockon.bench.machine import machine, versions
    from lockon.cli._terminal import phases
    from lockon.cli._trackers import refined_specs
    from lockon.zoo.loading import split_overrides
    from lockon.zoo.specs import load_spec

    threads, rounds, frames, warmup = timing.threads, timing.rounds, timing.frames, timing.warmup
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read when networks are loaded
    cv2.setNumThreads(threads)
    specs = trackers.specs()
    with_refiner = refined_specs(specs, refiner.refine, refiner.refiner_weights)
    alone = [replace(spec, overrides=split_overrides(spec.overrides)[0]) for spec in specs]
    scenes = _scenes(data, frames)
    rows = []
    with phases() as phase:
        for base, refined in zip(alone, with_refiner, strict=True):
            advance = phase(base.label, rounds * sum(len(scene.frames) for scene in scenes))
            both = load_spec(base.on_worker(0)), load_spec(refined.on_worker(0))
            labels = (base.label, refined.label)
            rows.append(measure(*both, scenes, rounds=rounds, warmup=warmup, labels=labels, advance=advance))
    here, load = machine(), round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    names = ", ".join(scene.name for scene in scenes[:5]) + (", ..." if len(scenes) > 5 else "")
    conditions = (
        f"{here['processor']}, {here['cores']} cores, {threads} thread{'' if threads == 1 else 's'}, load average {load} at the end.",
        f"{rounds} round{'' if rounds == 1 else 's'} of {names}, at most {frames} frames each, {warmup} of them warm-up.",
    )
    how = {"machine": here, "versions": versions(), "load": load, **asdict(timing), "videos": [scene.name for scene in scenes]}
    text = latency_markdown(rows, conditions)
    return text, _writers(text, {"question": "latency", **how, "rows": [row.as_json() for row in rows]})


def _scenes(data: DataOptions, frames: int) -> list[LatencyScene]:
    """Return the sequences that are asked for, or the bundled clip, read now: its decoder's thread must not run beside the trackers."""
    from itertools import islice

    import numpy as np

    from lockon.analysis.latency import LatencyScene, scene_of
    from lockon.cli._follow import bundled_clip
    from lockon.errors import LockonError

    if data.data:
        return [scene_of(sequence, frames) for sequence in data.load()[0]]
    if data.sequences:
        raise LockonError("--sequences chooses from datasets; give them, for example --data OTB100:/data/OTB100")
    with bundled_clip() as (reader, box):
        return [LatencyScene(Path(reader.name).name, [image for _, image in islice(reader, frames)], np.array(box, dtype=np.float64))]
