"""`lockon study`: controlled studies, from training to the page that tells their outcome."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from lockon.cli._options import Preset, Settings, SourceOptions, Threads, TrainDevice, option_groups
from lockon.cli._terminal import echo
from lockon.cli._texts import parse_overrides

if TYPE_CHECKING:
    from lockon.studies.settings import Study
    from lockon.studies.spec import StudyRun, StudySpec

app = typer.Typer(help="Controlled studies: many runs, one thing changed.", no_args_is_help=True, rich_markup_mode="rich")


_ENDING = """
Every run is trained with equal steps on equal samples, and {does}. Finished runs are skipped. Ctrl-C saves the running ones.
DIR/{name}.md tells the outcome.
"""
_TRACKS = "tracks the validation videos once without help and once with a new start after each failure"
_TRACKS_ONCE = "tracks the validation videos"
_REFINES = "refines boxes in the validation videos: the truth after jitter, and those of lockon-s and CSRT"
_HELP = {
    "rbo": f"""Do ranking losses make a tracker better? Trains each row with each seed and compares them (Table 4 of the RBO paper).
{_ENDING}
[bold]Examples[/bold]

  lockon study rbo --data-root data --out runs/rbo --jobs 2 --set backbone_weights=efficientnet-lite0.pth

  lockon study rbo --data-root data --out runs/rbo --only compact-ban.base --only compact-ban.cr --seeds 0,1,2,3,4

  lockon study rbo --out runs/rbo --report --page docs/results/studies/rbo.md

  lockon study rbo --data-root /data --out runs/paper --trackers siamban-r50 --trackers siamrpnpp-r50 --cache none --device cuda
""",
    "siamla": f"""Do scores that know how good a box is make a tracker better? Trains each row with each seed (Table III of SiamLA).
{_ENDING}
How well scores agree with the boxes' IoU is measured too.

[bold]Examples[/bold]

  lockon study siamla --data-root data --out runs/siamla --jobs 2 --set backbone_weights=efficientnet-lite0.pth

  lockon study siamla --data-root data --out runs/siamla --only base --only ladl --only linear --seeds 0,1,2,3,4

  lockon study siamla --out runs/siamla --report --page docs/results/studies/siamla.md

  lockon study siamla --data-root data --out runs/lockon-s --trackers lockon-s --set "train.unfreeze=((0,0),)"

  lockon study siamla --data-root /data --out runs/paper --trackers siamcar-r50 --cache none --device cuda
""",
    "rtrack": f"""Does a second stage that learns from the first one's boxes learn sooner? Trains each row with each seed (its Table 3).
{_ENDING}
Each run is judged after parts of its length too, for the curve of overlap against pairs seen; how well scores agree with the boxes' IoU is
measured as well.

[bold]Examples[/bold]

  lockon study rtrack --data-root data --out runs/rtrack --jobs 2 --set backbone_weights=efficientnet-lite0.pth

  lockon study rtrack --data-root data --val data/val --val data/val2 --out runs/rtrack --only base --only leading --device cuda --jobs 6

  lockon study rtrack --out runs/rtrack --report --page docs/results/studies/rtrack.md
""",
    "duml": f"""Do two modalities localise better than one? Trains each with each seed, alone and in pairs (Tables 2 to 4 of DuML, Fig. 4).
{_ENDING}
Rows with voting, or with another weight mu, track with the weights of the row that they are compared with.

[bold]Examples[/bold]

  lockon study duml --data-root data --out runs/duml --jobs 2 --set backbone_weights=efficientnet-lite0.pth

  lockon study duml --data-root data --out runs/duml --only base --only onr --only ofc-onr --only vote

  lockon study duml --out runs/duml --report --page duml.md

  lockon study duml --data-root /data --out runs/paper --trackers duml --cache none --device cuda
""",
    "alpha-refine": f"""Which parts make a refiner precise? Trains refine-s in each row with each seed (Tables 5 and 6 of Alpha-Refine).
{_ENDING}
[bold]Examples[/bold]

  lockon study alpha-refine --data-root data --out runs/ar --jobs 2 --steps 300 --samples 6400 --set backbone_weights=efficientnet-lite0.pth

  lockon study alpha-refine --data-root data --out runs/ar --steps 300 --samples 6400 --only base --only rpn --only rpn-no-mask

  lockon study alpha-refine --out runs/ar --report --results runs/test --page docs/results/studies/alpha_refine.md

  lockon study alpha-refine --data-root /data --out runs/paper --trackers alpha-refine-r34 --cache none --device cuda
