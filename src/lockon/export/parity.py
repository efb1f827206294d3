"""Parity of two ways to run a model: measured on seeded crops, against tolerances, and only where agreement means something."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from lockon.errors import LockonError
from lockon.types import Prediction

if TYPE_CHECKING:
    from lockon.export.runtime import OnnxModel, OpenVinoModel
    from lockon.export.torch_model import TorchModel

    Model = OnnxModel | OpenVinoModel | TorchModel

LOGIT_TOLERANCE = 1e-4  # logits, quality, mask probabilities: absolute; of logits that move by more than 1, as a fraction of that
BOX_TOLERANCE = 1e-4  # boxes: as a fraction of the search crop's side
MIN_SIGNAL = 10.0  # outputs must move by this many tolerances between crops, or their parity means nothing


@dataclass(frozen=True, slots=True)
class ParityDifference:
    """Largest absolute differences between two ways to run a model.

    Attributes:
        logits: Difference of the raw logits.
        boxes: Difference of the boxes in search-crop pixels.
        quality: Difference of the raw quality; None for a model without it.
        mask: Difference of the mask probabilities at the best candidate; None for a model without masks.
    """

    logits: float
    boxes: float
    quality: float | None = None
    mask: float | None = None


class Probe:
    """A model and its outputs on the test crops, each computed once however many measures need it.

    Args:
        model: The model.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._outputs: dict[int, Prediction] = {}

    def outputs(self, batch: int) -> Prediction:
        """Return the outputs for `batch` targets, with the model's own template."""
        if batch not in self._outputs:
            template, search = _crops(self.model, batch)
            self._outputs[batch] = self.model(self.model.encode(template), search)
        return self._outputs[batch]

    def values(self, batch: int, index: NDArray[np.intp]) -> dict[str, NDArray[np.floating[Any]]]:
        """Return the outputs for `batch` targets by name, with the masks of the candidates `index` (B,) where there are masks."""
        out = self.outputs(batch)
        values = {"logits": out.logits, "boxes": out.boxes, "quality": out.quality}
        if self.model.mask_inputs:
            values["mask"] = self.model.mask(out, index)
        return {name: np.asarray(value) for name, value in values.items() if value is not None}


def check_parity(model: Model, reference: Probe, name: str) -> ParityDifference:
    """Measure the differences between a stored model and its reference on 1 and 3 targets of test crops, and check them.

    Args:
        model: The stored model.
        reference: Probe of a model with the same weights and crop sizes.
        name: Name of the model, for messages.

    Raises:
        LockonError: A difference above the tolerance; or outputs of the reference that hardly depend on the crops, so that
            agreement would show nothing (an untrained network).
    """
    allowed = dict.fromkeys(("logits", "quality", "mask"), LOGIT_TOLERANCE) | {"boxes": BOX_TOLERANCE * model.search_size}
    moved, measured = signal(reference), difference(Probe(model), reference)
    silent = _without_confidence(reference)
    flat = [output for output, value in _items(moved) if not value >= MIN_SIGNAL * allowed[output] and output not in silent]
    if flat:
        raise LockonError(
            f"parity of {name} cannot be checked: {', '.join(flat)} hardly depend on the image; train the network first, "
            "or export from Python with verify=False"
        )
    allowed["logits"] *= max(1.0, moved.logits)  # summation order errs in proportion
    wrong = [
        f"{output} {value:.1e} (allowed {allowed[output]:.1e})"
        for output, value in _items(measured)
        if not value <= allowed[output]  # NaN is wrong
    ]
    if wrong:
        raise LockonError(
            f"{name} differs from its reference: {', '.join(wrong)}; export it again, or report an operator that is exported wrongly"
        )
    return measured


def difference(probe: Probe, reference: Probe) -> ParityDifference:
    """Measure the largest differences on the test crops, each model with its own template; 1 target, then 3."""
    rows = []
    for batch in (1, 3):
        index = np.argmax(reference.outputs(batch).logits, axis=1)
        ours, theirs = probe.values(batch, index), reference.values(batch, index)
        rows.append({name: np.max(np.abs(ours[name] - theirs[name])) for name in theirs})
    return ParityDifference(**{name: float(np.max([row[name] for row in rows])) for name in rows[0]})  # unlike max(), NaN stays NaN


def signal(probe: Probe) -> ParityDifference:
    """Measure the largest range of one candidate's output over 3 test crops."""
    values = probe.values(3, np.argmax(probe.outputs(3).logits, axis=1))
    return ParityDifference(**{name: float(np.max(np.ptp(value, axis=0))) for name, value in values.items()})


def _without_confidence(probe: Probe) -> tuple[str, ...]:
    """Return the outputs that carry no information on purpose: the logits, always 0, of a single candidate."""
    logits = probe.outputs(1).logits
    return ("logits",) if logits.shape[1] == 1 and not np.any(logits) else ()


def _crops(model: Model, batch: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Draw template and search crops: coloured blobs under fine noise (pure noise averages out in a deep network)."""
    rng = np.random.default_rng(batch)

    def scene(size: int) -> NDArray[np.floating[Any]]:
        blobs = cv2.resize(rng.uniform(0, 255, (7, 7, 3)), (size, size), interpolation=cv2.INTER_CUBIC)
        return np.asarray(blobs + rng.normal(0, 20, (size, size, 3)))

    template, search = (
        np.stack([np.clip(scene(size), 0, 255).astype(np.uint8) for _ in range(batch)]) for size in (model.template_size, model.search_size)
    )
    return template, search


def _items(difference: ParityDifference) -> list[tuple[str, float]]:
    """Return the names and values of the outputs that there are."""
    return [(name, value) for name, value in asdict(difference).items() if value is not None]
