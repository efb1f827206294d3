"""`lockon bench import`, `export`, `pack`, `validate`, `vot-ini`: results to and from other toolkits and evaluation servers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lockon.cli._options import Folder, LoadOptions, Trackers, option_groups
from lockon.cli._terminal import echo
from lockon.cli._texts import split_names
from lockon.cli.bench import ManyValues

if TYPE_CHECKING:
    from lockon.bench.formats.finding import ResultFolder
    from lockon.bench.formats.importing import Imported
    from lockon.bench.pack.validation import Validation
    from lockon.data.sequence import VideoSequence

app = typer.Typer()  # its commands are those of `lockon bench`

Results = Annotated[Path, typer.Argument(metavar="RESULTS", help="Folder with a folder of result files per tracker.")]
Server = Annotated[Literal["got10k", "trackingnet", "vot"], typer.Option("--for", help="Who scores it.")]
Origin = Annotated[
    int | None,
    typer.Option("--base", min=0, max=1, help="Number of the first pixel in the files; default: as their first lines decide."),
]


@app.command("import", cls=ManyValues)
def import_files(  # noqa: PLR0917 - a command line
    results: Results,
    data: Annotated[list[str], typer.Option(metavar="NAME:ROOT", help="Ground truth; images are not needed.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of results, as `lockon bench run` writes it.")],
    form: Annotated[str, typer.Option("--from", help="Toolkit that wrote them: auto, pysot, pytracking, got10k, vot.")] = "auto",
    trackers: Trackers = None,
    origin: Origin = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace results of the same sequences with other boxes.")] = False,
) -> None:
    """Read result files of other toolkits, so that `lockon bench report` scores them without running anything.

    What is odd about a file is said: too few lines, other names, NaN, a late start. Sequences without results are listed.
    RESULTS may hold a folder for each dataset, called like it.

    [bold]Examples[/bold]

      lockon bench import results/OTB100 --data OTB100:/data/OTB100 --out runs/otb

      lockon bench import results --data VOT2018:VOT2018.json --out runs/vot --from vot --trackers SiamRPN ATOM

      lockon bench report runs/otb
    """
    from lockon._files import refuse_overwriting
    from lockon.bench.formats.finding import find_results

    refuse_overwriting([("--out", out)], [results])
    for spec in data:
        sequences = _sequences(spec)
        folder = find_results(results, form, sequences[0].dataset)
        echo(f"recognised {folder.summary()}", err=True)
        _import_one(folder, sequences, out, trackers=split_names(trackers), origin=origin, overwrite=overwrite)
    echo(f"now: lockon bench report {out}", err=True)


def _import_one(folder: ResultFolder, sequences: list[VideoSequence], out: Path, **options: Any) -> None:
    """Import one dataset, with a progress bar and a summary per tracker on stderr."""
    from lockon.bench.formats.importing import import_results
    from lockon.cli._terminal import progress_bar

    with progress_bar() as progress:
        wanted = options["trackers"]
        task = progress.add_task("reading", total=sum(not wanted or file.tracker in wanted for file in folder.files))
        imported = import_results(
            folder,
            sequences,
            out,
            **options,
            on_file=lambda file: progress.update(task, advance=1, description=f"{file.tracker} {file.sequence}"),
        )
    for done in imported:
        _summarise(done)


def _summarise(imported: Imported) -> None:
    """Show what came of one tracker, on stderr."""
    from lockon.bench.formats.notes import summarise

    protocols = ", ".join(f"{count} {name}" for name, count in imported.records.items()) or "nothing"
    files = imported.files
    whole = f"PARTIAL, {len(files.missing)} missing ({_some(files.missing)}): " if imported.partial else ""
    certain = "" if files.certain else " (not decided by the files)"
    same = f", {imported.same} there already" if imported.same else ""
    of = f"{imported.sequences} of {imported.expected} sequences of {imported.dataset}"
    echo(f"{imported.label}: {whole}{of} ({protocols}{same}), base {files.origin}{certain}", err=True)
    for line in summarise(files.notes):
        echo(f"  {line}", err=True)
    if files.unknown:
        echo(f"  {len(files.unknown)} results belong to no sequence of {imported.dataset}: {_some(files.unknown)}", err=True)


def _some(names: tuple[str, ...], shown: int = 5) -> str:
    return ", ".join(names[:shown]) + (", ..." if len(names) > shown else "")


@app.command("export", cls=ManyValues)
def export_files(  # noqa: PLR0917 - a command line
    folder: Folder,
    form: Annotated[str, typer.Option("--to", help="Toolkit that is to read them: pysot, pytracking, got10k, vot.")],
    out: Annotated[Path, typer.Option(metavar="OUT", help="Folder of the files; with several datasets one folder for each.")],
    trackers: Trackers = None,
    datasets: Annotated[list[str] | None, typer.Option("--dataset", help="Only this dataset; may be repeated.")] = None,
    origin: Origin = None,
) -> None:
    """Write stored results as another toolkit's result files.

    [bold]Examples[/bold]

      lockon bench export runs/otb --to pysot --out results/OTB100

      lockon bench export runs/vot --to vot --out workspace/results --trackers lockon-s
    """
    from lockon._files import refuse_overwriting
    from lockon.bench.formats.exporting import export_results
    from lockon.bench.store import Store

    refuse_overwriting([("--out", out)], [folder])
    for done in export_results(Store(folder), form, out, trackers=split_names(trackers) or None, datasets=datasets, origin=origin):
        echo(f"{done.label}: {done.records} results in {done.files} files below {out}", err=True)


@app.command("pack")
def pack_results(  # noqa: PLR0917 - a command line
    folder: Folder,
    server: Server,
    out: Annotated[Path, typer.Option(metavar="FILE", help="A .zip file, or a folder.")],
    tracker: Annotated[str | None, typer.Option(help="Which one; may be left out where there is one.")] = None,
    dataset: Annotated[str | None, typer.Option(help="Which one; may be left out where there is one.")] = None,
    partial: Annotated[bool, typer.Option("--partial", help="Write it although sequences are missing.")] = False,
) -> None:
    """Pack results for an evaluation server, and check the package.

    Exit status: 0 written and valid, 1 written with problems, 2 nothing written.

    [bold]Examples[/bold]

      lockon bench run --trackers lockon-s --data GOT10k_test:/data/GOT-10k --out runs/got10k

      lockon bench pack runs/got10k --for got10k --out lockon-s.zip
    """
    from lockon._files import refuse_overwriting
    from lockon.bench.pack.validation import validate
    from lockon.bench.pack.writing import pack
    from lockon.bench.store import Store

    refuse_overwriting([("--out", out)], [folder])
    packed = pack(Store(folder), server, out, tracker=tracker, dataset=dataset, partial=partial)
    echo(f"wrote {packed.path}: {packed.label}, {packed.sequences} sequences in {packed.files} files", err=True)
    _conclude(validate(packed.path, server))


@app.command("validate")
def validate_package(
    package: Annotated[Path, typer.Argument(metavar="FILE", help="A .zip file or a folder to be sent.")],
    server: Server,
    data: Annotated[str | None, typer.Option(metavar="NAME:ROOT", help="The dataset: names, frames and first boxes.")] = None,
) -> None:
    """Check a package for an evaluation server: names, numbers of lines, boxes, first lines.

    Exit status: 0 valid, 1 problems, 2 it cannot be read.

    [bold]Example[/bold]

      lockon bench validate lockon-s.zip --for got10k --data GOT10k_test:/data/GOT-10k
    """
    from lockon.bench.pack.validation import validate

    _conclude(validate(package, server, _sequences(data) if data else None))


def _conclude(validation: Validation) -> None:
    """Show problems on standard output, one per line; exit with status 1 if there are any."""
    for note in validation.notes:
        echo(f"note: {note}", err=True)
    for problem in validation.problems:
        echo(problem)
    count = len(validation.problems)
    state = "valid" if validation.valid else f"{count} problem{'s' if count > 1 else ''}"
    echo(f"{validation.sequences} sequences, {validation.files} files of boxes: {state}", err=True)
    if not validation.valid:
        raise typer.Exit(1)


@app.command("vot-ini", cls=ManyValues)
@option_groups
def vot_ini(
    *,
    loading: LoadOptions,
    name: Annotated[str, typer.Option(help="What the toolkit calls it; default: the tracker's name.")] = "",
) -> None:
    """Write an entry of trackers.ini, with which the official VOT toolkit runs a tracker of lockon through TraX.

    The program that it names needs `pip install "lockon[vot]"` in this environment; the toolkit may lie in another one.

    [bold]Example[/bold]

      lockon bench vot-ini --tracker lockon-s --name lockon >> workspace/trackers.ini
    """
    import re
    import shlex
    import sys

    from lockon.errors import LockonError, unknown_name
    from lockon.zoo.registry import TRACKERS

    tracker, weights = loading.tracker, loading.weights
    if tracker not in TRACKERS:
        raise unknown_name("tracker", tracker, TRACKERS)
    loading.arguments()  # an error now, not in the toolkit
    identifier = name or re.sub(r"[^A-Za-z0-9_-]+", "-", tracker)
    if not re.fullmatch(r"[A-Za-z0-9_-]+", identifier):
        raise LockonError(f"--name {name!r}; the VOT toolkit takes letters, digits, - and _ only")
    words = [sys.executable, "-m", "lockon.apps.vot", "--tracker", tracker]
    words += ["--weights", str(weights.expanduser().resolve())] if weights else []
    words += ["--preset", loading.preset] if loading.preset != "default" else []
    words += ["--device", loading.device] if loading.device != "auto" else []
    words += [word for text in loading.overrides or [] for word in ("--set", text)]
    command = shlex.join(words).replace("%", "%%")  # configparser takes % for the start of a variable
    echo(f"[{identifier}]\nlabel = {name or tracker}\nprotocol = trax\ncommand = {command}\n")


def _sequences(spec: str) -> list[VideoSequence]:
    """Load the sequences of a dataset, with or without images."""
    from lockon.data.datasets.registry import load_dataset
    from lockon.data.sequence import check_command
    from lockon.errors import LockonError

    sequences = load_dataset(spec, frames="optional")
    if not sequences:
        raise LockonError(f"--data {spec} holds no sequences; run `{check_command(spec)}`")
    return sequences
