"""Keeps training samples on disk, so that many runs are fed the very same ones at the cost of a copy.

A pipeline's sample is a pure function of its index. `CachedPipeline` stores the samples 0 to count - 1 once, in shards: plain `.npy`
files of one record per sample, memory-mapped when they are read. A shard appears under its name when it is complete, so a stopped
process loses one shard at most, and several processes may fill one folder together.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lockon._documents import MALFORMED, read_json
from lockon._files import PendingFile, write_bytes
from lockon.data.samples.pipeline import Pipeline
from lockon.errors import LockonError

INDEX = "cache.json"
_FORMAT = 1
_TEXT_BYTES = 256  # `ids` serve error reports: longer ones are cut


class CachedPipeline:
    """A pipeline whose first `count` samples are made once and then read from disk.

    Index i gives sample i for i < count. From then on the same samples come again, in another order on each pass (a function of the pass
    alone), so the cache may be smaller than a run.

    Args:
        pipeline: Makes the samples; None serves a cache that is complete.
        folder: Where the shards lie; made if it is not there.
        count: Number of different samples, at least 1.
        identity: JSON values that decide the samples (data, configuration, seed). A cache remembers them, and refuses others.
        shard: Samples per file.
        trust: Takes a complete cache by its identity alone, without making its first sample again to compare it.

    Raises:
        LockonError: The folder holds other samples (by identity, by shape, or because its first sample is not the pipeline's),
            or cannot be written to; or it is incomplete and there is no pipeline.
    """

    def __init__(
        self,
        pipeline: Pipeline | None,
        folder: Path | str,
        count: int,
        *,
        identity: Mapping[str, Any] | None = None,
        shard: int = 128,
        trust: bool = False,
    ) -> None:
        if count < 1 or shard < 1:
            raise LockonError(f"a cache of {count} samples in shards of {shard}; expected at least 1 of each")
        self.pipeline = pipeline
        self.folder = Path(folder)
        self.count = count
        self.dtype, self.shard = self._open(json.loads(json.dumps(dict(identity or {}))), shard)
        self._maps: dict[int, NDArray[np.void]] = {}
        self._order: tuple[int, NDArray[np.intp]] = (0, np.arange(0))
        if not (trust and self.complete):
            self._compare_first()
        if pipeline is None and (missing := self.missing()):
            raise LockonError(f"{self.folder} lacks {len(missing)} of {self.shards} shards; give the pipeline that makes them")

    @property
    def shards(self) -> int:
        """Return the number of files of the complete cache."""
        return math.ceil(self.count / self.shard)

    @property
    def complete(self) -> bool:
        """Return whether all samples are on disk, so that no pipeline is needed."""
        return not self.missing()

    def missing(self) -> list[int]:
        """Return the numbers of the shards that are not on disk yet."""
        return [number for number in range(self.shards) if not self._path(number).exists()]

    def fill(self, progress: Callable[[int, int], None] | None = None, *, part: int = 0, parts: int = 1) -> None:
        """Make what is missing; a stopped call goes on where it was.

        Args:
            progress: Called with (shards there, shards in all) after each one.
            part: Number of this process among `parts` that fill one folder; it makes the shards part, part + parts, ...
            parts: Number of processes.
        """
        mine = range(part, self.shards, parts)
        for done, number in enumerate(mine, start=1):
            if not self._path(number).exists():
                self._make(number)
            if progress is not None:
                progress(done, len(mine))

    def sample(self, index: int) -> dict[str, Any]:
        """Return sample `index`, as the pipeline gives it: from disk, or made (with its whole shard) and stored."""
        turn, place = divmod(index, self.count)
        if turn:
            if self._order[0] != turn:
                self._order = turn, np.random.default_rng(turn).permutation(self.count)
            place = int(self._order[1][place])
        number, row = divmod(place, self.shard)
        return _from_record(self._shard(number)[row])

    def __getstate__(self) -> dict[str, Any]:
        """Leave out the open files: pickled memory maps would carry their whole content into each worker process."""
        return {**self.__dict__, "_maps": {}}

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npy"

    def _shard(self, number: int) -> NDArray[np.void]:
        if number not in self._maps:
            path = self._path(number)
            if not path.exists():
                self._make(number)
            try:
                records: NDArray[np.void] = np.load(path, mmap_mode="r")
            except (OSError, ValueError) as error:
                raise LockonError(f"{path} cannot be read ({error}); delete it, it will be made again") from None
            if records.dtype != self.dtype or len(records) != self._length(number):
                raise LockonError(f"{path} holds {len(records)} records of another kind than {INDEX} says; delete {self.folder}")
            self._maps[number] = records
        return self._maps[number]

    def _length(self, number: int) -> int:
        return min(self.shard, self.count - number * self.shard)

    def _make(self, number: int) -> None:
        """Write one shard; where two processes make the same one, both write the same bytes and the last one stays."""
        if self.pipeline is None:
            raise LockonError(f"{self._path(number)} is gone; restore it, or give the pipeline that makes it")
        records = np.zeros(self._length(number), self.dtype)
        for row in range(len(records)):
            sample = self.pipeline.sample(number * self.shard + row)
            _to_record(sample, records[row : row + 1], where=f"sample {number * self.shard + row}")
        with PendingFile(self._path(number)) as pending:
            np.save(pending.temp, records)

    def _open(self, identity: dict[str, Any], shard: int) -> tuple[np.dtype[np.void], int]:
        """Return the record type and shard size of the folder's cache; a new cache is begun where there is none."""
        file = self.folder / INDEX
        if not file.exists():
            if self.pipeline is None:
                raise LockonError(f"{self.folder} is no cache of samples ({INDEX} is missing); give a pipeline to make one")
            fields = _fields(self.pipeline.sample(0))
            content = {"format": _FORMAT, "count": self.count, "shard": shard, "identity": identity, "fields": fields}
            write_bytes(file, json.dumps(content, indent=1).encode())
            return _record_type(fields), shard
        try:
            content = read_json(file)
            dtype = _record_type(content["fields"])
            header, stored = (content["format"], content["count"], content["identity"]), int(content["shard"])
        except (OSError, *MALFORMED) as error:
            raise LockonError(f"{file} cannot be read as the index of a cache ({error}); delete {self.folder}") from None
        if header != (_FORMAT, self.count, identity):
            raise LockonError(
                f"{self.folder} holds other samples: format, count, identity {header}, wanted {(_FORMAT, self.count, identity)};"
                " give another folder or delete it"
            )
        return dtype, stored

    def _compare_first(self) -> None:
        """Compare the pipeline's first sample with the stored one: an identity may not name everything that has changed."""
        first = self._path(0)
        if self.pipeline is None or not first.exists():
            return
        sample = self.pipeline.sample(0)
        record = np.zeros(1, self.dtype)
        if _record_type(_fields(sample)) == self.dtype:
            _to_record(sample, record, where="sample 0")
            if np.load(first, mmap_mode="r")[:1].tobytes() == record.tobytes():
                return
        raise LockonError(f"{self.folder} holds the samples of another pipeline (sample 0 differs); give another folder or delete it")


def _fields(sample: Mapping[str, Any]) -> list[list[Any]]:
    """Return name, type and shape of every entry; texts are UTF-8 of at most 256 bytes."""
    arrays = {name: np.zeros((), f"S{_TEXT_BYTES}") if isinstance(value, str) else np.asarray(value) for name, value in sample.items()}
    return [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]


def _record_type(fields: list[list[Any]]) -> np.dtype[np.void]:
    return np.dtype([(name, kind, tuple(shape)) for name, kind, shape in fields])


def _to_record(sample: Mapping[str, Any], record: NDArray[np.void], where: str) -> None:
    """Write a sample into a (1,) record."""
    if _record_type(_fields(sample)) != record.dtype:
        raise LockonError(f"{where} has fields {_fields(sample)}, the first one {record.dtype}; they must agree")
    for name, value in sample.items():
        record[name][0] = value.encode()[:_TEXT_BYTES] if isinstance(value, str) else value


def _from_record(record: np.void) -> dict[str, Any]:
    """Copy the fields of one record: callers may keep and change them."""
    return {
        name: record[name].decode(errors="ignore") if record.dtype[name].kind == "S" else np.array(record[name])
        for name in record.dtype.names or ()
    }


__all__ = ["INDEX", "CachedPipeline"]
