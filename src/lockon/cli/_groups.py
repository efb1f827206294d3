"""Option groups of commands that run trackers over datasets; `lockon.cli._options.option_groups` shows them to typer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from lockon.bench.spec import TrackerSpec
    from lockon.data.sequence import VideoSequence


def split_names(values: list[str] | None) -> list[str]:
    """Split names at commas, and drop empty ones.

    >>> split_names(["a,b", "c"])
    ['a', 'b', 'c']
    """
    return [name for value in values or [] for name in (part.strip() for part in value.split(",")) if name]


@dataclass(frozen=True, kw_only=True)
class TrackerOptions:
    """Trackers and what each is made of."""

    trackers: Annotated[
        list[str] | None,
        typer.Option("--trackers", help="Names of `lockon zoo list`, MODULE:FACTORY for your own, LABEL=NAME to run one in several ways."),
    ] = None
    weights: Annotated[
        list[str] | None,
        typer.Option("--weights", metavar="TRACKER=PATH", help="Weights of a tracker; the name may be left out if there is one."),
    ] = None
    preset: Annotated[
        list[str] | None, typer.Option("--preset", metavar="[TRACKER:]NAME", help="Named inference parameters of one tracker, or of all.")
    ] = None
    device: Annotated[
        list[str] | None,
        typer.Option(
            "--device",
            metavar="[TRACKER:]NAME",
            help="Where networks run: auto, cpu, openvino, cuda or torch; several are spread over the workers.",
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


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """Datasets, and which of their sequences."""

    data: Annotated[
        list[str] | None,
        typer.Option("--data", metavar="NAME:ROOT", help="Datasets of `lockon data list`; pool:ROOT takes all in a folder."),
    ] = None
    sequences: Annotated[list[str] | None, typer.Option("--sequences", metavar="NAME", help="Only these sequences.")] = None

    @property
    def wanted(self) -> list[str]:
        """List the names of the sequences that are asked for; empty for all."""
        return split_names(self.sequences)

    def load(self) -> tuple[list[VideoSequence], dict[str, str]]:
        """Load the sequences, and NAME:ROOT by name of the dataset.

        Raises:
            LockonError: No dataset, or as `load_sequences`.
        """
        from lockon.cli._trackers import load_sequences
        from lockon.errors import LockonError

        if not self.data:
            raise LockonError("no --data; give datasets, for example --data OTB100:/data/OTB100")
        return load_sequences(self.data, self.wanted)


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """How trackers are run over whole sequences."""

    workers: Annotated[
        int, typer.Option("--workers", min=0, help="Processes, at most one per core for fair frames per second; 0 runs in this one.")
    ] = 1
    threads: Annotated[int, typer.Option("--threads", min=1, help="Threads of each process.")] = 1
    batch: Annotated[int, typer.Option("--batch", min=1, help="Batch size: sequences that a network tracks side by side.")] = 1
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of all random choices.")] = 0
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Run again what is finished, and replace results of other settings.")] = (
        False
    )

    def arguments(self) -> dict[str, Any]:
        """Return them as `BenchmarkOptions`."""
        return {item.name: getattr(self, item.name) for item in fields(self)}


@dataclass(frozen=True, kw_only=True)
class RefinerOptions:
    """A refiner behind every tracker."""

    refine: Annotated[
        str | None,
        typer.Option(
            "--refine", metavar="[LABEL=]NAME[:PRESET]", help="Refiner behind every tracker, for example refine-s; labels are TRACKER+NAME."
        ),
    ] = None
    refiner_weights: Annotated[
        Path | None, typer.Option("--refiner-weights", metavar="PATH", help="Weights to use instead of the refiner's own.")
    ] = None


__all__ = ["DataOptions", "RefinerOptions", "RunOptions", "TrackerOptions", "split_names"]
