"""`lockon analyze score`: what the score of a tracker's answers is worth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import LoadOptions, Seed, Sequences, option_groups
from lockon.cli._terminal import check_folder, decimal, end, phases, show, table, write_json
from lockon.cli._texts import split_names

if TYPE_CHECKING:
    from lockon.analysis.score import ScoreReport
    from lockon.session import CalibratedTracker


@option_groups
def score(
    *,
    data: Annotated[str, typer.Option(metavar="NAME:ROOT", help="Validation videos, for example pool:DIR; never those of a test.")],
    loading: LoadOptions,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for score.json, reliability.png and tracker.json.")] = None,
    sequences: Sequences = None,
    seed: Seed = 0,
) -> None:
    """Measure, calibrate and explain the score of a tracker on validation videos.

    AUROC of the score for "IoU > 0.5" on tracked frames, and for "target present" with targets searched in other videos and with
    targets that leave the frame and return (needs sequences with masks). Platt's calibration for "IoU > 0.5", its error on videos left
    out, and the thresholds of the states. tracker.json takes them to `lockon export --tracker`.

    [bold]Examples[/bold]

      lockon analyze score --data pool:/data/validation

      lockon analyze score --weights runs/first/best.safetensors --device torch --data pool:/data/validation --out runs/first/score

      lockon export lockon-s --weights runs/first/best.safetensors --tracker runs/first/score/tracker.json --out deployed
    """
    from lockon._require import require
    from lockon.analysis.score import analyze_score
    from lockon.cli._trackers import load_sequences
    from lockon.errors import LockonError
    from lockon.session import CalibratedTracker
    from lockon.zoo.loading import load

    if out is not None:
        require("matplotlib", "bench")
        check_folder(out)
    chosen, _ = load_sequences([data], split_names(sequences))
    loaded = load(loading.tracker, **loading.arguments())
    if not isinstance(loaded, CalibratedTracker):
        raise LockonError(f"{loading.tracker} has no logit to calibrate; give a tracker with a network, for example --tracker lockon-s")
    with phases() as phase:
        report = analyze_score(loaded, chosen, seed, phase)
    weights = _describe_weights(loading.tracker, loading.weights, loaded)
    identity = {"tracker": loading.tracker, "weights": weights, "data": data}
    _show(report)
    if out is not None:
        end([], _write(report, identity, out))


def _describe_weights(name: str, weights: Path | None, tracker: CalibratedTracker[Any]) -> dict[str, Any]:
    """Name and sha256 of each file, and the pair id that exported weights have."""
    from lockon.bench.run import sha256
    from lockon.zoo.networks import weight_files

    network = getattr(tracker, "model", None) or getattr(tracker, "network", None)
    header: dict[str, Any] = getattr(network, "header", {})
    return {"pair": header.get("pair"), "sha256": {path.name: sha256(path) for path in weight_files(name, weights)}}


def _write(report: ScoreReport, identity: dict[str, Any], out: Path) -> list[Path]:
    import json

    from lockon._files import write_bytes
    from lockon.analysis.plots.reliability import write_reliability_plot
    from lockon.config import as_json

    score_path, plot_path, tracker_path = (out / name for name in ("score.json", "reliability.png", "tracker.json"))
    write_json(score_path, {**identity, **report.metrics})
    write_reliability_plot(report, plot_path)
    write_bytes(tracker_path, (json.dumps(as_json(report.config), indent=1) + "\n").encode())
    return [score_path, plot_path, tracker_path]


def _show(report: ScoreReport) -> None:
    """Show the metrics as tables on standard output."""
    metrics = report.metrics
    line = _composites_line(metrics["absence"]["composites"])
    show(_ranking_table(metrics), _calibration_table(metrics), _threshold_table(metrics), line)


def _composites_line(composites: dict[str, Any] | None) -> str:
    if composites is None:
        return "no sequence has masks: no targets that leave the frame and return"
    wait = "" if composites["median_frames_to_return"] is None else f", after {composites['median_frames_to_return']:g} frames (median)"
    away = composites["states"]["absent"]
    return (
        f"leaving and returning: {composites['on_target_before_leaving']} of {composites['videos']} targets were tracked until they left, "
        f"{composites['found_again']} of these were found again{wait}; "
        f"state while away: {away['lost']:.0%} lost, {away['uncertain']:.0%} uncertain, {away['tracked']:.0%} tracked"
    )


def _ranking_table(metrics: dict[str, Any]) -> Any:
    overlap, swapped, composites = metrics["overlap"], metrics["absence"]["swapped"], metrics["absence"]["composites"]
    shown = table("AUROC of the score", "for", "yes", "no", "AUROC", "95 % interval")
    rows = [("IoU > 0.5", overlap["hits"], overlap["frames"] - overlap["hits"], overlap)]
    rows.append(("present, or in another video", swapped["present"], swapped["absent"], swapped))
    if composites is not None:
        rows.append(("present, or out of the frame", composites["present"], composites["absent"], composites))
    for name, yes, no, part in rows:
        interval = "-" if part["auroc_95"] is None else "{:.3f} to {:.3f}".format(*part["auroc_95"])
        shown.add_row(name, str(yes), str(no), decimal(part["auroc"]), interval)
    return shown


def _calibration_table(metrics: dict[str, Any]) -> Any:
    calibration = metrics["calibration"]
    samples = calibration["samples"]
    title = f"Calibration for {calibration['event']} ({samples['tracked']} tracked frames, {samples['absent']} absent)"
    shown = table(title, "calibration", "scale", "bias", "ECE", "ECE tracked", "Brier")
    names = {"before": "as loaded", "uncalibrated": "none", "platt": "Platt, held out", "isotonic": "isotonic, held out"}
    for key, name in names.items():
        row = calibration[key]
        errors = (decimal(row[error]) for error in ("ece", "ece_tracked", "brier"))
        shown.add_row(name, decimal(row.get("scale")), decimal(row.get("bias")), *errors)
    return shown


def _threshold_table(metrics: dict[str, Any]) -> Any:
    thresholds = metrics["thresholds"]
    shown = table("Thresholds", "frames", f"tracked: >= {thresholds['tracked']:g}", f"lost: < {thresholds['lost']:g}")
    names = {"hits": "IoU > 0.5", "misses": "IoU <= 0.5", "absent": "in another video"}
    for key, name in names.items():
        row = thresholds["frames"][key]
        shown.add_row(name, *("-" if part is None else f"{part:.1%}" for part in (row["at_or_above_tracked"], row["below_lost"])))
    return shown
