"""The options of `lockon bench report`, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lockon.cli._groups import split_names

if TYPE_CHECKING:
    from lockon.bench.publish import Extras, Look
    from lockon.bench.report import Options

Format = Literal["md", "json", "csv", "tex", "html"]


@dataclass(frozen=True, kw_only=True)
class FileOptions:
    """Where the tables go, in which form."""

    output: Annotated[Format, typer.Option("--format", help="Markdown, JSON records, CSV, LaTeX (booktabs), or one HTML page.")] = "md"
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write into a file instead of to standard output.")] = None
    everything: Annotated[
        Path | None, typer.Option("--all", metavar="OUTDIR", help="Write every table, plot and the page into this folder.")
    ] = None
    into: Annotated[
        Path | None,
        typer.Option("--into", metavar="FILE", help="Write the Markdown between the bench:begin and bench:end comments of a file."),
    ] = None

    def check(self) -> None:
        """Refuse options that do not go together.

        Raises:
            LockonError: They do not.
        """
        from lockon.errors import LockonError

        if self.into is not None and self.output != "md":
            raise LockonError(f"--into writes a Markdown table, --format {self.output} given; leave --format out")
        if self.into is not None and self.out is not None:
            raise LockonError("--into and --out are both given; give one of them")
        if self.output == "html" and self.out is None and self.everything is None:
            raise LockonError("--format html is one page; say where it goes, for example --out report.html")

    def write(self, text: str) -> None:
        """Write a text to where it goes."""
        if self.into is not None:
            from lockon.bench.tables import write_into

            write_into(self.into, text)
            typer.echo(f"wrote the table into {self.into}", err=True)
        elif self.out is not None:
            from lockon._files import write_bytes

            write_bytes(self.out, text.encode())
            typer.echo(f"wrote {self.out}", err=True)
        else:
            typer.echo(text, nl=False)


@dataclass(frozen=True, kw_only=True)
class ResultOptions:
    """Which results are scored, and how."""

    protocol: Annotated[
        str,
        typer.Option(
            "--protocol", metavar="NAME", help="Which results; auto takes one-pass, or else what there is; all takes each; or a name."
        ),
    ] = "auto"
    convention: Annotated[
        str | None,
        typer.Option(
            "--convention",
            help="Toolkit to agree with, or several by commas, one table each. One-pass: pysot (default), pytracking, ostrack, lorat, "
            "got10k, got10k-otb. Reset: vot (default).",
        ),
    ] = None
    trackers: Annotated[list[str] | None, typer.Option("--trackers", help="Only these trackers; repeat or separate by commas.")] = None
    datasets: Annotated[list[str] | None, typer.Option("--datasets", help="Only these datasets; repeat or separate by commas.")] = None
    apart: Annotated[bool, typer.Option("--apart", help="One table per dataset instead of one over all.")] = False
    lengths: Annotated[
        tuple[int, int] | None, typer.Option("--lengths", metavar="LOW HIGH", help="Sequence lengths that count for EAO.")
    ] = None

    @property
    def conventions(self) -> list[str | None]:
        """List the conventions; one None for each protocol's own."""
        return [*split_names([self.convention or ""])] or [None]

    def options(self) -> Options:
        """Return what is scored, without protocol and convention."""
        from lockon.bench.report import Options

        trackers, datasets = tuple(split_names(self.trackers)), tuple(split_names(self.datasets))
        return Options(None, trackers, datasets, apart=self.apart, lengths=self.lengths)


@dataclass(frozen=True, kw_only=True)
class TableOptions:
    """What is written beside the summary."""

    per_sequence: Annotated[bool, typer.Option("--per-sequence", help="Add a table with a row per sequence.")] = False
    attributes: Annotated[bool, typer.Option("--attributes", help="Add a table with a row per attribute; plots of each.")] = False
    latency: Annotated[bool, typer.Option("--latency", help="Add a table of milliseconds per frame: mean, p50, p95, p99.")] = False
    metric: Annotated[str | None, typer.Option("--metric", help="Metric of --per-sequence and --attributes, such as AUC.")] = None
    intervals: Annotated[bool, typer.Option("--intervals", help="Print 95% bootstrap confidence intervals beside the metrics.")] = False
    compare: Annotated[
        tuple[str, str] | None, typer.Option("--compare", metavar="A B", help="Add: do two trackers differ by more than chance?")
    ] = None

    def extras(self) -> Extras:
        """Return them as `report_tables` takes them."""
        from lockon.bench.publish import Extras

        return Extras(self.per_sequence, self.attributes, self.latency, self.metric, self.compare, self.intervals)


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """Plots, and the pictures of the page."""

    plots: Annotated[Path | None, typer.Option("--plots", metavar="DIR", help="Also draw plots into this folder.")] = None
    plot_format: Annotated[str, typer.Option("--plot-format", help="png, svg, pdf, or several by commas.")] = "png"
    eao_line: Annotated[
        list[str] | None, typer.Option("--eao-line", metavar="NAME=EAO", help="Dashed line in the EAO ranking: a challenge's winner.")
    ] = None
    data: Annotated[
        list[str] | None, typer.Option("--data", metavar="NAME:ROOT", help="Where the images for the page are; by default as `bench run`.")
    ] = None
    frames: Annotated[int, typer.Option("--frames", min=0, help="Pictures per video in the page.")] = 24
    max_size: Annotated[float, typer.Option("--max-size", min=0.1, metavar="MB", help="Size of the page; pictures are left out.")] = 30

    def look(self) -> Look:
        """Return how plots and page are made, without images."""
        from lockon.bench.publish import Look

        formats = tuple(split_names([self.plot_format]))
        return Look(formats=formats, lines=_lines(self.eao_line or []), frames=self.frames, budget=int(self.max_size * 1e6))


def _lines(texts: list[str]) -> dict[str, float]:
    """Read ["NAME=0.389"] as {"NAME": 0.389}."""
    from lockon.errors import LockonError

    found = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        try:
            found[name] = float(value)
        except ValueError:
            name = ""
        if not name:
            raise LockonError(f"--eao-line {text!r} is not NAME=EAO; for example --eao-line winner=0.389")
    return found


__all__ = ["FileOptions", "PictureOptions", "ResultOptions", "TableOptions"]
