"""A `Report` as Markdown, CSV or JSON, and a Markdown table kept up to date inside another file."""

from __future__ import annotations

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

from lockon._files import write_bytes
from lockon.bench.report import METRICS, Report, SequenceScore, TrackerScore
from lockon.errors import LockonError

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
_AVERAGE = {True: "frames of all sequences pooled", False: "mean over sequences"}


def to_markdown(report: Report, *, per_sequence: bool = False) -> str:
    """A table with one row per tracker, and what the figures mean. Fractions with three digits; the best of a column is bold.

    Args:
        report: the figures. per_sequence: adds a table of AO, one row per sequence.
    """
    head = ["tracker", "AO", "SR0.5", "SR0.75", "AUC", "P20", "NP", "fps", "model size", "sequences"]
    best = {
        name: max((item.values[name] for item in report.trackers if not math.isnan(item.values[name])), default=math.nan)
        for name in METRICS
    }
    rows = []
    for item in report.trackers:
        figures = [_bold(_fraction(item.values[name]), item.values[name] == best[name]) for name in METRICS]
        rows.append([item.label, *figures, _number(item.fps), _megabytes(item.size), str(len(item.sequences))])
    text = _table(head, rows) + "\n" + "\n".join(_notes(report)) + "\n"
    return text + "\n" + _sequence_table(report) if per_sequence else text


def _notes(report: Report) -> list[str]:
    pooled = report.convention == "got10k"
    lines = [
        f"AUC, P20 and NP: convention `{report.convention}`; AO, SR0.5 and SR0.75: first and absent frames excluded"
        f"{', boxes clipped to the picture' if pooled else ''}. All: {_AVERAGE[pooled]}."
    ]
    setups = sorted({setup for item in report.trackers for setup in item.setups})
    lines.append(f"fps: tracking only, without decoding ({'; '.join(setups)}).")
    for item in report.trackers:
        if item.missing:
            shown = ", ".join(item.missing[:5]) + (", ..." if len(item.missing) > 5 else "")
            lines.append(f"**{item.label} lacks {len(item.missing)} sequences ({shown}): its figures do not compare.**")
    return lines


def _sequence_table(report: Report) -> str:
    """AO of every sequence and tracker; sequences by dataset and name."""
    labels = [item.label for item in report.trackers]
    cells: dict[tuple[str, str], dict[str, SequenceScore]] = {}
    for item in report.trackers:
        for part in item.sequences:
            cells.setdefault((part.dataset, part.sequence), {})[item.label] = part
    rows = []
    for (dataset, sequence), parts in sorted(cells.items()):
        values = [parts[label].values["AO"] if label in parts else math.nan for label in labels]
        best = max((value for value in values if not math.isnan(value)), default=math.nan)
        frames = str(next(iter(parts.values())).frames)
        rows.append([sequence, dataset, frames, *(_bold(_fraction(value), value == best) for value in values)])
    return _table(["sequence (AO)", "dataset", "frames", *labels], rows)


def to_json(report: Report) -> str:
    """A list with one record per tracker; fractions in [0, 1], fps, size in bytes, NaN as null."""
    return json.dumps([_record(item, report.convention) for item in report.trackers], indent=1, allow_nan=False) + "\n"


def _record(item: TrackerScore, convention: str) -> dict[str, Any]:
    return {
        "tracker": item.label,
        "convention": convention,
        "average": _AVERAGE[convention == "got10k"],
        **_figures(item),
        "size": item.size,
        "missing": list(item.missing),
        "setups": list(item.setups),
        "sequences": [
            {"sequence": part.sequence, "dataset": part.dataset, "frames": part.frames, **_figures(part)} for part in item.sequences
        ],
    }


def _figures(item: TrackerScore | SequenceScore) -> dict[str, float | None]:
    figures = {**item.values, "fps": item.fps}
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def to_csv(report: Report) -> str:
    """One line per tracker with an empty sequence, then one per sequence."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["tracker", "sequence", "dataset", "frames", *METRICS, "fps", "size", "convention"])
    for item in report.trackers:
        frames = sum(part.frames for part in item.sequences)
        writer.writerow([item.label, "", "", frames, *_csv(item), item.size, report.convention])
        for part in item.sequences:
            writer.writerow([item.label, part.sequence, part.dataset, part.frames, *_csv(part), item.size, report.convention])
    return stream.getvalue()


def _csv(item: TrackerScore | SequenceScore) -> list[str]:
    return ["" if value is None else f"{value:.6g}" for value in _figures(item).values()]


def write_into(path: str | Path, markdown: str) -> None:
    """Replace what lies between the lines ``<!-- bench:begin -->`` and ``<!-- bench:end -->`` of a file.

    Raises:
        LockonError: no such file, or not exactly one pair of markers in this order.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise LockonError(f"{path} cannot be read as text; give a Markdown file with {BEGIN} and {END} in it") from None
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end or BEGIN in rest or END in before or END in after:
        raise LockonError(f"{path} needs {BEGIN} once and {END} once after it; put both where the table belongs")
    write_bytes(path, f"{before}{BEGIN}\n{markdown.strip()}\n{END}{after}".encode())


def _table(head: list[str], rows: list[list[str]]) -> str:
    rule = ["---", *("--:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows]) + "\n"


def _bold(text: str, best: bool) -> str:
    return f"**{text}**" if best else text


def _fraction(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}" if value >= 10 else f"{value:.1f}"


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size else "none"


__all__ = ["BEGIN", "END", "to_csv", "to_json", "to_markdown", "write_into"]
