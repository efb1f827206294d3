"""`lockon analyze assignment`: which candidates learn a sample, and what the network gives for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import PlotFormat, Seed, Settings, TrainDataOptions, option_groups
from lockon.cli._terminal import check_plots, decimal, echo, end, phases, show, table, write_csv, write_json
from lockon.cli._texts import parse_overrides

if TYPE_CHECKING:
    from lockon.train.recipe import Pipeline, Recipe

BATCH = 8  # samples that go through the network at once
MEANS = {
    "candidates": "candidates for positives",
    "threshold": "threshold",
    "fallback": "share of samples with none above it",
    "iou_labels": "IoU that labels follow, of positives",
    "iou_init": "IoU of init boxes, of positives",
    "iou_final": "IoU of final boxes, of positives",
    "score": "score of positives",
    "iou_top": "IoU of the highest score's box",
}


@dataclass(frozen=True, kw_only=True)
class SampleOptions(TrainDataOptions):
    """Which samples are looked at."""

    data: Annotated[list[str] | None, typer.Option(help="NAME:FOLDER of a dataset that lies elsewhere; may be repeated.")] = None
    samples: Annotated[int, typer.Option(min=1, max=1000, help="Samples, the first of a run with this seed.")] = 8


@option_groups
def assignment(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for assignment.json, .csv and .png, and samples/, a picture of each.")],
    tracker: Annotated[str, typer.Option(help="Name of a tracker that `lockon train` trains.")] = "lockon-s",
    weights: Annotated[Path | None, typer.Option(help="Weights of a run (.safetensors); without them the network is as at first.")] = None,
    source: SampleOptions,
    settings: Settings = None,
    seed: Seed = 0,
    plot_format: PlotFormat = "png",
) -> None:
    """Draw which candidates learn a sample: positives, scores and boxes on the search crop (RTrack, Figs. A2 and A4).

    Samples, network and assigner are those of `lockon train`, with the same --set, before any sampling of candidates. A picture shows
    the ground truth, the positives coloured by the IoU of their boxes, ignored ones, the candidates among which a threshold chooses,
    scores, the IoU that labels follow (of a first stage: "leading"), the boxes of both stages, and the points that stand for a target.

    [bold]Examples[/bold]

      lockon analyze assignment --tracker lockon-s --data-root data --out runs/assignment

      lockon analyze assignment --tracker compact-rtrack --weights runs/first/best.safetensors --data-root data --out runs/first/assigned

      lockon analyze assignment --tracker compact-rtrack --stills pictures --set assigner.candidates=center-distance --out runs/nearest

      lockon analyze assignment --tracker ostrack256 --videos my_videos --samples 24 --set assigner=ellipse-assigner --out runs/ellipse
    """
    from lockon._require import require

    formats = check_plots(out, plot_format)
    for module in ("torch", "safetensors"):
        require(module, "train")
    from lockon.analysis.assignment import COLUMNS, assigned_samples, summary
    from lockon.analysis.plots.assignment import write_sample_plot, write_sheet_plot
    from lockon.config import as_json

    made = _recipe(tracker, weights, source, settings, seed)
    assigner = made.task.assigner  # type: ignore[attr-defined]  # `_recipe` looked
    found = []
    with phases() as phase:
        advance = phase("samples", source.samples)
        for sample in assigned_samples(made.task, _batches(made.pipeline, source.samples)):  # type: ignore[arg-type]
            found.append(sample)
            advance(1)
    rows, means = [sample.row(number) for number, sample in enumerate(found)], summary(found)
    identity = {"tracker": tracker, "weights": None if weights is None else str(weights), "seed": seed}
    chosen = {"part": type(assigner).__name__, **as_json(assigner)}
    paths = [
        write_json(out / "assignment.json", {**identity, "assigner": chosen, "summary": means, "samples": rows}),
        write_csv(out / "assignment.csv", COLUMNS, rows),
        *write_sheet_plot(found, out / "assignment", formats),
    ]
    for number, sample in enumerate(found):
        write_sample_plot(sample, number, out / "samples" / f"{number:04d}", formats)
    _show(means, f"{tracker}, {type(assigner).__name__}, {'initial' if weights is None else weights.name} weights")
    echo(f"pictures of the samples: {out / 'samples'}", err=True)
    end([], paths)


def _recipe(tracker: str, weights: Path | None, source: SampleOptions, settings: list[str] | None, seed: int) -> Recipe:
    """Return the run, with the network that the weights belong to.

    Raises:
        LockonError: As `recipe` and `load_weights`, a network without candidates, or a seed that is set twice.
    """
    from dataclasses import replace

    from lockon.config import flatten
    from lockon.errors import LockonError
    from lockon.train.checkpoint import load_checked, read_weights
    from lockon.train.recipe import TrainSources
    from lockon.train.task import DenseTask
    from lockon.zoo.registry import REFINERS, TRACKERS
    from lockon.zoo.training import recipe

    if tracker in REFINERS and tracker not in TRACKERS:
        raise LockonError(f"{tracker} refines boxes and has no candidates to assign; give a tracker, for example --tracker lockon-s")
    given = parse_overrides(settings or [])
    if "train.seed" in given:
        raise LockonError("--set train.seed says the same as --seed; give --seed alone")
    tensors, header = ({}, {}) if weights is None else read_weights(weights)
    if weights is not None and header.get("architecture") != tracker:
        raise LockonError(
            f"{weights} holds weights of {header.get('architecture', 'an unnamed network')}, not of {tracker}; give that name"
        )
    model = flatten({"model": header.get("config", {}).get("model", {})})
    everything = {f"sampling.{name}": None for name in ("positives", "negatives", "negative_pair")}
    sources = TrainSources.find(source.data_root, stills=source.stills, videos=source.videos, sets=source.data or ())
    made = recipe(replace(sources, val=()), {**model, **everything, **given, "train.seed": seed}, tracker)
    assert isinstance(made.task, DenseTask)  # what is no refiner has candidates
    if weights is not None:
        load_checked(made.task.module, tensors, header, weights)
    for note in made.notes:
        if weights is None or not note.startswith("the backbone"):
            echo(note, err=True)
    return made


def _batches(pipeline: Pipeline, count: int) -> Iterator[dict[str, Any]]:
    from lockon.train.loader import collate

    for first in range(0, count, BATCH):
        yield collate([pipeline.sample(index) for index in range(first, min(first + BATCH, count))])


def _show(means: dict[str, Any], title: str) -> None:
    """Show the means; what the assigner or the head does not have is left out."""
    shown = table(title, "over samples with a target", "")
    counts = means["positives"]
    shown.add_row("samples with a target, of all", f"{means['with_target']} of {means['samples']}")
    if means["with_target"]:
        shown.add_row("positives per sample (fewest to most)", f"{counts['mean']:.2f} ({counts['fewest']} to {counts['most']})")
        shown.add_row("share of samples without a positive", decimal(means["without_positive"]))
        shown.add_row("ignored per sample", f"{means['ignored']:.1f}")
    for name, text in MEANS.items():
        if decimal(means[name]) != "-":
            shown.add_row(text, decimal(means[name]))
    show(shown)
