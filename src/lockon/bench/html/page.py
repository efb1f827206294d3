"""One HTML file with everything in it: metrics, curves, frames, and the script that shows them. It loads nothing from anywhere."""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from lockon import __version__
from lockon._files import write_bytes
from lockon._shown import shown
from lockon.bench.html.clips import Key, clip_key, pack_clip
from lockon.bench.html.payload import report_payload
from lockon.bench.html.pictures import Find, Pictures, take_pictures
from lockon.bench.plots.style import places_of
from lockon.bench.report.model import Report
from lockon.bench.report.significance import Intervals
from lockon.bench.store import Record, Store
from lockon.errors import LockonError

BUDGET = 30_000_000  # bytes of the whole file
FRAMES = 24  # pictures per video
_SCRIPTS = ("base.js", "table.js", "chart.js", "viewer.js", "main.js")
_NO_IMAGES = "no pictures: the images were not found; give their folder with --data {dataset}:DIR"
_SHARE = 0.6  # of the budget that boxes and scores may take before frames of them are left out


@dataclass(frozen=True, slots=True)
class PageSize:
    """What went into the page: bytes of the file, number of pictures, of videos with pictures and of videos."""

    total: int
    pictures: int
    shown: int
    videos: int


@dataclass(frozen=True, kw_only=True, slots=True)
class PageLimits:
    """How large a page may grow.

    Attributes:
        frames: Pictures per video, fewer where the file would grow too large.
        budget: Bytes of the whole file.
    """

    frames: int = FRAMES
    budget: int = BUDGET


_LIMITS = PageLimits()


def write_html(
    reports: Sequence[Report],
    store: Store,
    path: str | Path,
    find: Find | None = None,
    *,
    limits: PageLimits = _LIMITS,
    intervals: Sequence[Intervals] = (),
    title: str = "",
    progress: Callable[[str], None] | None = None,
) -> PageSize:
    """Write the report as one file that opens from anywhere, without a network.

    Args:
        reports: Sections of the page, one or several.
        store: Where they came from; its records are drawn frame by frame.
        path: Of the file.
        find: Gives the sequence with the images; None for no pictures.
        limits: Of pictures per video, and of bytes.
        intervals: None, or one per report.
        title: Of the page.
        progress: Told each video before its pictures are made.

    Raises:
        LockonError: No report, the file cannot be written, or the budget is too small for the metrics alone.
    """
    if not reports:
        raise LockonError("no report given; expected one of `evaluate` at least")
    colors = places_of(reports)
    sections = [report_payload(report, colors, intervals[place] if intervals else None) for place, report in enumerate(reports)]
    runs = _runs(reports, store)
    content: dict[str, Any] = {
        "version": __version__,
        "title": title or f"{', '.join(dict.fromkeys(name for report in reports for name in report.datasets))}",
        "sections": sections,
        "videos": {},
        "clips": [],
    }
    fixed = len(_render(content))
    _pack(content, runs, int((limits.budget - fixed) * (1 if find is None else _SHARE)))
    left = limits.budget - len(_render(content))
    if left < 0:
        most = limits.budget / 1e6
        raise LockonError(
            f"the metrics alone take {fixed / 1e6:.1f} MB, over the limit of {most:g} MB; give --max-size {fixed // 10**6 + 5}"
        )
    content["videos"] = _videos(runs, find, limits.frames, left, progress)
    page = _render(content)
    write_bytes(path, page)
    shown = [video["jpegs"] for video in content["videos"].values() if video["jpegs"]]
    return PageSize(len(page), sum(map(len, shown)), len(shown), len(content["videos"]))


def _runs(reports: Sequence[Report], store: Store) -> dict[Key, dict[str, Record]]:
    """Return the first repetitions of all trackers by clip."""
    runs: dict[Key, dict[str, Record]] = {}
    for report in reports:
        for item in report.trackers:
            for record in store.records(item.label, report.protocol):
                if record.repetition == 1 and record.dataset in report.datasets:
                    runs.setdefault(clip_key(record), {})[item.label] = record
    return dict(sorted(runs.items()))


def _pack(content: dict[str, Any], runs: Mapping[Key, Mapping[str, Record]], budget: int) -> None:
    """Put all clips into the content; every second, fourth, ... frame of them if all are too many."""
    stride = 1
    while True:
        content["clips"] = [pack_clip(records, stride) for records in runs.values()]
        if len(json.dumps(content["clips"])) <= budget or stride >= 1024:
            return
        stride *= 2


def _videos(
    runs: Mapping[Key, Mapping[str, Record]], find: Find | None, frames: int, budget: int, progress: Callable[[str], None] | None
) -> dict[str, Any]:
    """Return the pictures per video; each video may take an equal part of what the ones before it left."""
    firsts: dict[tuple[str, str], list[Record]] = {}
    for (_, dataset, sequence, _), by_label in runs.items():
        firsts.setdefault((dataset, sequence), []).append(next(iter(by_label.values())))
    videos: dict[str, Any] = {}
    for place, ((dataset, sequence), records) in enumerate(firsts.items()):
        if progress is not None:
            progress(f"{dataset}/{sequence}")
        images = find(dataset, sequence) if find is not None and frames > 0 else None
        if images is None:
            made = Pictures(note="" if frames == 0 else _NO_IMAGES.format(dataset=dataset))
        else:
            length = max(int(record.frames.max()) for record in records) + 1
            share = (budget - 200 * len(firsts)) // (len(firsts) - place)
            made = take_pictures(images, length, records[0].run.frame_size, frames, max(share, 0))
        budget -= made.size + 20 * len(made.jpegs)
        videos[f"{dataset}/{sequence}"] = {"jpegs": made.jpegs, "note": made.note}
    return videos


def _render(content: Mapping[str, Any]) -> bytes:
    """Return the page: the template with the style, the scripts and the data put in."""
    folder = resources.files("lockon.bench.html")
    data = json.dumps(content, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")  # "</script>" in a name must not end it
    parts = {
        "title": html.escape(shown(f"{content['title']} - lockon bench report")),
        "style": folder.joinpath("page.css").read_text(encoding="utf-8"),
        "script": "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS),
        "data": data,
    }
    page = folder.joinpath("page.html").read_text(encoding="utf-8")
    for name, text in parts.items():  # the data go in last: nothing in them is taken for a mark
        page = page.replace(f"<!-- {name} -->", text, 1)
    return page.encode()


__all__ = ["BUDGET", "FRAMES", "PageLimits", "PageSize", "write_html"]
