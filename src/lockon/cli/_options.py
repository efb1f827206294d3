"""Options that several commands share: single ones as annotated types, groups of them as frozen dataclasses.

A command takes a group as one keyword argument, `option_groups` shows its fields to typer as options::

    @option_groups
    def track(source: Annotated[str, typer.Argument()], *, loading: LoadOptions, output: OutputOptions) -> None: ...
"""

from __future__ import annotations

import copy
import dataclasses
import functools
import inspect
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from lockon._files import refuse_overwriting
from lockon.cli._texts import parse_overrides, split_names
from lockon.errors import LockonError

if TYPE_CHECKING:
    from lockon.bench.spec import TrackerSpec
    from lockon.data.datasets.registry import BrokenSequence
    from lockon.data.sequence import VideoSequence
    from lockon.train.recipe import TrainSources

T = TypeVar("T")

Weights = Annotated[Path | None, typer.Option(help="Weights to use instead of the tracker's own.")]
Preset = Annotated[str, typer.Option(help="Named inference parameters.")]
Device = Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or torch.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter; may be repeated.")]
RefinerWeights = Annotated[Path | None, typer.Option(metavar="PATH", help="Weights to use instead of the refiner's own.")]
OnlineWeights = Annotated[Path | None, typer.Option(metavar="PATH", help="Weights of the online tracker.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")]
TrainDevice = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Settings = Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of any setting; may be repeated.")]

PixelRange = Annotated[
    str | None, typer.Option("--range", metavar="LOW:HIGH", help="Values that become black and white, for frames of more than 8 bits.")
]

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Results of `lockon bench run` or `lockon bench import`.")]
Trackers = Annotated[list[str] | None, typer.Option(help="Only these trackers; repeat or separate by commas.")]
Datasets = Annotated[list[str] | None, typer.Option(help="Only these datasets; repeat or separate by commas.")]
Sequences = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only these sequences; repeat or separate by commas.")]
Convention = Annotated[
    str | None,
    typer.Option(help="Toolkit to agree with: pysot (default), pytracking, ostrack, lorat, got10k, got10k-otb; vot after resets."),
]
Lengths = Annotated[tuple[int, int] | None, typer.Option(metavar="LOW HIGH", help="Sequence lengths that count for EAO.")]
Save = Annotated[
    list[Path] | None, typer.Option(metavar="FILE", help="Also write the table: .md, or .json for all metrics; may be repeated.")
]
PlotFormat = Annotated[str, typer.Option(help="png, svg, pdf, or several by commas.")]

