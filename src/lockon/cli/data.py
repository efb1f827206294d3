"""`lockon data`: which datasets are known, where they lie, and what is missing or broken in them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lockon.cli._terminal import counted, echo

if TYPE_CHECKING:
    from lockon.data.check import DataReport

app = typer.Typer(
    help="Datasets: which are known, where they lie, what is missing in them.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)

DataRoot = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        help="Folder of the dataset, or one that holds datasets by name. Default: LOCKON_DATA, then ~/.config/lockon/data.toml "
        '(or the file that LOCKON_CONFIG names) with \\[roots] NAME = "DIR".',
    ),
]


@app.command("list")
def list_datasets(data_root: DataRoot = None) -> None:
    """List the known datasets, the layout of each, and where it was found.

    [bold]Examples[/bold]

      lockon data list

      lockon data list --data-root /data
    """
    from lockon.data.datasets.table import known_names, layout_of, pool_members
    from lockon.data.paths import find, read_config
    from lockon.errors import LockonError

    read_config()  # a broken file is an error here, a dataset that is not found is not
    if data_root is not None and not data_root.is_dir():
        raise LockonError(f"--data-root {data_root} is no folder; expected one that holds datasets by name, such as OTB100/")
    folders: dict[str, str] = {}
    for name in known_names():
        parts = pool_members(name)
        try:
            if parts is None:
                path, source = find(name, data_root)
                folders[name] = f"{path}  (from {source})"
            elif all(part in folders for part in parts):
                folders[name] = f"{', '.join(parts)}"
        except LockonError:
            pass  # it is nowhere: a dash below
        kind = "pooled" if parts is not None else layout_of(name).name
        echo(f"{name:<20}{kind:<13}{folders.get(name, '-')}")
    for name, folder in _training_sets(data_root).items():
        echo(f"{name:<20}{'training':<13}{folder or '-'}")


def _training_sets(data_root: Path | None) -> dict[str, Path | None]:
    """Return the datasets that serve training alone, and where they lie under the data root or LOCKON_DATA."""
    from lockon.data.datasets.table import known_names
    from lockon.data.track_sets import TRAIN_SETS, default_root, find_track_sets

    root = data_root or default_root()
    folders = find_track_sets(root) if root is not None and root.is_dir() else {}
    return {name: folders.get(name) for name in TRAIN_SETS if name not in known_names()}


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A dataset of `lockon data list`, or NAME:DIR.")],
    data_root: DataRoot = None,
    full: Annotated[bool, typer.Option("--full", help="Decode every image and mask, not only the first of each sequence.")] = False,
    subset: Annotated[
        bool, typer.Option("--subset", help="Sequences of the benchmark that are not there, cut or resized are no problem.")
    ] = False,
) -> None:
    """Say exactly which sequences and frames of a dataset are missing or broken.

    Exit status: 0 all good, 1 problems found, 2 wrong usage (unknown name, no such folder) or files that cannot be listed.

    [bold]Examples[/bold]

      lockon data check OTB100 --data-root /data/OTB100

      lockon data check got10k-val:/data/GOT-10k

      lockon data check pool:/data/validation --full --subset

      lockon data check folder:my_clips

      lockon data check COCO:/data/coco --full
    """
    from lockon.data.check import check_dataset
    from lockon.data.check_tracks import check_track_set, training_only
    from lockon.data.datasets.registry import split_spec
    from lockon.data.datasets.table import canonical_name, pool_members
    from lockon.data.paths import find_root
    from lockon.errors import LockonError

    spelled, root = split_spec(name)
    if root is not None and data_root is not None:
        raise LockonError(f"{name} names its folder and --data-root {data_root} was given too; give one of them")
    place = root if root is not None else data_root
    with counted("checking") as progress:
        training = training_only(spelled, place)
        if training is not None:
            reports = [check_track_set(training, place, full=full, progress=progress)]
        else:
            dataset = canonical_name(spelled)
            folder = place if pool_members(dataset) is not None else find_root(dataset, place)
            reports = check_dataset(dataset, folder, full=full, subset=subset, progress=progress)
    for report in reports:
        if report.listed:
            _show(report)
        else:
            echo(f"error: {report.problems[0]}", err=True)
    if not all(report.listed for report in reports):
        raise typer.Exit(2)
    if any(report.problems for report in reports):
        raise typer.Exit(1)


@app.command("crop511")
def crop511(
    name: Annotated[str, typer.Argument(metavar="NAME:DIR", help="A training set and its folder, in its raw layout.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="A folder for the patches of this dataset.")],
    workers: Annotated[int, typer.Option(metavar="N", min=1, help="Videos that are cut at a time.")] = 4,
    skip: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Videos to leave out, one name per line, beside the known bad ones.")
    ] = None,
    masks: Annotated[
        bool, typer.Option("--masks", help="Write the objects' masks too, where the dataset has them (for SiamMask).")
    ] = False,
) -> None:
    """Cut the 511-pixel patches that trackers of the SiamRPN++ family are trained on, in PySOT's layout.

    Training reads raw datasets too; patches are read faster. A stopped run goes on where it was when the command is typed again.

    Exit status: 0 all done, 1 some images could not be read, 2 wrong usage.

    [bold]Examples[/bold]

      lockon data crop511 COCO:/data/coco /data/patches/COCO

      lockon data crop511 GOT10k_train:/data/GOT-10k /data/patches/GOT10k --workers 16
    """
    from lockon._files import refuse_overwriting
    from lockon.data.crop511 import write_crops
    from lockon.data.track_sets import load_track_set

    refuse_overwriting([("OUT", out)], [name.partition(":")[2] or name, *([skip] if skip is not None else [])])
    tracks = load_track_set(name, skip=skip, masks=masks)
    with counted("cutting") as progress:
        report = write_crops(tracks, out, workers=workers, progress=progress)
    typer.secho(f"{report.annotation}: {report.videos} videos, {report.patches} patches", bold=True)
    _list("note", tracks.notes)
    _list("problem", report.broken)
    if report.broken:
        raise typer.Exit(1)


def _show(report: DataReport) -> None:
    typer.secho(f"{report.dataset} in {report.root}: {report.sequences} sequences, {report.frames} frames", bold=True)
    _list("problem", report.problems)
    _list("note", report.notes)
    count = len(report.problems)
    echo("  all good" if not count else f"  {count} problem{'s' if count > 1 else ''} found")


def _list(kind: Literal["problem", "note"], texts: Iterable[str]) -> None:
    """Print one line per problem or note."""
    for text in texts:
        echo(text, lead=typer.style(f"  {kind:9}", fg="red" if kind == "problem" else "yellow"))
