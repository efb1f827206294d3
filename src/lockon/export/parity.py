"""Parity of two ways to run a network: measured on seeded crops, against tolerances, and only where agreement means something."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from lockon.errors import LockonError
from lockon.export.probes import Probe, Values, probe

MIN_SIGNAL = 10.0  # outputs must move by this many tolerances between crops, or their parity means nothing

# A number of each output by its name, for example of "logits"; "boxes" in pixels of the search crop.
Figures = Mapping[str, float]


def check_parity(model: object, reference: Probe, name: str) -> Figures:
    """Measure the differences between a stored network and its reference on 1 and 3 targets of test crops, and check them.

    Args:
        model: The stored network.
        reference: Probe of a network with the same weights and crop sizes.
        name: Name of the network, for messages.

    Returns:
        The differences.

    Raises:
        LockonError: A difference above the tolerance; or outputs of the reference that hardly change with the crops, so that
            agreement would show nothing (an untrained network).
    """
    moved, measured = signal(reference), difference(probe(model), reference)
    silent, least = reference.silent(), reference.tolerances({})
    flat = [output for output, value in moved.items() if not value > MIN_SIGNAL * least[output] and output not in silent]
    if flat:
        raise LockonError(
            f"parity of {name} cannot be checked: the image hardly changes {', '.join(flat)}; train the network first, "
            "or export from Python with verify=False"
        )
    allowed = reference.tolerances(moved)
    wrong = [
        f"{output} {value:.1e} (allowed {allowed[output]:.1e})"
        for output, value in measured.items()
        if not value <= allowed[output]  # NaN is wrong
    ]
    if wrong:
        raise LockonError(
            f"{name} differs from its reference: {', '.join(wrong)}; export it again, or report an operator that is exported wrongly"
        )
    return measured


def difference(found: Probe, reference: Probe) -> Figures:
    """Measure the largest differences on the test crops, each network with its own first frame; 1 target, then 3.

    Of the gradients of boxes it is the difference at most boxes: where a unit of the box network is about to switch, they jump.
    """

    def gap(output: str, ours: Values, theirs: Values) -> float:
        gaps = np.abs(ours[output] - theirs[output])
        return float(np.median(gaps.max(axis=-1)) if output == "gradients" else gaps.max())

    rows = []
    for batch in (1, 3):
        theirs = reference.values(batch, reference)
        rows.append({output: gap(output, found.values(batch, reference), theirs) for output in theirs})
    return _merged(np.max, rows)


def signal(measured: Probe) -> Figures:
    """Measure the largest range of one number of each output over 3 test crops."""
    return {output: float(np.max(np.ptp(value, axis=0))) for output, value in measured.values(3, measured).items()}


def _merged(function: Callable[..., float], rows: list[dict[str, float]]) -> Figures:
    return {output: float(function([row[output] for row in rows])) for output in rows[0]}  # unlike max(), NaN stays NaN


__all__ = ["MIN_SIGNAL", "Figures", "check_parity", "difference", "signal"]
