from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lockon.data.clips import KINDS, draw_target, make_clip, make_stage, noise_texture
from lockon.errors import LockonError


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(320, 240), (240, 320)])
def test_truth_is_the_extent_of_the_targets_pixels(kind: str, size) -> None:
    """Pixels that differ from the same frame without targets are the target's; a blended rim may show beyond the box."""
    stage = make_stage(kind, seed=1, frames=40, size=size, targets=1)
    bare = dataclasses.replace(stage, layers=())
    for t, clip in enumerate(make_clip(kind, seed=1, frames=40, size=size, targets=1)):
        if t % 4:
            continue
        background = bare.render(t)[0].astype(int)
        difference = np.abs(clip.image - background).max(-1)
        box = np.atleast_2d(clip.box)[0]
        if not np.isfinite(box).all():
            assert (difference > 60).sum() == 0
            continue
        solid = difference > 12
        ys, xs = np.flatnonzero(solid.any(1)), np.flatnonzero(solid.any(0))
        x, y, w, h = box
        seen = np.array([xs[0], ys[0], xs[-1] + 1, ys[-1] + 1])
        if clip.visible == 1:
            assert seen == pytest.approx([x, y, x + w, y + h], abs=1.01)
        else:  # the whole target's extent, clipped: a part of a rounded target fills less of it
            assert (seen[:2] >= [x - 1.01, y - 1.01]).all()
            assert (seen[2:] <= [x + w + 1.01, y + h + 1.01]).all()
            assert (seen[0], seen[2]) == pytest.approx((x, x + w), abs=1.01)


def test_several_targets_stay_apart_and_have_their_own_truth() -> None:
    for count in (2, 5):
        stage = make_stage("several", seed=0, frames=30, size=(640, 360), targets=count)
        boxes = np.stack([clip.box for clip in make_clip("several", frames=30, size=(640, 360), targets=count)])
        assert boxes.shape == (30, count, 4)
        for index in range(count):
            alone = dataclasses.replace(stage, layers=stage.layers[index : index + 1])
            for t in (0, 14, 29):
                x1, y1, x2, y2 = alone.render(t)[1][0]
                assert boxes[t, index].tolist() == [x1, y1, x2 - x1, y2 - y1]
        low, high = boxes[..., :2], boxes[..., :2] + boxes[..., 2:]
        for i in range(count):
            for j in range(i):
                apart = (low[:, i] >= high[:, j]) | (low[:, j] >= high[:, i])
                assert apart.any(-1).all()


def boxes_of(kind: str, **options):
    clips = list(make_clip(kind, **options))
    return np.stack([clip.box for clip in clips]), np.array([clip.visible for clip in clips])


@pytest.mark.parametrize("seed", range(2))
def test_kinds_do_what_they_say(seed: int) -> None:
    still, _ = boxes_of("still", seed=seed)
    assert (still == still[0]).all()
    zoom, _ = boxes_of("zoom", seed=seed)
    side = np.sqrt(zoom[:, 2] * zoom[:, 3])
    assert side[-1] / side[0] == pytest.approx(4, rel=0.06)
    aspect, _ = boxes_of("aspect", seed=seed)
    ratio = aspect[:, 2] / aspect[:, 3]
    assert ratio[-1] / ratio[0] == pytest.approx(16, rel=0.25)
    assert np.sqrt(ratio[0] * ratio[-1]) == pytest.approx(1, abs=0.3)
    shrink, _ = boxes_of("shrink", seed=seed)
    side = np.sqrt(shrink[:, 2] * shrink[:, 3])
    assert side[0] == pytest.approx(80, rel=0.05)
    assert side[-1] == pytest.approx(12, abs=1)
    for boxes in (zoom, aspect, shrink):
        assert np.abs(np.diff(boxes, axis=0)).max() < 8  # no jumps


@pytest.mark.parametrize(("frames", "size"), [(90, (320, 240)), (120, (640, 360)), (60, (240, 320))])
@pytest.mark.parametrize("seed", range(2))
def test_leave_goes_and_comes_back(seed: int, frames: int, size) -> None:
    boxes, visible = boxes_of("leave", seed=seed, frames=frames, size=size)
    absent = np.flatnonzero(visible == 0)
    assert 12 <= len(absent) <= 19
    assert (np.diff(absent) == 1).all()
    assert np.isnan(boxes[absent]).all()
    assert np.isfinite(boxes[visible > 0]).all()
    assert visible[0] == visible[-1] == 1
    before, after = boxes[absent[0] - 1], boxes[absent[-1] + 1]
    assert before[0] + before[2] == after[0] + after[2] == size[0]  # at the right border
    assert abs(before[1] + before[3] / 2 - after[1] - after[3] / 2) < 8  # near where it left
    partly = (visible > 0) & (visible < 1)
    assert partly.any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_is_a_function_of_kind_and_seed(kind: str) -> None:
    first, again, other = (next(make_clip(kind, seed=seed)) for seed in (0, 0, 1))
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.box, again.box)
    assert not np.array_equal(first.image, other.image)
    assert first.image.dtype == np.uint8
    assert first.image.shape == (240, 320, 3)


def test_the_background_moves_and_has_texture() -> None:
    images = [clip.image.astype(int) for clip in make_clip("still")]
    assert len(images) == 90
    corner = [image[:60, :60] for image in images]
    assert np.abs(corner[20] - corner[0]).mean() > 3
    assert corner[0].std(axis=(0, 1)).min() > 3


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("zom", {}, "did you mean 'zoom'"),
        ("zoom", {"frames": 10}, "30 frames or more"),
        ("zoom", {"size": (100, 100)}, "160x120 pixels or more"),
        ("several", {"targets": 0}, "1 to 16 targets"),
    ],
)
def test_errors_come_at_once(kind: str, options, message: str) -> None:
    with pytest.raises(LockonError, match=message):
        make_clip(kind, **options)


def test_drawing() -> None:
    cutout = draw_target(np.random.default_rng(0), 0.3)
    alpha = cutout.rgba[..., 3]
    assert (alpha[[0, -1]].max() > 0).all()
    assert alpha[0].any()
    assert alpha[:, 0].any()
    assert alpha[:, -1].any()
    assert 0.5 < (alpha > 127).mean() < 0.95  # a shape, no rectangle
    texture = noise_texture(np.random.default_rng(0), (50, 30), [(0, 0, 0), (200, 100, 50)])
    assert texture.shape == (30, 50, 3)
    assert texture.reshape(-1, 3).max(0).tolist() == [200, 100, 50]
    assert texture.min() == 0
