"""The datasets that trackers are trained on, by name: where they lie, and which may be used for what.

Each has its raw layout, as it is unpacked from its source; all but one's own data may lie in PySOT's 511-pixel layout instead, which is
recognised by itself. Benchmarks, and the validation and test parts of these datasets, never train.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from lockon.data.datasets import coco, imagenet, pysot511, saliency, stills, train_sequences, youtube_bb, youtube_vos
from lockon.data.datasets.layout import list_folders
from lockon.data.datasets.lists import official
from lockon.data.datasets.table import layout_of, members, resolve, squeezed
from lockon.data.paths import ENVIRONMENT
from lockon.data.skip_lists import skip_names
from lockon.data.tracks import TrackSet
from lockon.errors import LockonError, unknown_name

TrainProtocol = Literal["got10k"]
"""GOT-10k's one-shot protocol: who is scored on its test part trains on its training part alone."""
ONE_SHOT = "GOT10k_train"


@dataclass(frozen=True, slots=True)
class TrainSet:
    """One dataset for training.

    Attributes:
        is_root: Whether a folder is its raw layout.
        read: The reader (root, name, skip).
        expects: The raw layout, for messages.
        aliases: Other names of it and of its folder.
        inside: Where in its folder the raw layout may lie.
        kept: Which videos of a 511-pixel layout, by names without folders, may train; the others belong to a validation or test part.
        patches: Whether it may lie in PySOT's 511-pixel layout.
        masks: Whether its reader can give masks.
    """

    is_root: Callable[[Path], bool]
    read: Callable[..., TrackSet]
    expects: str
    aliases: tuple[str, ...] = ()
    inside: tuple[str, ...] = ()
    kept: Callable[[str], bool] = lambda _: True
    patches: bool = True
    masks: bool = False


def _of_lasot_train(video: str) -> bool:
    complete = official("LaSOT")
    return complete is None or complete.get(video) is None


def _part(name: str, aliases: tuple[str, ...], **more: Any) -> TrainSet:
    """Return the training part of a benchmark that lockon reads anyway."""
    layout = layout_of(name)
    return TrainSet(layout.is_root, train_sequences.read_part, layout.expects, aliases, **more)


def _imagenet(task: imagenet.Task) -> TrainSet:
    aliases = (f"ImageNet{task}", f"ILSVRC2015{task}", "ILSVRC2015", "ILSVRC")
    return TrainSet(partial(imagenet.is_root, task=task), partial(imagenet.read, task=task), imagenet.EXPECTS[task], aliases)


_masked = partial(TrainSet, patches=False, masks=True)


def _holds_videos(root: Path) -> bool:
    return bool(members(root)) or layout_of("folder").is_root(root)


TRAIN_SETS: dict[str, TrainSet] = {
    "COCO": TrainSet(coco.is_root, coco.read, coco.EXPECTS, ("MSCOCO", "COCO2017", "COCO2014"), masks=True),
    "VID": _imagenet("VID"),
    "DET": _imagenet("DET"),
    "YTBB": TrainSet(youtube_bb.is_root, youtube_bb.read, youtube_bb.EXPECTS, ("YouTubeBB", "YouTubeBoundingBoxes")),
    "GOT10k_train": _part(
        "GOT10k_train", ("GOT10k", "GOT10"), inside=("train", "full_data/train"), kept=lambda video: video.startswith("GOT-10k_Train_")
    ),
    "LaSOT_train": _part("LaSOT_train", ("LaSOT", "LaSOTBenchmark"), kept=_of_lasot_train),
    "TrackingNet_train": _part("TrackingNet_train", ("TrackingNet",), patches=False),
    "YouTubeVOS": _masked(youtube_vos.is_root, youtube_vos.read, youtube_vos.EXPECTS, ("YTVOS", "YouTubeVOS2018"), ("train",)),
    "saliency": _masked(saliency.is_root, saliency.read, saliency.EXPECTS, ("SOD",)),
    "stills": _masked(stills.is_root, train_sequences.read_stills, f"SET/{stills.ANNOTATIONS} and SET/images/", ("train",)),
    "videos": _masked(_holds_videos, train_sequences.read_videos, "benchmark folders by name, or your own videos", ("train_video",)),
}


def train_set_name(given: str) -> str:
    """Return the name of a training set as lockon spells it.

    Raises:
        LockonError: A benchmark, or a part of a dataset that serves validation or tests; an unknown name.
    """
    for name in TRAIN_SETS:
        if squeezed(given) == squeezed(name):
            return name
    benchmark = resolve(given)
    if benchmark is None:
        for name, one in TRAIN_SETS.items():
            if squeezed(given) in map(squeezed, one.aliases):
                return name
        raise unknown_name("training set", given, TRAIN_SETS)
    raise LockonError(f"{benchmark} serves validation and tests and never trains; expected one of {', '.join(TRAIN_SETS)}")


