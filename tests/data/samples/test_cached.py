import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lockon.data.samples.cached import INDEX, CachedPipeline
from lockon.errors import LockonError


class Counting:
    """Small samples that tell their index; counts how many were made, and dies at `stop`."""

    def __init__(self, seed: int = 0, stop: int | None = None) -> None:
        self.seed, self.stop, self.made = seed, stop, 0

    def sample(self, index: int) -> dict[str, Any]:
        if index == self.stop:
            raise KeyboardInterrupt
        self.made += 1
        rng = np.random.default_rng((self.seed, index))
        return {
            "search": rng.integers(0, 256, (6, 6, 3), dtype=np.uint8),
            "box": rng.random(4, dtype=np.float32),
            "present": np.asarray(index % 3 == 0),
            "ids": f"käfer/{index}",
        }


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return list(one) == list(other) and all(
        one[name] == other[name]
        if isinstance(one[name], str)
        else one[name].dtype == other[name].dtype and np.array_equal(one[name], other[name])
        for name in one
    )


def test_samples_are_those_of_the_pipeline_and_made_once(tmp_path: Path) -> None:
    cache = CachedPipeline(Counting(), tmp_path / "c", 10, shard=4)
    cache.fill()
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["000000.npy", "000001.npy", "000002.npy", INDEX]
    source = Counting()
    again = CachedPipeline(source, tmp_path / "c", 10, shard=7)  # the stored shard size counts
    assert all(same(again.sample(index), Counting().sample(index)) for index in range(10))
    assert source.made == 1  # the comparison of the first sample
    assert again.shard == 4
    served = CachedPipeline(None, tmp_path / "c", 10)
    sample = served.sample(3)
    sample["search"][:] = 0  # a copy: the cache is untouched
    assert same(served.sample(3), Counting().sample(3))


def test_shards_are_made_when_asked_for(tmp_path: Path) -> None:
    source = Counting()
    cache = CachedPipeline(source, tmp_path, 10, shard=4)
    assert same(cache.sample(9), Counting().sample(9))
    assert source.made == 1 + 2
    assert cache.missing() == [0, 1]
    assert not cache.complete


def test_later_passes_hold_the_same_samples_in_another_order(tmp_path: Path) -> None:
    cache = CachedPipeline(Counting(), tmp_path, 20, shard=8)
    passes = [[cache.sample(turn * 20 + index)["ids"] for index in range(20)] for turn in range(3)]
    assert sorted(passes[0]) == sorted(passes[1]) == sorted(passes[2])
    assert passes[0] != passes[1] != passes[2]
    assert [cache.sample(20 + index)["ids"] for index in range(20)] == passes[1]


def test_a_stopped_fill_goes_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        CachedPipeline(Counting(stop=6), tmp_path, 10, shard=4).fill()
    assert not list(tmp_path.glob("*.tmp*"))
    source, seen = Counting(), []
    cache = CachedPipeline(source, tmp_path, 10, shard=4)
    cache.fill(lambda done, total: seen.append((done, total)))
    assert source.made == 1 + 6  # the comparison, then the two missing shards of 4 and 2
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_processes_share_the_work(tmp_path: Path) -> None:
    parts = [Counting(), Counting()]
    caches = [CachedPipeline(source, tmp_path, 12, shard=4) for source in parts]
    for part, cache in enumerate(caches):
        cache.fill(part=part, parts=2)
    assert CachedPipeline(None, tmp_path, 12).complete
    assert [source.made for source in parts] == [1 + 8, 4]


def test_pickles_without_its_data(tmp_path: Path) -> None:
    cache = CachedPipeline(Counting(), tmp_path, 400, shard=400)
    cache.sample(0)
    content = pickle.dumps(cache)
    assert len(content) < 4000
    assert same(pickle.loads(content).sample(5), Counting().sample(5))


def test_a_trusted_cache_is_not_compared_once_it_is_complete(tmp_path: Path) -> None:
    CachedPipeline(Counting(stop=6), tmp_path, 10, shard=4).sample(0)
    with pytest.raises(LockonError, match="sample 0 differs"):
        CachedPipeline(Counting(seed=5), tmp_path, 10, trust=True)
    CachedPipeline(Counting(), tmp_path, 10).fill()
    source = Counting(seed=5)
    assert same(CachedPipeline(source, tmp_path, 10, trust=True).sample(0), Counting().sample(0))
    assert source.made == 0


def test_what_is_refused(tmp_path: Path) -> None:
    CachedPipeline(Counting(), tmp_path, 10, identity={"seed": 0}).fill()
    with pytest.raises(LockonError, match="other samples"):
        CachedPipeline(Counting(), tmp_path, 10, identity={"seed": 1})
    with pytest.raises(LockonError, match="other samples"):
        CachedPipeline(Counting(), tmp_path, 11, identity={"seed": 0})
    with pytest.raises(LockonError, match="sample 0 differs"):
        CachedPipeline(Counting(seed=5), tmp_path, 10, identity={"seed": 0})
    with pytest.raises(LockonError, match="at least 1"):
        CachedPipeline(Counting(), tmp_path, 0)
    with pytest.raises(LockonError, match="no cache of samples"):
        CachedPipeline(None, tmp_path / "other", 10)
    (tmp_path / "000000.npy").unlink()
    with pytest.raises(LockonError, match="lacks 1 of 1 shards"):
        CachedPipeline(None, tmp_path, 10, identity={"seed": 0})
    (tmp_path / "000000.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(LockonError, match="delete it"):
        CachedPipeline(None, tmp_path, 10, identity={"seed": 0}).sample(0)
    (tmp_path / INDEX).write_text(json.dumps({"format": 1}))
    with pytest.raises(LockonError, match="cannot be read as the index"):
        CachedPipeline(Counting(), tmp_path, 10)


def test_samples_of_unequal_shape_are_named(tmp_path: Path) -> None:
    class Uneven(Counting):
        def sample(self, index: int) -> dict[str, Any]:
            return {"box": np.zeros(4 + index)}

    with pytest.raises(LockonError, match="sample 1 has fields"):
        CachedPipeline(Uneven(), tmp_path, 3).fill()
