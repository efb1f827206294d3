import json
import math
from pathlib import Path

import numpy as np
import pytest
from tiny_layouts import HEIGHT, WIDTH, make_stills, still, write_image, write_lines

from lockon.data.datasets.stills import load_stills, parse_line, short_videos
from lockon.errors import LockonError

DOG = {"id": 7, "class": "dog", "box": [1.5, 2, 3, 4]}


def test_fields_and_pixels(tmp_path: Path) -> None:
    make_stills(tmp_path, "dogs", [still(0, [DOG]), still(1, [])])
    first, second = load_stills(tmp_path)
    assert (first.set, first.width, first.height, first.video, first.frame) == ("dogs", WIDTH, HEIGHT, None, None)
    assert first.objects[0].box == (1.5, 2.0, 3.0, 4.0)
    assert (first.objects[0].id, first.objects[0].category, first.objects[0].has_mask) == ("7", "dog", False)
    assert first.mask(0) is None
    assert second.objects == ()
    assert first.read().shape == (HEIGHT, WIDTH, 3)
    assert abs(int(first.read()[0, 0, 0]) - 100) < 5  # red comes first


def test_mask_is_resized_to_the_image(tmp_path: Path) -> None:
    runs = [24 * 16, 24 * 16]  # the right half of a 24 x 32 mask, column by column
    text = "".join(_characters(run) for run in runs)
    make_stills(tmp_path, "dogs", [still(0, [DOG | {"mask_rle": text, "mask_size": [24, 32]}])])
    mask = load_stills(tmp_path)[0].mask(0)
    assert mask is not None
    assert mask.shape == (HEIGHT, WIDTH)
    assert not mask[:, : WIDTH // 2].any()
    assert mask[:, WIDTH // 2 :].all()


def _characters(value: int) -> str:
    """A non-negative number in COCO's groups of five bits."""
    text = ""
    while True:
        group, value = value & 31, value >> 5
        more = value != 0 or group & 16
        text += chr(48 + group + (32 if more else 0))
        if not more:
            return text


def test_malformed_mask_names_the_image(tmp_path: Path) -> None:
    make_stills(tmp_path, "dogs", [still(0, [DOG | {"mask_rle": "1", "mask_size": [2, 2]}])])
    with pytest.raises(LockonError, match=r"00000\.webp: object 7: mask runs cover 1 pixels, expected 2 x 2"):
        load_stills(tmp_path)[0].mask(0)


def test_choice_of_sets(tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        make_stills(tmp_path, name, [still(0, [DOG])])
    assert [image.set for image in load_stills(tmp_path)] == ["a", "b", "c"]
    assert [image.set for image in load_stills(tmp_path, sets=["c", "a"])] == ["a", "c"]
    assert [image.set for image in load_stills(tmp_path, exclude=["a"])] == ["b", "c"]
    with pytest.raises(LockonError, match="unknown set of stills 'd'"):
        load_stills(tmp_path, exclude=["d"])


def test_short_videos_follow_one_object(tmp_path: Path) -> None:
    cat = {"id": "x", "class": "cat", "box": [0, 0, 2, 2]}
    make_stills(
        tmp_path,
        "farm",
        [
            still(0, [cat, DOG], video="v", frame=30),
            still(1, [DOG], video="v", frame=4),
            still(2, [DOG], video="w", frame=1),  # alone in its video
            still(3, [DOG]),  # no video
            still(4, [DOG, DOG], video="v", frame=200),  # listed twice: the first counts
        ],
    )
    (video,) = short_videos(load_stills(tmp_path))
    assert (video.set, video.video, video.object_id, len(video)) == ("farm", "v", "7", 3)
    assert [image.frame for image in video.images] == [4, 30, 200]
    assert video.indices == (0, 1, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("{", r"annotations\.jsonl:2: no JSON"),
        ({"width": None}, r"annotations\.jsonl:2: "),
        ({"objects": [{"id": 1, "class": "x", "box": [1, 2, 3]}]}, r":2: box \[1, 2, 3\] is not four finite numbers"),
        ({"objects": [{"id": 1, "class": "x", "box": [1, 2, 3, float("nan")]}]}, ":2: box .* is not four finite numbers"),
        ({"objects": [{"id": 1, "box": [1, 2, 3, 4]}]}, ":2: key 'class' is missing"),
        ({"objects": [DOG | {"mask_rle": "04"}]}, ":2: mask_rle and mask_size must be given together"),
        ("[1]", ":2: "),
    ],
)
def test_malformed_line_is_named(tmp_path: Path, change: dict[str, object] | str, message: str) -> None:
    lines = [json.dumps(still(0, [DOG])), change if isinstance(change, str) else json.dumps(still(1, [DOG]) | change)]
    write_lines(tmp_path / "dogs" / "annotations.jsonl", lines)
    with pytest.raises(LockonError, match=message):
        load_stills(tmp_path)


def test_root_one_level_off(tmp_path: Path) -> None:
    make_stills(tmp_path / "data", "dogs", [still(0, [DOG])])
    with pytest.raises(LockonError, match="one level too deep.*" + str(tmp_path / "data")):
        load_stills(tmp_path / "data" / "dogs")
    with pytest.raises(LockonError, match="one level too high.*" + str(tmp_path / "data")):
        load_stills(tmp_path)
    with pytest.raises(LockonError, match="is no folder"):
        load_stills(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LockonError, match="holds no stills"):
        load_stills(tmp_path / "empty")


def test_image_of_another_size_is_an_error(tmp_path: Path) -> None:
    folder = make_stills(tmp_path, "dogs", [still(0, [DOG])])
    write_image(folder / "images" / "00000.webp", size=(8, 8))
    with pytest.raises(LockonError, match=f"is 8x8, annotated as {WIDTH}x{HEIGHT}"):
        load_stills(tmp_path)[0].read()


def test_masks_cost_nothing_until_asked_for(tmp_path: Path) -> None:
    make_stills(tmp_path, "dogs", [still(0, [DOG | {"mask_rle": "garbage!", "mask_size": [2, 2]}])])
    (image,) = load_stills(tmp_path)
    assert image.objects[0].has_mask
    with pytest.raises(LockonError):
        image.mask(0)
    assert np.isfinite(image.objects[0].box).all()


_FAR = {"objects": [{"id": 1, "class": "a", "box": [10**400, 0, 1, 1]}]}


@pytest.mark.parametrize("change", [{"height": math.inf}, {"width": 10**400, "height": math.inf}, _FAR])
def test_numbers_that_are_too_large_are_named(tmp_path: Path, change: dict[str, object]) -> None:
    record = {**still(0, []), **change}
    with pytest.raises(LockonError, match=r"^a.jsonl:3: .*(infinity|too large)"):
        parse_line(json.dumps(record), tmp_path, "a.jsonl:3")


@pytest.mark.parametrize("line", ["[" * 5000 + "]" * 5000, "[" * 5000, '{"image":' * 5000, "1" * 5000, "3", "[]"])
def test_lines_that_are_no_records_are_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(LockonError, match=r"^a.jsonl:3: "):
        parse_line(line, tmp_path, "a.jsonl:3")


@pytest.mark.parametrize("image", ["../a.jpg", "/etc/passwd", "images/../../a.jpg", "C:\\a.jpg", "a\0.jpg", 7, None, "", "a" * 300])
def test_images_outside_the_set_are_refused(tmp_path: Path, image: object) -> None:
    with pytest.raises(LockonError, match=r"^a.jsonl:3: "):
        parse_line(json.dumps({**still(0, []), "image": image}), tmp_path, "a.jsonl:3")