def default_root() -> Path | None:
    """Return the folder of the environment variable LOCKON_DATA, or None."""
    given = os.environ.get(ENVIRONMENT)
    return Path(given).expanduser() if given else None


def find_track_sets(root: Path) -> dict[str, Path]:
    """Return the training sets in the folders under a data root, by name: ROOT/COCO, ROOT/vid, ROOT/GOT-10k, ...; 511 before raw.

    stills and videos are the folders `train` and `train_video` (or have their own names).
    """
    found: dict[str, Path] = {}
    children = list_folders(root)
    for name, one in TRAIN_SETS.items():
        wanted = {squeezed(spelled) for spelled in (name, *one.aliases)}
        places = [place for child in children if squeezed(child.name) in wanted for place in (_fitting(child, one),) if place is not None]
        if places:
            found[name] = next((place for place in places if not one.is_root(place)), places[0])
    return found


def load_track_set(spec: str, root: Path | None = None, *, skip: Path | None = None, masks: bool = False) -> TrackSet:
    """Load one training set.

    Args:
        spec: NAME or NAME:ROOT.
        root: Its folder, or one that holds it by name; default: that of LOCKON_DATA.
        skip: A list of videos to leave out (`lockon.data.skip_lists`), beside the known bad ones.
        masks: Keep the masks of datasets that have them (COCO, YouTubeVOS, saliency, stills, videos, patches with files of masks).

    Raises:
        LockonError: Not a training set; no such data there; a malformed annotation.
    """
    spelled, colon, place = spec.partition(":")
    name = train_set_name(spelled)
    where = Path(place).expanduser() if place else root or default_root()
    if where is None or (colon and (not place or root is not None)):
        raise LockonError(f"training set {spec!r}; expected NAME:ROOT, for example {name}:/data/{name}")
    one = TRAIN_SETS[name]
    if not where.is_dir():
        raise LockonError(f"{where} is no folder; expected that of {name} with {one.expects}")
    folder = find_track_sets(where).get(name) or _fitting(where, one)
    if folder is None:
        or_patches = f"; or the 511-pixel layout: {pysot511.EXPECTS}" if one.patches else ""
        raise LockonError(f"{where} does not look like {name}; expected {one.expects}{or_patches}")
    names = skip_names(name, skip)
    if one.is_root(folder):
        return one.read(folder, name, names, masks=masks) if one.masks else one.read(folder, name, names)
    return pysot511.read(folder, name, names, masks=masks, kept=one.kept)


def load_track_sets(
    places: Mapping[str, Path], *, protocol: TrainProtocol | None = None, skip: Path | None = None, masks: bool = False
) -> list[TrackSet]:
    """Load several training sets by name and folder, in the order of `TRAIN_SETS`.

    Args:
        places: Folders by name.
        protocol: "got10k" takes GOT10k_train alone.
        skip: As for `load_track_set`.
        masks: As for `load_track_set`.

    Raises:
        LockonError: As `load_track_set`, none at all, or more than the protocol allows.
    """
    named = {train_set_name(name): path for name, path in places.items()}
    check_protocol(named, protocol)
    if not named:
        raise LockonError(f"no training set; give folders of {', '.join(TRAIN_SETS)}")
    return [load_track_set(name, named[name], skip=skip, masks=masks) for name in TRAIN_SETS if name in named]


def check_protocol(names: Mapping[str, object] | list[str], protocol: TrainProtocol | None) -> None:
    """Check that the protocol forbids none of one of the training sets."""
    more = sorted(set(names) - {ONE_SHOT})
    if protocol == "got10k" and (more or ONE_SHOT not in names):
        given = f"{', '.join(more)} may not be used" if more else f"{ONE_SHOT} is missing"
        raise LockonError(
            f"GOT-10k's one-shot protocol trains on {ONE_SHOT} alone: {given}; leave the others out, or choose another recipe"
        )


def _fitting(folder: Path, one: TrainSet) -> Path | None:
    """Return the folder itself or the one inside it that is the dataset's raw or 511-pixel layout."""
    candidates = (folder, *(folder / inner for inner in one.inside))
    raw = next((path for path in candidates if path.is_dir() and one.is_root(path)), None)
    return raw if raw is not None else folder if one.patches and pysot511.is_root(folder) else None


__all__ = [
    "ONE_SHOT",
    "TRAIN_SETS",
    "TrainProtocol",
    "TrainSet",
    "check_protocol",
    "default_root",
    "find_track_sets",
    "load_track_set",
    "load_track_sets",
    "train_set_name",
]
