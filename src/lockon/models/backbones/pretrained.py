"""Loading of published ImageNet weights by the names of torchvision, timm, PySOT and EfficientNet-Lite; strictly.

ResNets: the names of torchvision, timm and PySOT are those of `lockon`. Inverted residual networks: three naming schemes, and our own.
The dilated ResNet-50 takes weights of its own kind (PySOT's), and ordinary ones after an exact rewriting of the stem, and a placement
of the shortcuts' 1x1 kernels in the middle of 3x3 ones; the ordinary ResNet-50 takes the dilated one's the other way round, and the
interpolated one, whose stem and layer 2 are the dilated network's and the rest the ordinary one's, takes both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from lockon.errors import LockonError
from lockon.models.backbones.alexnet import AlexNet
from lockon.models.backbones.inverted_residual import InvertedResidual, InvertedResidualTrunk
from lockon.models.backbones.resnet import IMAGENET_MEAN, IMAGENET_STD, StagedResNet

DILATED_NOTE = "ordinary ResNet-50 weights: stem rewritten for pixels without normalization, shortcuts padded to 3x3"
UNDILATED_NOTE = "dilated ResNet-50 weights: stem rewritten for normalized RGB pixels, 3x3 shortcuts summed to 1x1 (near, not equal)"
SUMMED_NOTE = "dilated ResNet-50 weights: 3x3 shortcuts of layers 3 and 4 summed to 1x1 (near, not equal)"

Weights = Mapping[str, Tensor]

PREFIXES = ("module.", "backbone.", "layers.", "encoder.", "model.")  # what wrappers put before a network's names


def load_pretrained(trunk: nn.Module, state: Weights, *, source: str = "the file", partial: bool = False) -> tuple[str, ...]:
    """Copy published weights into a backbone; what comes after the backbone's last layer is left out.

    Args:
        trunk: `ResNet`, `DilatedResNet50`, `InterpolatedResNet50`, `AlexNet` or `InvertedResidualTrunk`.
        state: Named tensors; wrappers' prefixes (`PREFIXES`) are taken off, so that a whole tracker gives its "backbone.".
        source: Name of the weights for messages, for example that of their file.
        partial: Whole layers at the end may be missing (SiamMask's weights end with layer3); they stay as they are.

    Returns:
        Notes for the user: weights that were rewritten, layers that are missing.

    Raises:
        LockonError: A weight that is missing, unknown or of another shape, or a backbone for which no published names are known.
    """
    weights, notes = _renamed(trunk, state)
    current = trunk.state_dict()
    stages = dict.fromkeys(name.partition(".")[0] for name in current)
    absent = [stage for stage in stages if partial and not any(name.startswith(f"{stage}.") for name in weights)]
    expected = [name for name in current if name.partition(".")[0] not in absent]
    missing = [name for name in expected if name not in weights and not name.endswith(".num_batches_tracked")]
    extra = [name for name in weights if name not in current and name.partition(".")[0] in stages]
    shapes = [
        f"size mismatch: {name} is {_shape(weights[name])}, not {_shape(current[name])}"
        for name in expected
        if name in weights and weights[name].shape != current[name].shape
    ]
    problems = [f"{len(missing)} of {len(current)} weights are missing, first {missing[0]!r}"] if missing else []
    problems += [f"{len(extra)} are unknown, first {extra[0]!r}"] if extra else []
    problems += shapes[:1]
    if problems or len(absent) == len(stages):
        network = trunk.name if isinstance(trunk, InvertedResidualTrunk) else type(trunk).__name__
        reason = "; ".join(problems) or "none of its names is there"
        raise LockonError(f"{source} does not hold weights of {network} ({reason}); give those of that network")
    trunk.load_state_dict({**current, **{name: weights[name] for name in expected if name in weights}})
    return (*notes, *(f"{source} has no {stage}: it starts from random weights" for stage in absent))


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _renamed(trunk: nn.Module, state: Weights) -> tuple[dict[str, Tensor], list[str]]:
    """Return the state under the names of `trunk`, and notes on what was rewritten."""
    if isinstance(trunk, InvertedResidualTrunk):
        return _inverted_residual(trunk, state), []
    if isinstance(trunk, AlexNet):
        weights = without_prefixes(state, "features.0.weight")
        bare = "0.weight" in weights  # legacy files leave out what all names have in common
        return ({f"features.{name}": value for name, value in weights.items()} if bare else weights), []
    if isinstance(trunk, StagedResNet):
        weights = without_prefixes(state, "conv1.weight")
        return _residual(trunk, weights)
    raise LockonError(f"no published weights are known for {type(trunk).__name__}; leave backbone weights out")


def without_prefixes(state: Weights, key: str) -> dict[str, Tensor]:
    """Remove prefixes from the state until `key` is there; names without the prefix (other parts of a tracker) are dropped."""
    weights = dict(state)
    while key not in weights:
        prefix = next((prefix for prefix in PREFIXES if any(name.startswith(prefix) for name in weights)), None)
        if prefix is None:
            break
        weights = {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
    return weights


def _residual(trunk: StagedResNet, state: Weights) -> tuple[dict[str, Tensor], list[str]]:
    """Fit weights of one kind of ResNet-50 to another; the kernel of layer 2's shortcut tells normalized input (1x1) from raw (3x3)."""
    shortcut = state.get("layer2.0.downsample.0.weight")
    if shortcut is None:
        return dict(state), []
    ordinary = shortcut.shape[-1] == 1
    fitted = _fit_shortcuts(trunk, state)
    if ordinary and not trunk.normalized:
        return {**fitted, **_raw_stem(trunk, state)}, [DILATED_NOTE]
    if not ordinary and trunk.normalized:
        return {**fitted, **_normalized_stem(state)}, [UNDILATED_NOTE]
    summed = any(fitted[name].numel() < value.numel() for name, value in state.items())
    return fitted, [SUMMED_NOTE] if summed else []


def _raw_stem(trunk: StagedResNet, state: Weights) -> dict[str, Tensor]:
    """Convert an ordinary stem for unnormalized input: the same features where no border is near.

    conv(w, (x - m) / s) = conv(w / s, x) - sum(w m / s), and the constant goes into the mean of the normalization behind it.
    """
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    stem = state["conv1.weight"].float() / std
    shifted = state["bn1.running_mean"] + (stem * mean).sum((1, 2, 3))
    return {"conv1.weight": stem.flip(1) if trunk.bgr else stem, "bn1.running_mean": shifted}


def _normalized_stem(state: Weights) -> dict[str, Tensor]:
    """Convert the dilated network's published stem for normalized RGB input: `_raw_stem` undone, its weights for BGR."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    stem = state["conv1.weight"].float().flip(1)
    return {"conv1.weight": stem * std, "bn1.running_mean": state["bn1.running_mean"] - (stem * mean).sum((1, 2, 3))}


def _fit_shortcuts(trunk: StagedResNet, state: Weights) -> dict[str, Tensor]:
    """Give shortcuts the kernels that the trunk has.

    A 1x1 kernel in the middle of a 3x3 one samples where the 3x3 convolution beside it does. Trained 3x3 shortcuts have their weight in
    all taps; their sum is what they do to features that hardly change from cell to cell.
    """
    out = dict(state)
    for name, wanted in trunk.state_dict().items():
        if not name.endswith(".0.downsample.0.weight") or name not in state:
            continue
        have, want = state[name].shape[-1], wanted.shape[-1]
        if (have, want) == (1, 3):
            out[name] = nn.functional.pad(state[name], (1, 1, 1, 1))
        elif (have, want) == (3, 1):
            out[name] = state[name].sum((2, 3), keepdim=True)
    return out


def _inverted_residual(trunk: InvertedResidualTrunk, state: Weights) -> dict[str, Tensor]:
    """Rename weights by the naming scheme that their names show; our own names stay."""
    schemes: dict[str, Callable[[InvertedResidualTrunk], dict[str, str]]] = {
        "features.0.0.weight": _torchvision_names,
        "conv_stem.weight": _timm_names,
        "_conv_stem.weight": _efficientnet_lite_names,
    }
    own = without_prefixes(state, "stages.0.0.0.weight")  # of a tracker of ours
    if "stages.0.0.0.weight" in own:
        return own
    for key, names in schemes.items():
        weights = without_prefixes(state, key)
        if key in weights:
            return _rename(weights, names(trunk), set(trunk.state_dict()))
    return {}


def _torchvision_names(trunk: InvertedResidualTrunk) -> dict[str, str]:
    """Return the names of torchvision's MobileNetV2 (``features.1.conv.0.0.weight``)."""
    renames = {"features.0.": "stages.0.0."}
    for number, (name, block) in enumerate(_blocks(trunk), start=1):
        parts = ["depthwise."] if isinstance(block.expand, nn.Identity) else ["expand.", "depthwise."]
        for index, part in enumerate(parts):
            renames[f"features.{number}.conv.{index}."] = f"{name}.{part}"
        last = len(parts)
        renames[f"features.{number}.conv.{last}."] = f"{name}.project.0."
        renames[f"features.{number}.conv.{last + 1}."] = f"{name}.project.1."
    return renames


def _timm_names(trunk: InvertedResidualTrunk) -> dict[str, str]:
    """Return the names of timm's MobileNetV2 and EfficientNet-Lite (``blocks.1.0.conv_dw.weight``): blocks by row of the paper's table."""
    renames = {"conv_stem.": "stages.0.0.0.", "bn1.": "stages.0.0.1."}
    row, column = -1, 0
    for name, block in _blocks(trunk):
        row, column = (row, column + 1) if block.residual else (row + 1, 0)  # only a row's first block has no shortcut
        parts = ["depthwise", "project"] if isinstance(block.expand, nn.Identity) else ["expand", "depthwise", "project"]
        convolutions = ["conv_dw", "conv_pw"] if len(parts) == 2 else ["conv_pw", "conv_dw", "conv_pwl"]
        for index, (part, convolution) in enumerate(zip(parts, convolutions, strict=True), start=1):
            renames[f"blocks.{row}.{column}.{convolution}."] = f"{name}.{part}.0."
            renames[f"blocks.{row}.{column}.bn{index}."] = f"{name}.{part}.1."
    return renames


def _efficientnet_lite_names(trunk: InvertedResidualTrunk) -> dict[str, str]:
    """Return the names of the published EfficientNet-Lite PyTorch weights (``_blocks.0._depthwise_conv.weight``)."""
    renames = {"_conv_stem.": "stages.0.0.0.", "_bn0.": "stages.0.0.1."}
    pairs = {"_expand_conv": "expand.0", "_bn0": "expand.1", "_depthwise_conv": "depthwise.0", "_bn1": "depthwise.1"}
    pairs |= {"_project_conv": "project.0", "_bn2": "project.1"}
    for number, (name, _) in enumerate(_blocks(trunk)):
        renames |= {f"_blocks.{number}.{published}.": f"{name}.{part}." for published, part in pairs.items()}
    return renames


def _blocks(trunk: InvertedResidualTrunk) -> list[tuple[str, InvertedResidual]]:
    return [
        (f"stages.{s}.{b}", block)
        for s, stage in enumerate(trunk.stages)
        for b, block in enumerate(stage.children())
        if isinstance(block, InvertedResidual)
    ]


def _rename(state: Weights, renames: Mapping[str, str], known: set[str]) -> dict[str, Tensor]:
    """Rename weights by the first prefix that fits; what the trunk does not have (layers past stride 16) is dropped."""
    out: dict[str, Tensor] = {}
    for key, value in state.items():
        prefix = next((prefix for prefix in renames if key.startswith(prefix)), None)
        if prefix is not None:
            out[renames[prefix] + key[len(prefix) :]] = value
    return {name: value for name, value in out.items() if name in known}


__all__ = ["PREFIXES", "load_pretrained", "without_prefixes"]
