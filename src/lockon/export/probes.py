"""What two ways to run a network are compared by: its outputs on seeded test crops, by name, and how far they may differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.online.learner import numbers
from lockon.online.network import OnlineNetwork
from lockon.types import Prediction, Template

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lockon.export.deployed import DeployedModel
    from lockon.export.torch_model import TorchModel

LOGIT_TOLERANCE = 1e-4  # logits, quality, mask probabilities: absolute; of logits that move by more than 1, as a fraction of that
BOX_TOLERANCE = 1e-4  # boxes: as a fraction of the search crop's side
SHARE_TOLERANCE = 1e-4  # outputs of networks that are learnt on: as a fraction of the largest
BOXES = 4  # of each target whose overlap is compared

Values = dict[str, NDArray[np.floating[Any]]]


class Probe(Protocol):
    """A network and its outputs on the test crops, each computed once however many measures need it."""

    def values(self, batch: int, reference: Any) -> Values:
        """Return the outputs for `batch` targets by name, at the candidates that another probe of this kind finds best."""

    def tolerances(self, moved: Mapping[str, float]) -> dict[str, float]:
        """Return how far each output may be from this probe's, given how far outputs move from crop to crop, as far as known."""

    def silent(self) -> tuple[str, ...]:
        """Return the outputs that carry no information on purpose."""


class PairProbe:
    """Probe of a network that matches a template and a search crop.

    Args:
        model: The network.
    """

    def __init__(self, model: DeployedModel | TorchModel) -> None:
        self.model = model
        self._outputs: dict[int, tuple[Template, Prediction]] = {}

    def outputs(self, batch: int) -> tuple[Template, Prediction]:
        """Return the network's own template for `batch` targets, and the outputs with it."""
        if batch not in self._outputs:
            rng = np.random.default_rng(batch)
            template, search = (_crops(rng, batch, side) for side in (self.model.template_size, self.model.search_size))
            encoded = self.model.encode(template)
            self._outputs[batch] = encoded, self.model(encoded, search)
        return self._outputs[batch]

    def values(self, batch: int, reference: PairProbe) -> Values:
        """Return logits, boxes, quality, the masks of the best candidates, what filters begin with and are learnt on, see `Probe.values`.

        As far as there are any.
        """
        template, out = self.outputs(batch)
        values = {"logits": out.logits, "boxes": out.boxes, "quality": out.quality}
        if self.model.weights is not None:
            values |= {"features": out.extras["features"], "filter": template.features[-1]}
        if self.model.mask_inputs:
            values["mask"] = self.model.mask(out, np.argmax(reference.outputs(batch)[1].logits, axis=1))
        return {name: np.asarray(value) for name, value in values.items() if value is not None}

    def tolerances(self, moved: Mapping[str, float]) -> dict[str, float]:
        """Return absolute tolerances; of large logits in proportion, as the order of summation errs, see `Probe.tolerances`.

        What is learnt on may differ by a fraction of its largest number.
        """
        logits = LOGIT_TOLERANCE * max(1.0, moved.get("logits", 0.0))
        others = dict.fromkeys(("quality", "mask"), LOGIT_TOLERANCE)
        learnt = {} if self.model.weights is None else {name: self.values(3, self)[name] for name in ("features", "filter")}
        return {"logits": logits, "boxes": BOX_TOLERANCE * self.model.search_size, **others, **_shares(learnt)}

    def silent(self) -> tuple[str, ...]:
        """Return the logits, always 0, of a single candidate, and of a network that leaves the scores to what is learnt on it."""
        logits = self.outputs(1)[1].logits
        return ("logits",) if not np.any(logits) and (logits.shape[1] == 1 or self.model.weights is not None) else ()


class OnlineProbe:
    """Probe of a network that is learnt on while it tracks.

    Args:
        network: The network.
    """

    def __init__(self, network: OnlineNetwork) -> None:
        self.network = network
        self._values: dict[int, Values] = {}

    def values(self, batch: int, reference: OnlineProbe) -> Values:
        """Return features, first filters, modulation, and the overlap of boxes with its gradients, see `Probe.values`."""
        if batch not in self._values:
            network, size = self.network, self.network.search_size
            rng = np.random.default_rng(batch)
            images = _crops(rng, batch, size)
            target = size * (np.array([0.35, 0.35, 0.65, 0.65]) + rng.uniform(-0.1, 0.1, (batch, 4)))
            boxes = target[:, None] + size * rng.uniform(-0.05, 0.05, (batch, BOXES, 4))
            seen, modulation = network.features(images), network.modulation(images, target)
            scores, gradients = network.overlap(seen.boxes, modulation, boxes)
            values = {"classification": numbers(seen.classification), "overlap": scores, "gradients": gradients}
            values |= {f"modulation_{index}": numbers(vector) for index, vector in enumerate(modulation)}
            if network.weights is not None:
                values["filter"] = numbers(network.initial(seen.classification, target))
            self._values[batch] = values
        return self._values[batch]

    def tolerances(self, moved: Mapping[str, float]) -> dict[str, float]:
        """Return fractions of each output's largest number, see `Probe.tolerances`."""
        return _shares(self.values(3, self))

    def silent(self) -> tuple[str, ...]:
        """Return no outputs: each depends on the crops."""
        return ()


def probe(network: Any) -> Probe:
    """Return the probe of a network of either kind, on whatever it runs."""
    return OnlineProbe(network) if hasattr(network, "modulation") else PairProbe(network)


def _shares(values: Values) -> dict[str, float]:
    """Return `SHARE_TOLERANCE` of the largest number of each output."""
    return {name: SHARE_TOLERANCE * float(np.abs(value).max()) for name, value in values.items()}


def _crops(rng: np.random.Generator, batch: int, size: int) -> NDArray[np.uint8]:
    """Draw (batch, size, size, 3) crops: coloured blobs under fine noise (pure noise averages out in a deep network)."""

    def scene() -> NDArray[np.floating[Any]]:
        blobs = cv2.resize(rng.uniform(0, 255, (7, 7, 3)), (size, size), interpolation=cv2.INTER_CUBIC)
        return np.asarray(blobs + rng.normal(0, 20, (size, size, 3)))

    return np.stack([np.clip(scene(), 0, 255).astype(np.uint8) for _ in range(batch)])


__all__ = ["OnlineProbe", "PairProbe", "Probe", "Values", "probe"]