""",
}


@dataclass(frozen=True, kw_only=True)
class GridOptions:
    """Which runs."""

    trackers: Annotated[
        list[str] | None,
        typer.Option(help="Recipes to study, each in the rows of the paper's table; default: the small ones."),
    ] = None
    only: Annotated[list[str] | None, typer.Option(metavar="ROW", help="Rows such as TRACKER.base, or base of each tracker; repeat.")] = (
        None
    )
    seeds: Annotated[str, typer.Option(help="Of initial weights and samples, by commas.")] = "0,1,2"


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What all runs have in common."""

    steps: Annotated[int | None, typer.Option(min=1, help="Updates of each run; default: each recipe's own.")] = None
    samples: Annotated[int, typer.Option(min=1, help="Different training pairs per seed, drawn once and kept.")] = 12_800
    cache: Annotated[
        Literal["auto", "features", "images", "none"], typer.Option(help="What is kept of a pair: features needs a frozen backbone.")
    ] = "auto"
    settings: Settings = None
    preset: Preset = "default"
    device: TrainDevice = "auto"
    threads: Threads = 1


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """What is written at the end."""

    report: Annotated[bool, typer.Option("--report", help="Train nothing: only write the page of what is finished.")] = False
    page: Annotated[Path | None, typer.Option(metavar="FILE.md", help="Also write the page here.")] = None
    results: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Of lockon bench run, with --refine and --protocol oracle; for alpha-refine's page."),
    ] = None


def _add(name: str, text: str) -> None:
    """Add the command of one study; all have the same options."""

    @app.command(
        name, help=text.replace("{name}", name).replace("{does}", {"alpha-refine": _REFINES, "rtrack": _TRACKS_ONCE}.get(name, _TRACKS))
    )
    @option_groups
    def study(
        *,
        out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the study; the same command goes on from there.")],
        sources: SourceOptions,
        grid: GridOptions,
        train: TrainOptions,
        jobs: Annotated[int, typer.Option(min=0, help="Runs side by side; 0 does all in this process.")] = 1,
        pages: PageOptions,
    ) -> None:
        from lockon.errors import LockonError
        from lockon.studies import KINDS
        from lockon.studies.spec import StudyRun

        kind = KINDS[name]
        runs = [StudyRun(row, seed) for seed in _seeds(grid.seeds) for row in kind.rows(grid.trackers or [], grid.only or [])]
        failures: list[str] = []
        if pages.results is not None:
            from lockon.studies.refiner_page import trackers_with_refiner

            trackers_with_refiner(pages.results, kind)  # an error now, not after an hour
        if not pages.report:
            failures = _run(_study(kind, out, sources, train), runs, jobs)
        from lockon.studies.report import write_report

        for path in write_report(out, kind, [out / f"{name}.md", *([pages.page] if pages.page else [])], pages.results):
            echo(f"wrote {path}", err=True)
        if failures:
            raise LockonError(f"{len(failures)} runs failed, first {failures[0]}; the same command tries them again")


def _study(kind: StudySpec, out: Path, sources: SourceOptions, train: TrainOptions) -> Study:
    """Make the study that is to be run."""
    from lockon._require import require

    for module in ("torch", "lightning_fabric", "safetensors", "tensorboard"):
        require(module, "train")
    from lockon.studies.settings import Study

    common = asdict(train)
    overrides = parse_overrides(common.pop("settings") or [])
    return Study(kind=kind, out=out, sources=sources.find(), overrides=overrides, **common)


for _name, _text in _HELP.items():
    _add(_name, _text)


def _seeds(text: str) -> list[int]:
    from lockon.errors import LockonError

    try:
        seeds = [int(part) for part in text.split(",")]
    except ValueError:
        seeds = []
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise LockonError(f"--seeds {text}; expected different whole numbers from 0, by commas, for example --seeds 0,1,2")
    return seeds


def _run(study: Study, runs: list[StudyRun], jobs: int) -> list[str]:
    """Run everything that is missing, with progress on stderr; return one line per failed run."""
    from lockon._shown import shown
    from lockon.cli._terminal import progress_bar
    from lockon.studies.tasks import run_tasks
    from lockon.studies.training import progress_of, tasks_of

    study.validation()  # an error now, not after an hour
    study.claim()
    tasks = tasks_of(study, runs, parts=max(jobs, 1))
    failures: list[str] = []
    running: dict[str, str] = {}
    with progress_bar() as bar:
        whole = bar.add_task("study", total=len(tasks))
        for event in run_tasks(tasks, jobs=jobs, threads=study.threads):
            if event is not None:
                running[event.task.key] = event.text
                if event.kind in ("done", "failed"):
                    del running[event.task.key]
                    bar.advance(whole)
                    line = f"{event.task.key}: {event.kind}" + (f": {event.text}" if event.text else "")
                    bar.console.print(shown(line), highlight=False, markup=False, soft_wrap=True)
                if event.kind == "failed":
                    failures.append(f"{event.task.key} ({event.text})")
            texts = (f"{key} {progress_of(study, key) or text}".strip() for key, text in running.items())
            bar.update(whole, description="; ".join(texts) or "study")
    return failures
