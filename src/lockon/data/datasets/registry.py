"""`load_dataset`: sequences of a benchmark by name, wherever it lies.

>>> sequences = load_dataset("OTB100:/data/OTB100")      # doctest: +SKIP
>>> sequences = load_dataset("VOT2018")                  # root from LOCKON_DATA or the TOML file   # doctest: +SKIP
>>> sequences = load_dataset("pool:/data/validation")    # every benchmark folder there, as one list   # doctest: +SKIP
>>> sequences = load_dataset("NFS30+UAV123:/data")       # a pooled set, scored as one dataset   # doctest: +SKIP
>>> sequences = load_dataset("OTB100:OTB100.json", frames="optional")  # ground truth alone   # doctest: +SKIP
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lockon.data.datasets.absence import BoxesWithoutArea, as_absent
from lockon.data.datasets.bare import bare_layout, json_of, load_json, text_files
from lockon.data.datasets.layout import FrameMode, Layout, SequenceFiles
from lockon.data.datasets.table import (
    FOLDER,
    POOL,
    STILLS,
    canonical_name,
    known_datasets,
    layout_of,
    members,
    official_list,
    pool_members,
)
from lockon.data.paths import find_root
from lockon.data.sequence import VideoSequence
from lockon.errors import LockonError


class BrokenSequence(NamedTuple):
    """A sequence that cannot be read."""

    name: str
    dataset: str
    error: LockonError


def split_spec(spec: str) -> tuple[str, Path | None]:
    """Return the name and root of "NAME" or "NAME:ROOT".

    Raises:
        LockonError: An empty name or an empty root.
    """
    name, colon, root = spec.partition(":")
    if not name or (colon and not root):
        raise LockonError(f"dataset {spec!r}; expected NAME or NAME:ROOT, for example OTB100:/data/OTB100")
    return name, Path(root).expanduser() if root else None


def load_dataset(name_or_spec: str, root: Path | str | None = None, *, frames: FrameMode = "required") -> list[VideoSequence]:
    """Load all sequences of a dataset, sorted by name; frames and masks stay on disk until they are indexed.

    A root may hold a part of the benchmark: what is there is loaded, and `lockon.data.completeness` says what is missing.

    Args:
        name_or_spec: A name of `lockon data list`, in any spelling, or NAME:ROOT. "pool" takes every benchmark folder under
            its root as one list; "folder" reads your own data; A+B is a pooled set, whose sequences all have it as their
            dataset.
        root: The dataset's folder or one that holds it; default: see `lockon.data.paths`.
        frames: "optional" takes ground truth without images too: the benchmark's folders without them, a folder of
            NAME.txt files, or a JSON file as PySOT has it. A missing image is then an error when it is read.

    Raises:
        LockonError: Unknown name, no such folder, or the first sequence that is incomplete or wrongly annotated.
    """
    sequences, broken = load_readable(name_or_spec, root, frames=frames)
    if broken:
        raise broken[0].error
    return sequences


def load_readable(
    name_or_spec: str, root: Path | str | None = None, *, frames: FrameMode = "required", flat: BoxesWithoutArea | None = None
) -> tuple[list[VideoSequence], list[BrokenSequence]]:
    """Load as `load_dataset` does what can be read, and return what cannot beside it: incomplete and wrongly annotated sequences.

    Args:
        name_or_spec: As for `load_dataset`.
        root: As for `load_dataset`.
        frames: As for `load_dataset`.
        flat: Grows by the boxes without area, for one warning after several datasets; None to warn now.

    Raises:
        LockonError: Unknown name, or no such folder.
    """
    spelled, spec_root = split_spec(name_or_spec)
    if spec_root is not None and root is not None:
        raise LockonError(f"dataset {name_or_spec!r} names its root and a root {root} was given too; give one of them")
    if frames not in ("required", "optional"):
        raise LockonError(f"frames={frames!r}; expected 'required' or 'optional'")
    name, place = canonical_name(spelled), spec_root if spec_root is not None else root
    if name == STILLS:
        raise LockonError("stills are single images, not sequences; they serve training only: lockon train --help")
    parts = pool_members(name)
    if parts is not None:
        folders, source = {part: find_root(part, place, frames) for part in parts}, name if place is None else f"{name}:{place}"
    else:
        folder = find_root(name, place, frames)
        folders, source = members(folder) if name == POOL else {name: folder}, f"{name}:{folder}"
    found, failed = BoxesWithoutArea() if flat is None else flat, list[BrokenSequence]()
    before = found.count
    loaded = [sequence for part, path in folders.items() for sequence in _load(part, path, frames, found, failed)]
    if found.count > before:
        found.sources[source] = name
    if flat is None:
        found.warn()
    if parts is not None or name == POOL:
        loaded, failed = _distinct(loaded, failed)
    if parts is not None:
        loaded = [dataclasses.replace(sequence, dataset=name) for sequence in loaded]
        failed = [one._replace(dataset=name) for one in failed]
    return _unique(loaded, Path(source.partition(":")[2] or name)), failed


def load_videos(root: Path | str) -> list[VideoSequence]:
    """Load all sequences in a folder: of the benchmarks that lie there by name ("pool"), else your own data ("folder").

    Raises:
        LockonError: As `load_dataset`.
    """
    return load_dataset(POOL if members(Path(root)) else FOLDER, root)


def scan_dataset(name: str, root: Path, frames: FrameMode = "required") -> tuple[Layout, list[SequenceFiles]]:
    """Return the layout in which a dataset lies at its root, and the files of its sequences by the names of its list, sorted.

    Args:
        name: A single dataset.
        root: Its folder, as `lockon.data.paths.find_root` returns it.
        frames: "optional": a folder of NAME.txt will do.
    """
    layout = layout_of(name)
    if frames == "optional" and not layout.is_root(root) and text_files(root):
        layout = bare_layout(layout, name)
    scanned = layout.scan(root)
    if layout.name == "texts" and (select := known_datasets()[name].select) is not None:
        chosen = set(select([files.name for files in scanned]))
        scanned = [files for files in scanned if files.name in chosen]
    complete = official_list(name)
    if complete is not None:
        scanned = [dataclasses.replace(files, name=complete.canonical(files.name)) for files in scanned]
    return layout, sorted(scanned, key=lambda files: files.name)


def _load(name: str, root: Path, frames: FrameMode, flat: BoxesWithoutArea, failed: list[BrokenSequence]) -> list[VideoSequence]:
    """Load the sequences of one dataset, with what its list knows beside what lies on disk.

    Args:
        name: Of the dataset.
        root: Its folder.
        frames: As for `load_dataset`.
        flat: Grows by what is told of boxes without area.
        failed: Grows by the sequences that cannot be read.
    """
    if not layout_of(name).is_root(root) and (file := json_of(root, name)) is not None:
        sequences, wrong = load_json(file, name, layout_of(name).origin, frames)
        complete = official_list(name)
        canonical = str if complete is None else complete.canonical
        sequences = [dataclasses.replace(sequence, name=canonical(sequence.name)) for sequence in sequences]
        failed += [BrokenSequence(canonical(key), name, error) for key, error in wrong.items()]
    else:
        layout, scanned = scan_dataset(name, root, frames)
        sequences = []
        for files in scanned:
            try:
                sequences.append(layout.read(files, name, frames, root))
            except LockonError as error:
                failed.append(BrokenSequence(files.name, name, error))
        if not scanned:
            raise LockonError(f"{root} holds no sequence of {name}; expected {layout.expects}")
    sequences.sort(key=lambda sequence: sequence.name)
    sequences = as_absent(sequences, official_list(name), flat, unstated=name == FOLDER)
    return [dataclasses.replace(_with_list(sequence, frames), source=f"{name}:{root}") for sequence in sequences]


def _with_list(sequence: VideoSequence, frames: FrameMode) -> VideoSequence:
    """Add attributes from the benchmark's list; and the size of the frames, where there are no images that could be of another."""
    complete = official_list(sequence.dataset)
    listed = complete.sequences.get(sequence.name) if complete is not None else None
    if listed is None:
        return sequence
    size = sequence.frame_size
    if size is None and frames == "optional" and len(sequence) == listed.frames and not sequence.frames.paths[0].exists():
        size = listed.size
    return dataclasses.replace(sequence, attributes=sequence.attributes | listed.attributes, frame_size=size)


def _distinct(pooled: Sequence[VideoSequence], failed: Sequence[BrokenSequence]) -> tuple[list[VideoSequence], list[BrokenSequence]]:
    """Rename sequences whose name occurs in several datasets (whatever the case) to DATASET-NAME."""
    counts = Counter(name.lower() for name in (*(one.name for one in pooled), *(one.name for one in failed)))

    def name(one: VideoSequence | BrokenSequence) -> str:
        return f"{one.dataset}-{one.name}" if counts[one.name.lower()] > 1 else one.name

    return [dataclasses.replace(one, name=name(one)) for one in pooled], [one._replace(name=name(one)) for one in failed]


def _unique(sequences: list[VideoSequence], root: Path) -> list[VideoSequence]:
    double = [name for name, count in Counter(sequence.name for sequence in sequences).items() if count > 1]
    if double:
        raise LockonError(f"{root}: sequence names {', '.join(double[:5])} occur more than once; rename the folders")
    return sequences
