"""The ports of deployed graphs: which graph has which inputs and outputs, by name and in order, as the header says.

The header's `graphs` is ``{part: {"inputs": [..], "outputs": [..]}}``. There are two kinds of model.

A model of a template and a search crop. Template graph: ``template`` to features. Search graph: ``search`` and these features to
``logits``, ``boxes``, ``quality`` where the network has it, and further outputs by any name, which become `Prediction.extras`. Mask graph,
where the network makes masks: ``index`` and some of these extras to ``mask``. Where filters are learnt on its ``features``, one of the
extras, the template's last feature is the start of the filters, and the header has the numbers of their optimiser.

A model whose tracker learns online. Search graph: ``search`` to ``classification``, features of the box network, and taps of the backbone.
Modulation graph: the taps and ``target`` to vectors. Initial graph, where the network predicts filters: ``classification`` and ``target``
to ``filter``. Overlap graph: the box network's features, the vectors and ``boxes`` to ``overlap`` and ``gradients``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lockon.errors import LockonError
from lockon.types import Prediction

PARTS = ("search", "template", "mask", "modulation", "initial", "overlap")  # the main file first
Ports = dict[str, list[str]]  # "inputs" and "outputs" of one graph, in its order


def check_graphs(path: Path, graphs: Any) -> None:
    """Check that a header says which ports the graphs of a model have, and that these are what a model needs.

    Args:
        path: The file, for messages.
        graphs: The header's `graphs`.

    Raises:
        LockonError: It does not.
    """
    try:
        ports = {part: (list(graph["inputs"]), list(graph["outputs"])) for part, graph in graphs.items()}
        good = set(ports) <= set(PARTS) and (_is_online(ports) if "overlap" in ports else _is_pair(ports))
    except (AttributeError, KeyError, TypeError, ValueError):
        good = False
    if not good:
        raise LockonError(f"{path} has a lockon header that does not say how its graphs belong together ({graphs}); export the model again")


def _is_pair(ports: Mapping[str, tuple[list[str], list[str]]]) -> bool:
    """Return whether these are the ports of a model of a template and a search crop."""
    (image, features), (inputs, outputs) = ports["template"], ports["search"]
    good = (image, inputs) == (["template"], ["search", *features]) and {"logits", "boxes"} <= set(outputs)
    if "mask" not in ports:
        return good
    (index, *extras), masks = ports["mask"]
    return good and (index, masks) == ("index", ["mask"]) and set(extras) <= set(outputs) - {"logits", "boxes", "quality"}


def _is_online(ports: Mapping[str, tuple[list[str], list[str]]]) -> bool:
    """Return whether these are the ports of a model whose tracker learns online."""
    (*taps, target), vectors = ports["modulation"]
    features = ports["overlap"][0][: -1 - len(vectors)]
    filters = (["classification", "target"], ["filter"])
    return (
        target == "target"
        and ports["search"] == (["search"], ["classification", *features, *taps])
        and ports["overlap"] == ([*features, *vectors, "boxes"], ["overlap", "gradients"])
        and ports.get("initial", filters) == filters
    )


def check_ports(path: Path, ports: Ports, expected: Ports) -> None:
    """Check that a graph has the ports that the header says.

    Raises:
        LockonError: It does not.
    """
    if ports != expected:
        told = f"inputs {', '.join(expected['inputs'])} and outputs {', '.join(expected['outputs'])}"
        raise LockonError(f"{path} has inputs {ports['inputs']} and outputs {ports['outputs']}, expected {told}; export the model again")


def side(path: Path, shape: Sequence[Any]) -> int:
    """Return the side of the crops, from an input's shape (B, side, side, 3).

    Raises:
        LockonError: An input of another shape.
    """
    if len(shape) != 4 or str(shape[1]) != str(shape[2]) or not str(shape[1]).isdigit() or str(shape[3]) != "3":
        raise LockonError(f"{path} takes images of shape {list(shape)}, expected (B, side, side, 3); export the model again")
    return int(str(shape[1]))


def to_prediction(outputs: Mapping[str, Any]) -> Prediction:
    """Return the outputs of a search graph as a prediction; those that are none of its fields are extras."""
    extras = dict(outputs)
    return Prediction(extras.pop("logits"), extras.pop("boxes"), extras.pop("quality", None), extras)


def no_masks(header: Mapping[str, Any]) -> LockonError:
    """Return the error for masks of a network that has none, by the header of its weights."""
    return LockonError(f"{header.get('architecture', 'this network')} makes no masks; leave the tracker's parameter 'mask' out")


def no_filters(header: Mapping[str, Any]) -> LockonError:
    """Return the error for the first filters of a network that predicts none, by the header of its weights."""
    name = header.get("architecture", "this network")
    return LockonError(f"{name} predicts no filters: ATOM's learner begins with a random one; take a learner of its family")
