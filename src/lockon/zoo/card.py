"""`Card`: all that is known of one name of the zoo, as plain fields. Families make cards; loading, converting and training read them.

Torch is needed only where a card's `build` or `experiments` is called.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from lockon.tracker import NetworkTracker

if TYPE_CHECKING:
    from torch import nn

NOTHING: Mapping[str, Any] = MappingProxyType({})
DEFAULT_ONLY: Mapping[str, Mapping[str, Any]] = MappingProxyType({"default": NOTHING})

# Makes a tracker or a refiner without a network of ours, from its weights (None: none given), a device and overrides.
Construct = Callable[[Path | None, str, Mapping[str, Any]], Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class OfficialWeights:
    """How published weights become ours.

    Attributes:
        renames: Pairs of a pattern of official names and its replacement, applied one after the other.
        unused: Patterns of official names that the network never runs.
        transposed: Our names of weights whose input channels come first officially.
        parameters: Inference parameters that official weights need whatever they are used for.
        detect: Official names of tensors -> the name of the card that has them, and the fields of its model configuration that differ;
            None where one checkpoint is like the other.
        adapt: Weights by our names, and the network's -> weights that fit it, for networks whose shapes may differ from the checkpoint's in
            a way that can be bridged; None: shapes must agree.
    """

    renames: tuple[tuple[str, str], ...]
    unused: tuple[str, ...] = ()
    transposed: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    detect: Callable[[Iterable[str]], tuple[str, dict[str, object]]] | None = None
    adapt: Callable[[Mapping[str, Any], Mapping[str, Any]], dict[str, Any]] | None = None


class Inner(NamedTuple):
    """The tracker that a refiner searches with, or another tracker is made of.

    Attributes:
        name: Of its card, whose weights the refiner takes.
        changes: Overrides of its configuration.
    """

    name: str
    changes: Mapping[str, Any] = NOTHING


@dataclass(frozen=True, kw_only=True, slots=True)
class Card:
    """One tracker or refiner of the zoo.

    A tracker has a network (`model`, `build`, `config`), or is made by `construct`. A refiner may search with a tracker (`inner`) instead.

    Attributes:
        name: As `lockon.load` or `lockon.load_refiner` takes it.
        kind: Whether it tracks, or refines the boxes of a tracker.
        summary: One line for listings.
        paper: Authors, title, venue; empty for none.
        licence: Of the weights that can be had.
        checkpoint: Where published weights can be had, and how to convert them; empty if there are none.
        embedded: Weights come with the package.
        model: Configuration of the network, a frozen dataclass; None without a network.
        build: Model configuration -> torch module with random weights; imports torch when it is called.
        torch_network: Torch module, ``device=``, ``header=`` of its weights -> the network as `assemble` takes it; None for `TorchModel`.
        official: How published weights are converted; None where there are none.
        config: Inference parameters: `TrackerConfig`, or of a refiner `RefinerConfig` or `SearchConfig`.
        presets: Named changes of `config`, dotted name -> value; for refiners ``refine.`` and a field of `RefineConfig` as well, and
            ``model.`` and a field of `model` that weights do not depend on.
        assemble: Network (or inner tracker) and inference parameters -> tracker or refiner.
        search_by_size: The search crop shows as much more than the template crop as it has more pixels (PySOT's rule): the factor of
            `search_crop` is the ratio of the network's crop sizes.
        header_fields: Inference parameters of a weight file's header that count; None for all.
        inner: The tracker that a refiner searches with, or another tracker is made of.
        construct: Makes a tracker or refiner that has no network of ours.
        folder: Names of the files in the folder of weights that `construct` takes; empty where it takes no folder.
        experiments: Settings of the training runs by experiment, "default" among them; None if nothing trains it. Needs torch when called.
        fitted: Settings of a run, changed configuration of the network -> the settings that its choices ask for, where losses or samples
            follow from them; None where they do not. Needs torch when called.
    """

    name: str
    kind: Literal["tracker", "refiner"] = "tracker"
    summary: str
    paper: str = ""
    licence: str = ""
    checkpoint: str = ""
    embedded: bool = False
    model: Any = None
    build: Callable[[Any], nn.Module] | None = None
    torch_network: Callable[..., Any] | None = None
    official: OfficialWeights | None = None
    config: Any = None
    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: DEFAULT_ONLY)
    assemble: Callable[[Any, Any], Any] = NetworkTracker
    search_by_size: bool = False
    header_fields: tuple[str, ...] | None = None
    inner: Inner | None = None
    construct: Construct | None = None
    folder: tuple[str, ...] = ()
    experiments: Callable[[], Mapping[str, Any]] | None = None
    fitted: Callable[[Any, Any], Any] | None = None


__all__ = ["Card", "Construct", "Inner", "OfficialWeights"]
