"""Frames of sequences as a tracker searched them, for commands that draw them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lockon.cli._options import DataOptions, LoadOptions, OnlineOptions
from lockon.cli._terminal import phases
from lockon.cli._texts import split_names

if TYPE_CHECKING:
    from lockon.analysis.searched import SearchedFrame


@dataclass(frozen=True, kw_only=True)
class DrawnFrameOptions:
    """Which frames are drawn."""

    frames: Annotated[int, typer.Option(min=1, max=100, help="Frames of each sequence, evenly spread over it.")] = 5
    at: Annotated[str | None, typer.Option(metavar="N,N,...", help="These frames instead, numbered from 0.")] = None

    def numbers(self) -> list[int]:
        """Return the numbers that are asked for; none for evenly spread ones.

        Raises:
            LockonError: What is no list of numbers.
        """
        from lockon.errors import LockonError

        texts = split_names(None if self.at is None else [self.at])
        if not all(text.isdecimal() for text in texts) or (self.at is not None and not texts):
            raise LockonError(f"--at {self.at!r} is no list of frame numbers; for example --at 10,20,35")
        return sorted({int(text) for text in texts})


def searched_sequences(
    loading: LoadOptions, learner: OnlineOptions, data: DataOptions, which: DrawnFrameOptions
) -> Iterator[tuple[str, list[SearchedFrame]]]:
    """Track the sequences one after the other; yield the name of each and what was seen of its frames.

    Raises:
        LockonError: As loading the tracker and the data, or as `searched_frames`.
    """
    from lockon.analysis.searched import frame_numbers, searched_frames
    from lockon.bench.search.engine import sequence_names
    from lockon.cli._refine import with_online
    from lockon.zoo.loading import load

    wanted = which.numbers()
    sequences, _ = data.load()
    tracker: Any = load(loading.tracker, **with_online(loading.arguments(), learner.online, learner.online_weights))
    numbers = [wanted or frame_numbers(sequence, which.frames) for sequence in sequences]
    with phases() as phase:
        for name, sequence, chosen in zip(sequence_names(sequences), sequences, numbers, strict=True):
            yield name, list(searched_frames(tracker, sequence, chosen, phase(name, max(chosen))))


def described(loading: LoadOptions, learner: OnlineOptions) -> str:
    """Return the names of the tracker and of the learner beside it."""
    return loading.tracker if learner.online is None else f"{loading.tracker}+{learner.online}"


def picture_path(folder: Path, name: str) -> Path:
    """Return where the picture of a sequence goes, without a suffix."""
    from lockon._names import file_name

    return folder / file_name(name)
