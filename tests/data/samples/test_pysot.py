import dataclasses
import pickle

import numpy as np
import pytest

from lockon.data.samples.patch_jitter import PatchJitter
from lockon.data.samples.patches import context_side
from lockon.data.samples.pysot import PysotDataConfig, pysot_pipeline
from lockon.data.samples.views import ImageCache
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError
from tiny_tracks import Plain, plain_set

SETS = (plain_set("A", [[30], [5, 5], [1]]), plain_set("B", [[8]] * 4))
PLAIN = PysotDataConfig(template=PatchJitter(size=127), search=PatchJitter(size=255))


def test_wrong_numbers() -> None:
    with pytest.raises(LockonError, match="negative=2"):
        PysotDataConfig(negative=2)
    with pytest.raises(LockonError, match="gray=-1"):
        PysotDataConfig(gray=-1)


def test_samples_without_jitter() -> None:
    pipeline = pysot_pipeline(SETS, PLAIN, seed=0)
    for index in range(30):
        sample = pipeline.sample(index)
        assert list(sample) == ["template", "search", "box", "present", "redraws", "ids"]
        assert sample["template"].shape == (127, 127, 3)
        assert sample["search"].shape == (255, 255, 3)
        assert sample["template"].dtype == sample["search"].dtype == np.uint8
        half = np.array([30, 20]) * 127 / context_side(30, 20) / 2
        np.testing.assert_allclose(sample["box"], np.concatenate([127 - half, 127 + half]), rtol=1e-6)
        template_id, search_id = sample["ids"].split(" -> ")
        frame = int(search_id.split("/")[-1].split(".")[0])
        assert sample["search"][127, 127, 0] == frame  # the picture is that of the id
        if sample["present"]:
            assert template_id.split(".")[0].rsplit("/", 1)[0] == search_id.split(".")[0].rsplit("/", 1)[0]


def test_a_sample_is_a_function_of_seed_and_index() -> None:
    sets = [plain_set("A", [[9]] * 5)]
    one, other = pysot_pipeline(sets, PysotDataConfig(), seed=4), pysot_pipeline(sets, PysotDataConfig(), seed=4)
    again = pickle.loads(pickle.dumps(other))
    for index in (17, 3, 17, 100):
        first = one.sample(index)
        for pipeline in (other, again):
            sample = pipeline.sample(index)
            assert all(np.array_equal(first[name], sample[name]) for name in first)
    seeds = [pysot_pipeline(sets, PysotDataConfig(), seed=seed).sample(17)["box"].tolist() for seed in (4, 5)]
    assert seeds[0] != seeds[1]


def test_gray_is_one_draw_for_both() -> None:
    pipeline = pysot_pipeline(SETS, dataclasses.replace(PLAIN, gray=0.5), seed=0)
    seen = []
    for index in range(60):
        sample = pipeline.sample(index)
        grays = [bool((sample[name] == sample[name][..., :1]).all()) for name in ("template", "search")]
        seen.append(grays[1])
        frame, video = sample["search"][0, 0, 0], sample["search"][0, 0, 1]
        if frame != video:
            assert grays[0] == grays[1] or sample["template"].max() <= 1  # a black picture is grey in any case
    assert 10 < sum(seen) < 50


def test_patches_on_disk_are_taken_as_they_are() -> None:
    patches = plain_set("P", [[4]], cropped=True)
    with pytest.raises(LockonError, match="patch of 100x80 pixels, expected 511x511"):
        pysot_pipeline([patches], PLAIN, seed=0).sample(0)
    whole = TrackSet.build("P", [Track("v7", "00", [3], [[0, 0, 30, 20]])], Plain((511, 511)), cropped=True)
    sample = pysot_pipeline([whole], dataclasses.replace(PLAIN, negative=0), seed=0).sample(0)
    np.testing.assert_array_equal(np.unique(sample["search"].reshape(-1, 3), axis=0), [[3, 7, 0]])


def test_a_cache_changes_nothing_but_the_reads() -> None:
    sets = [plain_set("A", [[3]] * 2)]
    cache = ImageCache()
    cached, plain = pysot_pipeline(sets, PysotDataConfig(), 0, cache), pysot_pipeline(sets, PysotDataConfig(), 0)
    for index in range(40):
        one, other = cached.sample(index), plain.sample(index)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len(cache.items) <= 6


def test_notes_are_those_of_the_sets() -> None:
    bad = TrackSet.build("X", [Track("v0", "0", [0, 1], [[0, 0, 0, 4], [0, 0, 9, 9]])], Plain())
    assert pysot_pipeline([bad], PLAIN, 0).notes == ("X: 1 boxes without width or height left out",)
