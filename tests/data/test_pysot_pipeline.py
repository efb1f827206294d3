import dataclasses
import pickle

import numpy as np
import pytest
from tiny_tracks import Plain, plain_set

from lockon.data.pysot_augment import Jitter
from lockon.data.pysot_crop import context_side
from lockon.data.pysot_pipeline import PysotDataConfig, PysotPipeline
from lockon.data.pysot_sampler import PysotSampler, SetUse
from lockon.data.sampler import ImageCache
from lockon.data.tracks import Track, TrackSet
from lockon.errors import LockonError

SETS = (plain_set("A", [[30], [5, 5], [1]]), plain_set("B", [[8]] * 4))
STILL = Jitter()
PLAIN = PysotDataConfig(template=STILL, search=STILL)


def draws(sampler: PysotSampler, count: int) -> list:
    return [sampler.draw(index, np.random.default_rng((0, index))) for index in range(count)]


def test_lists_hold_each_video_as_often_as_it_is_used() -> None:
    sampler = PysotSampler(SETS, [SetUse("A", num_use=8)], negative=0, seed=1)
    assert len(sampler) == 8 + 4
    found = np.unique(sampler.items, axis=0, return_counts=True)
    assert found[0].tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [1, 3]]
    assert sorted(found[1][:3]) == [2, 3, 3]  # 8 of 3 videos: two rounds and two of a third
    assert list(found[1][3:]) == [1, 1, 1, 1]


def test_each_pass_is_another_order_of_the_same_list() -> None:
    sampler = PysotSampler(SETS, [SetUse("A", num_use=40), SetUse("B", num_use=40)], negative=0)
    videos = [SETS[draw.template_set].video_of(SETS[draw.template_set].track_of(draw.template_row)) for draw in draws(sampler, 160)]
    assert sorted(videos[:80]) == sorted(videos[80:])
    assert videos[:80] != videos[80:]
    assert draws(sampler, 3) == draws(PysotSampler(SETS, sampler.uses, negative=0), 3)  # back from the second pass, and by another one
    other = PysotSampler(SETS, sampler.uses, negative=0, seed=9)
    assert (other.items != sampler.items).any()


def test_search_frames_stay_in_their_track_and_range() -> None:
    sampler = PysotSampler([SETS[0]], [SetUse("A", frame_range=3)], negative=0)
    gaps = set()
    for draw in draws(sampler, 600):
        tracks = SETS[0]
        assert tracks.track_of(draw.template_row) == tracks.track_of(draw.search_row)
        assert draw.present
        gaps.add(draw.search_row - draw.template_row)
    assert gaps == set(range(-3, 4))
    assert all(draw.search_row == draw.template_row for draw in draws(PysotSampler([SETS[0]], [SetUse("A", 0)], negative=0), 30))


def test_negative_pairs_take_each_dataset_alike() -> None:
    sampler = PysotSampler(SETS, [SetUse("A", num_use=900), SetUse("B", num_use=100)], negative=0.3)
    found = draws(sampler, 4000)
    negative = [draw for draw in found if not draw.present]
    assert len(negative) / len(found) == pytest.approx(0.3, abs=0.03)
    assert np.mean([draw.search_set for draw in negative]) == pytest.approx(0.5, abs=0.05)
    assert np.mean([draw.template_set for draw in negative]) == pytest.approx(0.1, abs=0.03)


@pytest.mark.parametrize(
    ("sets", "uses", "message"),
    [
        ((), (), "expected at least one"),
        ((SETS[0], SETS[0]), (), "each once"),
        (SETS, (SetUse("COCO"),), "no training set 'COCO'"),
    ],
)
def test_wrong_sets(sets: tuple, uses: tuple, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        PysotSampler(sets, uses)


def test_wrong_numbers() -> None:
    with pytest.raises(LockonError, match="num_use 0"):
        SetUse("A", num_use=0)
    with pytest.raises(LockonError, match="negative 2"):
        PysotDataConfig(negative=2)
    with pytest.raises(LockonError, match="search_size 600"):
        PysotDataConfig(search_size=600)


def test_samples_without_jitter() -> None:
    pipeline = PysotPipeline(SETS, PLAIN, seed=0)
    for index in range(30):
        sample = pipeline.sample(index)
        assert list(sample) == ["template", "search", "box", "present", "ids"]
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
    one, other = PysotPipeline(sets, PysotDataConfig(), seed=4), PysotPipeline(sets, PysotDataConfig(), seed=4)
    again = pickle.loads(pickle.dumps(other))
    for index in (17, 3, 17, 100):
        first = one.sample(index)
        for pipeline in (other, again):
            sample = pipeline.sample(index)
            assert all(np.array_equal(first[name], sample[name]) for name in first)
    seeds = [PysotPipeline(sets, PysotDataConfig(), seed=seed).sample(17)["box"].tolist() for seed in (4, 5)]
    assert seeds[0] != seeds[1]


def test_gray_is_one_draw_for_both() -> None:
    pipeline = PysotPipeline(SETS, dataclasses.replace(PLAIN, gray=0.5), seed=0)
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
        PysotPipeline([patches], PLAIN, seed=0).sample(0)
    whole = TrackSet.build("P", [Track("v7", "00", [3], [[0, 0, 30, 20]])], Plain((511, 511)), cropped=True)
    sample = PysotPipeline([whole], dataclasses.replace(PLAIN, negative=0), seed=0).sample(0)
    np.testing.assert_array_equal(np.unique(sample["search"].reshape(-1, 3), axis=0), [[3, 7, 0]])


def test_a_cache_changes_nothing_but_the_reads() -> None:
    sets = [plain_set("A", [[3]] * 2)]
    cache = ImageCache()
    cached, plain = PysotPipeline(sets, PysotDataConfig(), 0, cache), PysotPipeline(sets, PysotDataConfig(), 0)
    for index in range(40):
        one, other = cached.sample(index), plain.sample(index)
        assert all(np.array_equal(one[name], other[name]) for name in one)
    assert len(cache.items) <= 6


def test_notes_are_those_of_the_sets() -> None:
    bad = TrackSet.build("X", [Track("v0", "0", [0, 1], [[0, 0, 0, 4], [0, 0, 9, 9]])], Plain())
    assert PysotPipeline([bad], PLAIN, 0).notes == ("X: 1 boxes without width or height left out",)
