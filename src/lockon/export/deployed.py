"""Deployed networks without torch: `DeployedModel` matches a template and a search crop, `DeployedOnline` is learnt on while it tracks.

They take NumPy uint8 crops and give NumPy float32 arrays, like a torch network behind `TorchModel` and `TorchOnline`, whichever runtime
runs their graphs. Conversion of the crops to float and their normalisation are inside the graphs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.export.ports import no_filters, no_masks, to_prediction
from lockon.export.runtime import Graphs, load_graphs
from lockon.online.network import OnlineFeatures
from lockon.types import Prediction, Template

SCALARS = ("log_step_length", "filter_reg")  # numbers of an optimiser, one of each
MAPS = ("label_map", "target_mask", "spatial_weight")  # functions of the distance to the target's centre, all of them or none


class DeployedModel:
    """A network that matches search crops with templates; one with masks has a third graph, whose inputs are extras of the search graph.

    Args:
        graphs: "template", "search" and, with masks, "mask".

    Attributes:
        template_size: Side of the template crop in pixels.
        search_size: Side of the search crop in pixels.
        header: The JSON header of the files.
        mask_inputs: Names of the extras that masks are made from; empty for a network without masks.
        weights: Trained numbers of the optimiser that filters are learnt with, by name; None of a network without "features" to learn on.

    Raises:
        LockonError: These are the graphs of another kind of network; the header has not the numbers of its optimiser.
    """

    def __init__(self, graphs: Graphs[Any, Any]) -> None:
        if "template" not in graphs.ports:
            raise _other_kind(graphs)
        self.graphs = graphs
        self.header = graphs.header
        self.template_size, self.search_size = graphs.side("template"), graphs.side("search")
        self.mask_inputs = tuple(graphs.ports["mask"]["inputs"][1:]) if "mask" in graphs.ports else ()
        self.weights: Mapping[str, NDArray[np.float32] | None] | None = None
        if "features" in graphs.ports["search"]["outputs"]:
            self.weights = _trained_numbers(graphs.path, graphs.header.get("optimizer"))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.graphs,)

    def encode(self, images: NDArray[np.uint8]) -> Template:
        """Encode (B, h, w, 3) uint8 RGB template crops to features of B rows (float32 arrays)."""
        return Template(tuple(self.graphs.run("template", {"template": images}).values()))

    def __call__(self, template: Template, images: NDArray[np.uint8]) -> Prediction:
        """Match (B, H, W, 3) uint8 RGB search crops with B template rows; arrays of the prediction are float32."""
        inputs = zip(self.graphs.ports["search"]["inputs"], (images, *template.features), strict=True)
        return to_prediction(self.graphs.run("search", dict(inputs)))

    def mask(self, prediction: Prediction, index: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
        """Compute (B, P, P) mask probabilities of the candidates `index` (B,), one per target of `prediction`, at the search crop's scale.

        Raises:
            LockonError: The network makes no masks.
        """
        if not self.mask_inputs:
            raise no_masks(self.header)
        extras = {name: prediction.extras[name] for name in self.mask_inputs}
        return self.graphs.run("mask", {"index": index.astype(np.int64), **extras})["mask"]


class DeployedOnline:
    """A network of a tracker that learns online, see `OnlineNetwork`; the learner itself is NumPy.

    Args:
        graphs: "search", "modulation", "overlap" and, unless it is ATOM's, "initial".

    Attributes:
        search_size: Side of the crops in pixels, the only one that the graphs take.
        header: The JSON header of the files.
        weights: Trained numbers of the optimiser by name; None of a network without them (ATOM).

    Raises:
        LockonError: These are the graphs of another kind of network; the header has not the numbers of its optimiser.
    """

    def __init__(self, graphs: Graphs[Any, Any]) -> None:
        if "overlap" not in graphs.ports:
            raise _other_kind(graphs)
        self.graphs = graphs
        self.header: Mapping[str, Any] = graphs.header
        self.search_size = graphs.side("search")
        self.weights: Mapping[str, NDArray[np.float32] | None] | None = None
        if "initial" in graphs.ports:
            self.weights = _trained_numbers(graphs.path, graphs.header.get("optimizer"))
        *self._taps, _ = graphs.ports["modulation"]["inputs"]
        self._vectors = graphs.ports["modulation"]["outputs"]
        self._levels = graphs.ports["overlap"]["inputs"][: -1 - len(self._vectors)]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.graphs,)

    def features(self, images: NDArray[np.uint8]) -> OnlineFeatures:
        """Return the features of (B, H, W, 3) uint8 RGB crops.

        Raises:
            LockonError: Crops of another size or type than the graphs take.
        """
        classification, *boxes = self._seen(images, ["classification", *self._levels])
        return OnlineFeatures(classification, tuple(boxes))

    def box_features(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.float32], ...]:
        """Return the box network's features of (B, H, W, 3) uint8 RGB crops.

        Raises:
            LockonError: As `features`.
        """
        return tuple(self._seen(images, self._levels))

    def initial(self, classification: NDArray[np.float32], boxes_xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Predict (M, C, K, K) filters from (M, C, h, w) samples, each from its own target (M, 4), see `OnlineNetwork.initial`.

        Raises:
            LockonError: The network has no filter initializer.
        """
        if "initial" not in self.graphs.ports:
            raise no_filters(self.header)
        return self.graphs.run("initial", {"classification": classification, "target": _boxes(boxes_xyxy)})["filter"]

    def modulation(self, images: NDArray[np.uint8], boxes_xyxy: NDArray[np.floating[Any]]) -> tuple[NDArray[np.float32], ...]:
        """Encode the targets (B, 4) of (B, H, W, 3) uint8 RGB crops as arrays of B rows, see `BoxNetwork.modulation`.

        Raises:
            LockonError: As `features`.
        """
        taps = dict(zip(self._taps, self._seen(images, self._taps), strict=True))
        return tuple(self.graphs.run("modulation", {**taps, "target": _boxes(boxes_xyxy)}).values())

    def overlap(
        self, features: tuple[Any, ...], modulation: tuple[Any, ...], boxes_xyxy: NDArray[np.floating[Any]]
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Score (B, R, 4) boxes and derive the scores, see `BoxNetwork.overlap`."""
        inputs = dict(zip((*self._levels, *self._vectors), (*features, *modulation), strict=True))
        found = self.graphs.run("overlap", {**inputs, "boxes": _boxes(boxes_xyxy)})
        return found["overlap"], found["gradients"]

    def _seen(self, images: NDArray[np.uint8], outputs: list[str]) -> list[NDArray[np.float32]]:
        """Return outputs of the search graph."""
        if images.shape[1:] != (self.search_size, self.search_size, 3):
            raise LockonError(
                f"{self.graphs.path.name} was exported for crops of {self.search_size} x {self.search_size} pixels, and the tracker's "
                f"parameters ask for {images.shape[2]} x {images.shape[1]}; leave search_size out, or give .safetensors weights"
            )
        if images.dtype != np.uint8:
            raise LockonError(
                f"{self.graphs.path.name} takes crops of whole numbers, and exact_pixels asks for fractions (as the preset official does); "
                "set exact_pixels=false, or give .safetensors weights"
            )
        found = self.graphs.run("search", {"search": images}, outputs)
        return [found[name] for name in outputs]


def load_model(path: str | Path, device: str = "auto", threads: int | None = None) -> DeployedModel | DeployedOnline:
    """Load the deployed network in `path` on a device, see `load_graphs`; its header says of which kind it is."""
    graphs = load_graphs(path, device, threads)
    return DeployedOnline(graphs) if "overlap" in graphs.ports else DeployedModel(graphs)


def _other_kind(graphs: Graphs[Any, Any]) -> LockonError:
    parts = ", ".join(graphs.ports)
    return LockonError(f"{graphs.path} is a network of another kind, of the parts {parts}; give the weights of the name that is loaded")


def _boxes(boxes_xyxy: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    return np.ascontiguousarray(boxes_xyxy, dtype=np.float32)


def _trained_numbers(path: Path, stored: Any) -> dict[str, NDArray[np.float32] | None]:
    """Return the numbers of an optimiser as the header has them: lists of numbers by name, and null for maps that PrDiMP has not.

    Raises:
        LockonError: One is missing, or is no list of finite numbers.
    """
    try:
        found = {name: None if stored[name] is None else np.array(stored[name], dtype=np.float32) for name in (*SCALARS, *MAPS)}
    except (KeyError, TypeError, ValueError):
        found = {}
    there = [value for value in found.values() if value is not None]
    shapes = [value.shape for value in there]
    same = shapes[:2] == [(1,), (1,)] and (shapes[2:] == [] or (len(set(shapes[2:])) == 1 and len(shapes) == 5 and len(shapes[2]) == 1))
    if not same or not all(value.size and np.isfinite(value).all() for value in there):
        raise LockonError(f"{path} has a lockon header without the numbers of its optimiser; export the model again")
    return found


__all__ = ["DeployedModel", "DeployedOnline", "load_model"]
