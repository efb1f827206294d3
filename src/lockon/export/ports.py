"""The inputs and outputs that deployed graphs must have, whatever runs them.

Template graph: ``template`` to ``template_0``, ... Search graph: ``search`` and these to ``logits``, ``boxes``, ``quality`` where
the network has it, and the extras that masks are made from. Mask graph: ``index`` and the extras to ``mask``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockon.errors import LockonError
from lockon.export.header import part_path

Ports = tuple[list[str], list[str]]  # names of the inputs, and of the outputs


def check_graphs(path: Path, search: Ports, template: Ports) -> tuple[list[str], tuple[str, ...]]:
    """Return the names of the template features, and of the outputs that masks are made from (none for a network without masks).

    Raises:
        LockonError: The graphs' inputs or outputs are not as they must be.
    """
    features = template[1]
    dense = 3 if search[1][2:3] == ["quality"] else 2
    good = (
        template[0] == ["template"]
        and features == [f"template_{index}" for index in range(len(features))]
        and search[0] == ["search", *features]
        and search[1][:2] == ["logits", "boxes"]
    )
    if not good:
        raise LockonError(
            f"{path} and its template half have inputs {search[0]}, {template[0]} and outputs {search[1]}, {template[1]}; export again"
        )
    return features, tuple(search[1][dense:])


def mask_file(path: Path) -> Path:
    """Return the third file of a model with masks, beside its search graph's file `path`.

    Raises:
        LockonError: It is missing.
    """
    mask = part_path(path, "mask")
    if not mask.is_file():
        raise LockonError(f"{mask} is missing beside {path}; a model with masks is three files, copy all of them")
    return mask


def check_mask_graph(path: Path, ports: Ports, extras: tuple[str, ...]) -> None:
    """Check that the mask graph takes a candidate's number and the search graph's extras.

    Raises:
        LockonError: It does not.
    """
    if ports != (["index", *extras], ["mask"]):
        raise LockonError(
            f"{path} has inputs {ports[0]} and outputs {ports[1]}, expected index, {', '.join(extras)} and mask; export again"
        )


def side(path: Path, shape: Sequence[Any]) -> int:
    """Return the side of the crops, from an input's shape (B, side, side, 3).

    Raises:
        LockonError: An input of another shape.
    """
    if len(shape) != 4 or str(shape[1]) != str(shape[2]) or not str(shape[1]).isdigit() or str(shape[3]) != "3":
        raise LockonError(f"{path} takes images of shape {list(shape)}, expected (B, side, side, 3); export the model again")
    return int(str(shape[1]))


def no_masks(header: Mapping[str, Any]) -> LockonError:
    """Return the error for masks of a network that has none, by the header of its weights."""
    return LockonError(f"{header.get('architecture', 'this network')} makes no masks; leave the tracker's parameter 'mask' out")
