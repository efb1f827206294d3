"""Loading of published ViT weights into a one-stream network: the names of MAE, timm and OSTrack, and those of lockon itself.

Patch embedding, blocks and the last normalization are taken as they are; position embeddings are resized to the tokens of both crops
(Ye et al., OSTrack, ECCV 2022: bicubic, without the class token). What comes after the encoder, and class tokens, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor
from torch.nn import functional

from lockon.errors import LockonError
from lockon.models.backbones.pretrained import without_prefixes
from lockon.models.backbones.vit import PATCH, JointEncoder, PatchEmbedding

_BLOCK = re.compile(r"blocks\.(\d+)\.")


def load_vit(backbone: PatchEmbedding, encoder: JointEncoder, state: Mapping[str, Tensor], *, source: str = "the file") -> tuple[str, ...]:
    """Copy published weights into the two parts of a one-stream network that come before its head.

    Args:
        backbone: The patch embedding.
        encoder: The blocks; where it has fewer than the file, the file's last ones are left out.
        state: Named tensors, under MAE's, timm's, OSTrack's or lockon's names; wrappers' prefixes are taken off.
        source: Name of the weights for messages.

    Returns:
        Notes for the user: positions that were resized, blocks that were left out, a normalization that is missing.

    Raises:
        LockonError: Patches of another size than 16, another width, weights that are missing or unknown.
    """
    weights = _named_alike(state)
    patches = weights.get("patch_embed.proj.weight")
    if patches is None:
        raise LockonError(f"{source} does not hold weights of a ViT ('patch_embed.proj.weight' is missing); give those of one")
    check_patches(patches, source)
    if patches.shape[0] != backbone.channels:
        raise LockonError(f"{source} holds a ViT of width {patches.shape[0]}, this network has {backbone.channels}; set model.channels")
    notes: list[str] = []
    ours = {name: value for name, value in encoder.state_dict().items() if not name.startswith(("pos_", "input."))}
    theirs = {name: value for name, value in weights.items() if name.startswith(("blocks.", "norm."))}
    beyond = sorted({int(match[1]) for name in theirs if (match := _BLOCK.match(name)) and int(match[1]) >= len(encoder.blocks)})
    if beyond:
        notes.append(f"{source} has {beyond[-1] + 1} blocks, of which the first {len(encoder.blocks)} are taken")
    theirs = {name: value for name, value in theirs.items() if not (match := _BLOCK.match(name)) or int(match[1]) not in beyond}
    if not any(name.startswith("norm.") for name in theirs):
        notes.append(f"{source} has no norm: it starts from random weights")
        ours = {name: value for name, value in ours.items() if not name.startswith("norm.")}
    _check_names(ours, theirs, source)
    positions, resized = _positions(encoder, weights, source)
    encoder.load_state_dict({**encoder.state_dict(), **theirs, **positions})
    backbone.load_state_dict({name: weights[f"patch_embed.{name}"] for name in backbone.state_dict()})
    return (*resized, *notes)


def check_patches(weight: Tensor | None, source: str) -> None:
    """Check that a patch embedding's (C, 3, P, P) weight has the network's patches.

    Raises:
        LockonError: It has others.
    """
    if weight is not None and tuple(weight.shape[1:]) != (3, PATCH, PATCH):
        sides = " x ".join(map(str, weight.shape[2:])) or "no"
        raise LockonError(f"{source} holds a ViT with patches of {sides} pixels, this network has {PATCH} x {PATCH}; give one with those")


def resized_positions(positions: Tensor, count: int) -> Tensor:
    """Return (1, m², C) positions on a grid of n² = `count` cells, bicubic."""
    if positions.shape[1] == count:
        return positions
    old, new = round(positions.shape[1] ** 0.5), round(count**0.5)
    grid = positions.float().transpose(1, 2).reshape(1, -1, old, old)  # (1, C, m, m)
    resized: Tensor = functional.interpolate(grid, size=(new, new), mode="bicubic", align_corners=False)
    return resized.flatten(2).transpose(1, 2).to(positions.dtype)


def _named_alike(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the weights under timm's names."""
    if "encoder.pos_x" in state:  # our own files
        mine = {"backbone.proj.": "patch_embed.proj.", "encoder.pos_": "pos_embed_", "encoder.": ""}
        renamed = {}
        for name, value in state.items():
            start = next((start for start in mine if name.startswith(start)), None)
            if start is not None:
                renamed[mine[start] + name.removeprefix(start)] = value
        return renamed
    return without_prefixes(state, "patch_embed.proj.weight")


def _check_names(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor], source: str) -> None:
    missing = [name for name in ours if name not in theirs]
    extra = [name for name in theirs if name not in ours]
    shapes = [name for name in ours if name in theirs and ours[name].shape != theirs[name].shape]
    problems = [f"{len(missing)} weights are missing, first {missing[0]!r}"] if missing else []
    problems += [f"{len(extra)} are unknown, first {extra[0]!r}"] if extra else []
    problems += [f"{shapes[0]} has the shape {tuple(theirs[shapes[0]].shape)}"] if shapes else []
    if problems:
        raise LockonError(
            f"{source} does not hold weights of this ViT ({'; '.join(problems)}); give those of a plain one, or set model.depth"
        )


def _positions(encoder: JointEncoder, weights: Mapping[str, Tensor], source: str) -> tuple[dict[str, Tensor], list[str]]:
    """Return the encoder's two position embeddings from those in a file, and notes on what was resized."""
    found: dict[str, Tensor] = {}
    notes: list[str] = []
    for name, parameter in (("pos_z", encoder.pos_z), ("pos_x", encoder.pos_x)):
        given = weights.get(f"pos_embed_{name[-1]}")
        if given is None:
            given = _grid_only(weights.get("pos_embed"), source)
        if given.shape[1] != parameter.shape[1]:
            old, new = (round(count**0.5) for count in (given.shape[1], parameter.shape[1]))
            crop = "template" if name == "pos_z" else "search"
            notes.append(f"positions of {source} resized from {old} x {old} to the {new} x {new} tokens of the {crop} crop")
        found[name] = resized_positions(given, parameter.shape[1])
    return found, notes


def _grid_only(positions: Tensor | None, source: str) -> Tensor:
    """Return (1, m², C) positions without those of class and distillation tokens, which come first.

    Raises:
        LockonError: There are none, or they are no grid.
    """
    count = 0 if positions is None or positions.ndim != 3 else positions.shape[1]
    extra = next((extra for extra in (1, 0, 2) if count > extra and round((count - extra) ** 0.5) ** 2 == count - extra), None)
    if positions is None or extra is None:
        raise LockonError(f"{source} has no position embeddings of a square of patches ({count} tokens); give the weights of a plain ViT")
    return positions[:, extra:]


__all__ = ["check_patches", "load_vit", "resized_positions"]