Workers = Annotated[int, typer.Option(min=0, help="Processes, at most one per core for fair frames per second; 0 runs in this one.")]
Threads = Annotated[int, typer.Option(min=1, help="Threads of each process.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of all random choices.")]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadOptions:
    """Options that select and configure a tracker."""

    tracker: Annotated[str, typer.Option(help="Name of a tracker; `lockon zoo list` shows them.")] = "lockon-s"
    weights: Weights = None
    preset: Preset = "default"
    device: Device = "auto"
    overrides: Overrides = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `lockon.load` beside the name."""
        options = {"weights": self.weights, "preset": self.preset, "device": self.device}
        return {**options, **parse_overrides(self.overrides or [])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefinerOptions:
    """A refiner behind every tracker."""

    refine: Annotated[
        str | None,
        typer.Option(metavar="[LABEL=]NAME[:PRESET]", help="Refiner behind every tracker, for example refine-s; labels are TRACKER+NAME."),
    ] = None
    refiner_weights: RefinerWeights = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OnlineOptions:
    """A learner beside every tracker."""

    online: Annotated[
        str | None,
        typer.Option(
            metavar="[LABEL=]NAME[:PRESET]",
            help="Online tracker whose learner judges every tracker's candidates, for example compact-dimp; labels are TRACKER+NAME.",
        ),
    ] = None
    online_weights: OnlineWeights = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """Options that select the files to write."""

    out: Annotated[Path | None, typer.Option(help="Video to write, with boxes and scores drawn (.mp4 .mov .mkv .avi).")] = None
    save: Annotated[
        list[Path] | None, typer.Option(help="Boxes to write: .csv, .jsonl, .txt (MOT), .json (COCO) or .xml (CVAT); may be repeated.")
    ] = None
    mask: Annotated[Path | None, typer.Option(help="Masks to write: a folder of PNG pictures, or a .jsonl file of COCO run lengths.")] = (
        None
    )
    quiet: Quiet = False

    def paths(self) -> list[Path]:
        """Return the paths of all files that are asked for."""
        return [path for path in (self.out, *(self.save or []), self.mask) if path is not None]

    def check(self, *sources: str | Path | None) -> None:
        """Refuse outputs that are one of the sources, a picture of one, or each other, before any work."""
        from lockon.pictures import IMAGE_SUFFIXES

        named = [("--out", self.out), *(("--save", path) for path in self.save or []), ("--mask", self.mask)]
        given = [(option, path) for option, path in named if path is not None]
        refuse_overwriting(given, filter(None, sources))
        folders = [Path(source).resolve() for source in sources if source is not None and os.path.isdir(source)]
        for option, path in given:
            if path.resolve().parent in folders and path.resolve().is_file() and path.suffix.lower() in IMAGE_SUFFIXES:
                raise LockonError(f"{option} {path} would overwrite a picture of the source; choose another name")


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """Trackers and what each is made of."""

    trackers: Annotated[
        list[str] | None,
        typer.Option(help="Names of `lockon zoo list`, MODULE:FACTORY for your own, LABEL=NAME to run one in several ways."),
    ] = None
    weights: Annotated[
        list[str] | None, typer.Option(metavar="TRACKER=PATH", help="Weights of a tracker; the name may be left out if there is one.")
    ] = None
    preset: Annotated[
        list[str] | None, typer.Option(metavar="[TRACKER:]NAME", help="Named inference parameters of one tracker, or of all.")
    ] = None
    device: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TRACKER:]NAME", help="Where networks run: auto, cpu, openvino, cuda or torch; several are spread over the workers."
        ),
    ] = None
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="[TRACKER:]NAME=VALUE", help="Inference parameter of one tracker, or of all.")
    ] = None

    @property
    def names(self) -> list[str]:
        """List the names as given."""
        return split_names(self.trackers)

    def specs(self, default: str | None = None, *, refiners: bool = False) -> list[TrackerSpec]:
        """Make one spec per tracker.

        Args:
            default: Name where none is given; None for an error.
            refiners: Whether a refiner may stand alone.

        Raises:
            LockonError: As `tracker_specs`.
        """
        from lockon.cli._trackers import tracker_specs

        names = self.names or ([] if default is None else [default])
        return tracker_specs(names, self.weights or [], self.preset or [], self.device or [], self.settings or [], refiners=refiners)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Datasets, and which of their sequences."""

    data: Annotated[
        list[str] | None, typer.Option(metavar="NAME:ROOT", help="Datasets of `lockon data list`; pool:ROOT takes all in a folder.")
    ] = None
    sequences: Sequences = None

    @property
    def wanted(self) -> list[str]:
        """List the names of the sequences that are asked for; empty for all."""
        return split_names(self.sequences)

    def load(self, broken: list[BrokenSequence] | None = None) -> tuple[list[VideoSequence], dict[str, str]]:
        """Load the sequences, and NAME:ROOT by name of the dataset.

        Args:
            broken: As for `load_sequences`.

        Raises:
            LockonError: No dataset, or as `load_sequences`.
        """
        from lockon.cli._trackers import load_sequences

        if not self.data:
            raise LockonError("no --data; give datasets, for example --data OTB100:/data/OTB100")
        return load_sequences(self.data, self.wanted, broken)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How trackers are run over whole sequences: the fields of `BenchmarkOptions`."""

    workers: Workers = 1
    threads: Threads = 1
    batch: Annotated[int, typer.Option(min=1, help="Batch size: sequences that a network tracks side by side.")] = 1
    seed: Seed = 0
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Run again what is finished, and replace results of other settings.")] = (
        False
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainDataOptions:
    """Where training data lie."""

    data_root: Annotated[Path | None, typer.Option(help="Folder with train/ (stills), train_video/ and val/, or with datasets.")] = None
    stills: Annotated[Path | None, typer.Option(help="Images with boxes or masks; instead of DATA_ROOT/train.")] = None
    videos: Annotated[Path | None, typer.Option(help="Training videos; instead of DATA_ROOT/train_video.")] = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceOptions(TrainDataOptions):
    """Where training data and validation videos lie."""

    val: Annotated[list[Path] | None, typer.Option(help="Videos to validate on, instead of DATA_ROOT/val; repeat for more folders.")] = None

    def find(self, sets: Iterable[str] = ()) -> TrainSources:
        """Return the given folders, and those of the data root.

        Raises:
            LockonError: A data root that is no folder.
        """
        from lockon.train.recipe import TrainSources

        return TrainSources.find(self.data_root, stills=self.stills, videos=self.videos, val=self.val or (), sets=sets)


def option_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Expand the dataclasses among a command's arguments to one option per field, for typer.

    Args:
        command: A function with annotated arguments; those whose type is a dataclass are groups. Two groups of a command must
            not share a field's name. A group with an attribute `panel` is shown under that heading.

    Returns:
        The same command with a flat signature, which builds the groups from the options.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind) and isinstance(kind, type)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            parameters += _options_of(groups[name])
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(command)
    def flat(**values: Any) -> T:
        built = {name: kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)}) for name, kind in groups.items()}
        return command(**values, **built)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def _options_of(group: type) -> list[inspect.Parameter]:
    """Return one parameter per field of a group."""
    kinds, parameters = get_type_hints(group, include_extras=True), []
    for field in dataclasses.fields(group):
        (option,) = kinds[field.name].__metadata__
        option = copy.copy(option)
        option.rich_help_panel = getattr(group, "panel", None)
        parameters.append(
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default,
                annotation=Annotated[kinds[field.name].__origin__, option],
            )
        )
    return parameters
