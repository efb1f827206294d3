"""Option groups: options that several commands share, as frozen dataclasses in the signatures of commands.

A command takes a group as one keyword argument, `option_groups` shows its fields to typer as options::

    @option_groups
    def track(source: Annotated[str, typer.Argument()], *, loading: LoadOptions, output: OutputOptions) -> None: ...
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_type_hints

import typer

from lockon.errors import LockonError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class LoadOptions:
    """Options that select and configure a tracker.

    Attributes:
        tracker: Name of the tracker.
        weights: File of weights, or None for the tracker's own.
        preset: Named inference parameters.
        device: Device that runs the network.
        overrides: NAME=VALUE, see `parse_overrides`.
    """

    tracker: Annotated[str, typer.Option(help="Name of a tracker; `lockon zoo list` shows them.")] = "lockon-s"
    weights: Annotated[Path | None, typer.Option(help="Weights to use instead of the tracker's own.")] = None
    preset: Annotated[str, typer.Option(help="Named inference parameters.")] = "default"
    device: Annotated[str, typer.Option(help="auto, cpu, openvino, cuda or torch.")] = "auto"
    overrides: Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change one parameter of the tracker.")] = None

    def arguments(self) -> dict[str, Any]:
        """Return the arguments of `lockon.load` beside the name."""
        options = {"weights": self.weights, "preset": self.preset, "device": self.device}
        return {**options, **parse_overrides(self.overrides or [])}


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class RefineOptions:
    """Options that put a refiner behind a tracker.

    Attributes:
        refine: NAME[:PRESET] of the refiner, or None.
        refiner_weights: File of its weights, or None for its own.
    """

    refine: Annotated[
        str | None,
        typer.Option(metavar="NAME[:PRESET]", help="Refiner behind the tracker, for example refine-s: sharper boxes, and masks."),
    ] = None
    refiner_weights: Annotated[Path | None, typer.Option(help="Weights to use instead of the refiner's own.")] = None


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class OutputOptions:
    """Options that select the files to write.

    Attributes:
        out: Video file, or None.
        save: Box files, or None.
        mask: Folder or file of masks, or None.
        quiet: Whether to show neither progress nor summary.
    """

    out: Annotated[Path | None, typer.Option(help="Video to write, with boxes and scores drawn (.mp4 .mov .mkv .avi).")] = None
    save: Annotated[
        list[Path] | None, typer.Option(help="Boxes to write: .csv, .jsonl, .txt (MOT), .json (COCO) or .xml (CVAT); may be repeated.")
    ] = None
    mask: Annotated[Path | None, typer.Option(help="Masks to write: a folder of PNG pictures, or a .jsonl file of COCO run lengths.")] = (
        None
    )
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no summary.")] = False

    def paths(self) -> list[Path]:
        """Return the paths of all files that are asked for."""
        return [path for path in (self.out, *(self.save or []), self.mask) if path is not None]


def option_groups(command: Callable[..., T]) -> Callable[..., T]:
    """Expand the dataclasses among a command's arguments to one option per field, for typer.

    Args:
        command: A function with annotated arguments; those whose type is a dataclass are groups. Two groups of a command must
            not share a field's name.

    Returns:
        The same command with a flat signature, which builds the groups from the options.
    """
    hints = get_type_hints(command, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if dataclasses.is_dataclass(kind) and isinstance(kind, type)}
    parameters = []
    for name, parameter in inspect.signature(command).parameters.items():
        if name in groups:
            kinds = get_type_hints(groups[name], include_extras=True)
            for field in dataclasses.fields(groups[name]):
                default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
                option = inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=kinds[field.name])
                parameters.append(option)
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY, annotation=hints[name]))

    @functools.wraps(command)
    def flat(**values: Any) -> T:
        built = {name: kind(**{field.name: values.pop(field.name) for field in dataclasses.fields(kind)}) for name, kind in groups.items()}
        return command(**values, **built)

    flat.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return flat


def parse_overrides(texts: Iterable[str]) -> dict[str, Any]:
    """Parse `--set a.b=value` options to a dictionary. Values are Python literals where they can be and strings elsewhere.

    >>> parse_overrides(["localizer.rank.window_influence=0.4", "name=fast", "localizer.scales=(1, 2)"])
    {'localizer.rank.window_influence': 0.4, 'name': 'fast', 'localizer.scales': (1, 2)}

    Raises:
        LockonError: No "=", a name that is not dotted identifiers, or one name set twice.
    """
    overrides: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or not all(part.isidentifier() for part in name.split(".")):
            raise LockonError(f"--set {text} is not name=value; type for example --set localizer.rank.window_influence=0.4")
        if name in overrides:
            raise LockonError(f"--set {name} is given twice; give it once")
        overrides[name] = _literal(value.strip())
    return overrides


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


__all__ = ["LoadOptions", "OutputOptions", "RefineOptions", "option_groups", "parse_overrides"]
