from __future__ import annotations

import struct
import warnings
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from lockon.data.sequence import read_image
from lockon.errors import LockonError, LockonWarning
from lockon.pictures import list_images, natural_key, read_pixels
from lockon.types import Frame
from lockon.video import open_frames


def test_natural_order(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.PNG", "frame2.jpg", "frame10.jpg", ".hidden.jpg", "notes.txt", "007.jpg"):
        (tmp_path / name).touch()
    assert [path.name for path in list_images(tmp_path)] == ["007.jpg", "9.PNG", "10.jpg", "frame2.jpg", "frame10.jpg"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_names_sort_the_same_way_from_any_order(names: list[str]) -> None:
    backwards = list(reversed(names))
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6), unique=True))
def test_numbers_sort_as_numbers(numbers: list[int]) -> None:
    names = [f"img{number}.jpg" for number in numbers]
    assert sorted(names, key=natural_key) == [f"img{number}.jpg" for number in sorted(numbers)]


@pytest.mark.parametrize(
    "image",
    [
        np.full((4, 6), 0x8000, np.uint16),
        np.full((4, 6, 3), 0x8000, np.uint16),
        np.full((4, 6), 0x80, np.uint8),
        np.full((4, 6, 4), (0x80, 0x80, 0x80, 3), np.uint8),
    ],
)
def test_images_of_any_kind_are_read_as_rgb(tmp_path: Path, image: np.ndarray) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), image)
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels is not None
    assert pixels.dtype == np.uint8
    assert pixels.tolist() == np.full((4, 6, 3), 0x80).tolist()


def test_colours_are_rgb(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.full((2, 2, 3), (1, 2, 3), np.uint8))  # OpenCV writes BGR
    pixels = read_pixels(tmp_path / "a.png")
    assert pixels is not None
    assert pixels[0, 0].tolist() == [3, 2, 1]


@pytest.mark.parametrize("content", [b"", b"no image"])
def test_no_image_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert read_pixels(tmp_path / "a.png") is None
    assert read_pixels(tmp_path / "missing.png") is None


@pytest.mark.parametrize(
    "names",
    [
        ["0001.jpg", "0001.png", "0002.jpg", "0002.png"],
        ["img_0001.jpg", "img_0002.jpg", "mask_0001.png", "mask_0002.png"],
        ["0001.jpg", "0002.jpg", "0003.jpg", "0001.png"],  # the mask of the first frame
        ["a.jpg", "a.png", "b.jpg"],
        ["1.jpg", "01.jpg", "2.jpg", "02.jpg"],
    ],
)
def test_pictures_and_masks_in_one_folder_are_refused(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(LockonError, match=r"holds more than one image for .* \(.* and .*\).*; move one kind to a folder of its own"):
        list_images(tmp_path)


@pytest.mark.parametrize("names", [["1.jpg", "2.jpg", "3a.jpg", "3b.jpg", "4.jpg"], ["a.jpg", "b.png"], ["1_640.jpg", "2_640.jpg"]])
def test_other_names_are_one_kind(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).touch()
    assert len(list_images(tmp_path)) == len(names)


RAMP = np.linspace(0, 1, 64 * 48).reshape(48, 64)
RAW = {
    "14 bits": ("png", [(7100 + 20 * index + 320 * RAMP).astype(np.uint16) for index in range(6)]),
    "floats": ("tif", [(290 + index + 20 * RAMP).astype(np.float32) for index in range(6)]),
    "below zero": ("tiff", [(600 * RAMP - 300 + 9 * index).astype(np.int16) for index in range(6)]),
}


def folder_of(kind: str, folder: Path) -> list[Path]:
    suffix, images = RAW[kind]
    folder.mkdir()
    for index, image in enumerate(images):
        assert cv2.imwrite(str(folder / f"{index}.{suffix}"), image)
    return list_images(folder)


def tracked(folder: Path, start: int = 0) -> list[Frame]:
    with open_frames(folder, start) as reader:
        return [frame.image for frame in reader]


@pytest.mark.parametrize("kind", RAW)
def test_a_folder_of_raw_pictures_has_one_range_which_is_said_once(tmp_path: Path, kind: str) -> None:
    paths = folder_of(kind, tmp_path / "raw")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        frames = tracked(tmp_path / "raw")
    assert [str(warning.message).partition(": values")[0] for warning in caught] == [str(tmp_path / "raw")]
    means = [frame.mean() for frame in frames]
    assert (np.diff(means) > 1).all(), "frames become brighter one by one, as in the files"
    assert all(len(np.unique(frame)) > 60 for frame in frames)
    assert len(paths) == len(frames)


@pytest.mark.parametrize("kind", RAW)
def test_datasets_read_a_folder_as_tracking_does_in_any_order(tmp_path: Path, kind: str) -> None:
    paths = folder_of(kind, tmp_path / "raw")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read = {index: read_image(paths[index]) for index in (4, 0, 5, 2)}
    assert len(caught) == 1
    with pytest.warns(LockonWarning, match="are stretched"):
        frames = tracked(tmp_path / "raw", 0)
    with pytest.warns(LockonWarning, match="are stretched"):
        late = tracked(tmp_path / "raw", 4)
    assert all(np.array_equal(frames[index], image) for index, image in read.items())
    assert np.array_equal(late[0], frames[4])


def test_masks_of_8_bits_beside_raw_pictures_do_not_change_them(tmp_path: Path) -> None:
    paths = folder_of("14 bits", tmp_path / "raw")
    with pytest.warns(LockonWarning, match="are stretched"):
        frames = tracked(tmp_path / "raw")
    for path in paths:
        cv2.imwrite(str(path.with_suffix(".bmp")), np.zeros((48, 64), np.uint8))
    with pytest.warns(LockonWarning, match="are stretched"):
        assert np.array_equal(read_image(paths[4]), frames[4])


@pytest.mark.parametrize("name", ["a.pgm", ".a.png"])
def test_a_raw_picture_of_another_name_is_read(tmp_path: Path, name: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), (7100 + 300 * RAMP).astype(np.uint16))
    (tmp_path / "a.png").rename(tmp_path / name)
    with pytest.warns(LockonWarning, match="are stretched"):
        assert len(np.unique(read_image(tmp_path / name))) > 60


def test_a_changed_folder_is_looked_at_again(tmp_path: Path) -> None:
    paths = folder_of("14 bits", tmp_path / "raw")
    with pytest.warns(LockonWarning, match="from 69"):
        read_image(paths[0])
    for index, path in enumerate(paths):
        path.unlink()
        cv2.imwrite(str(path), (30000 + index + 200 * RAMP).astype(np.uint16))
    with pytest.warns(LockonWarning, match="from 29"):
        assert len(np.unique(read_image(paths[0]))) > 60


@pytest.mark.filterwarnings("error")
def test_a_range_is_given_for_a_folder(tmp_path: Path) -> None:
    folder_of("14 bits", tmp_path / "raw")
    with open_frames(tmp_path / "raw", range=(7100, 7420)) as reader:
        first = next(reader).image
    assert (first.min(), first.max()) == (0, 255)


def test_pictures_are_turned_as_they_say(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    exif = images.Exif()
    exif[274] = 6  # to be turned clockwise
    picture = images.fromarray(np.repeat(np.uint8(255 * RAMP)[..., None], 3, axis=2))
    for name in ("a.jpg", "a.png", "a.tif", "a.webp"):
        picture.save(tmp_path / name, exif=exif)
        pixels = read_pixels(tmp_path / name)
        assert pixels is not None
        assert pixels.shape == (64, 48, 3)
        assert pixels[0, -1, 0] < 20 < pixels[0, 0, 0]


@pytest.mark.parametrize(("mode", "name"), [("P", "a.png"), ("CMYK", "a.jpg"), ("1", "a.tif"), ("LA", "a.png"), ("CMYK", "a.tif")])
def test_pictures_of_other_modes_are_read(tmp_path: Path, mode: str, name: str) -> None:
    images = pytest.importorskip("PIL.Image")
    images.new("RGB", (6, 4), (255, 255, 255)).convert(mode).save(tmp_path / name)
    pixels = read_pixels(tmp_path / name)
    assert pixels is not None
    assert pixels.shape == (4, 6, 3)
    assert pixels.min() > 250


def test_a_tiff_file_of_several_pages_is_refused(tmp_path: Path) -> None:
    pages = [np.full((4, 6), value, np.uint8) for value in (1, 2, 3)]
    cv2.imwritemulti(str(tmp_path / "a.tif"), pages)
    for read in (read_pixels, read_image, lambda path: tracked(path.parent)):
        with pytest.raises(LockonError, match=r"a\.tif holds 3 pictures \(TIFF pages\); write each to a file of its own"):
            read(tmp_path / "a.tif")
    cv2.imwritemulti(str(tmp_path / "a.tif"), pages[:1])
    assert read_pixels(tmp_path / "a.tif") is not None


def animation(count: int) -> list[Frame]:
    return [np.random.default_rng(number).integers(0, 255, (24, 32, 3), dtype=np.uint8) for number in range(count)]


@pytest.mark.parametrize(("kind", "name"), [("WEBP", "1.webp"), ("PNG", "1.png"), ("GIF", "1.png"), ("WEBP", "1.jpg")])
def test_an_animated_picture_among_pictures_is_refused(tmp_path: Path, kind: str, name: str) -> None:
    images = pytest.importorskip("PIL.Image")
    for count in (1, 2, 5):
        first, *more = map(images.fromarray, animation(count))
        first.save(tmp_path / name, kind, save_all=True, append_images=more)
        for read in (read_pixels, read_image, lambda path: tracked(path.parent)):
            if count == 1:
                assert read(tmp_path / name) is not None
                continue
            with pytest.raises(LockonError, match=rf"{name} is animated: it holds several pictures; write each to a file of its own"):
                read(tmp_path / name)


@pytest.mark.parametrize(("kind", "name"), [("WEBP", "1.webp"), ("PNG", "1.png"), ("GIF", "1.png")])
def test_a_damaged_animation_is_no_picture_or_said_to_be_one(tmp_path: Path, kind: str, name: str) -> None:
    images = pytest.importorskip("PIL.Image")
    first, *more = map(images.fromarray, animation(3))
    first.save(tmp_path / "whole", kind, save_all=True, append_images=more)
    content = (tmp_path / "whole").read_bytes()
    for length in (1, 7, 15, 18, 21, 30, 45, 60, 90, 200, len(content) // 2, len(content) - 1):
        (tmp_path / name).write_bytes(content[:length])
        with suppress(LockonError):
            pixels = read_pixels(tmp_path / name)
            assert pixels is None or pixels.shape == (24, 32, 3)


@pytest.mark.parametrize("name", ["a.gif", "a.mp4", "a.webm"])
def test_a_folder_of_videos_says_to_give_one_of_them(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(LockonError, match=rf"holds no images; .*it holds videos: give one of them, such as {name}"):
        open_frames(tmp_path)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_a_smaller_copy_in_a_tiff_file_is_no_page(tmp_path: Path, order: str, big: bool) -> None:
    """Two directories of one field, NewSubfileType: the second is a smaller copy (1), a further page (2) or a mask (4)."""
    mark = b"II" if order == "<" else b"MM"
    head = mark + (struct.pack(f"{order}HHHQ", 43, 8, 0, 16) if big else struct.pack(f"{order}HI", 42, 8))
    entry = f"{order}QHHQI4xQ" if big else f"{order}HHHIII"
    second = len(head) + struct.calcsize(entry)
    for kind, refused in ((1, False), (2, True), (4, False)):
        folders = [struct.pack(entry, 1, 254, 4, 1, flags, after) for flags, after in ((0, second), (kind, 0))]
        (tmp_path / "a.tif").write_bytes(head + b"".join(folders))
        if refused:
            with pytest.raises(LockonError, match="holds 2 pictures"):
                read_pixels(tmp_path / "a.tif")
        else:
            assert read_pixels(tmp_path / "a.tif") is None, "it holds no pixels"


def test_a_picture_of_more_pixels_than_opencv_decodes_is_none(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    images.new("1", (60000, 30000)).save(tmp_path / "a.png")
    assert read_pixels(tmp_path / "a.png") is None


def test_pixels_that_need_a_range_name_their_file(tmp_path: Path) -> None:
    images = pytest.importorskip("PIL.Image")
    images.fromarray(np.int32(1_000_000 * RAMP)).save(tmp_path / "a.tif")
    with pytest.raises(LockonError, match=r"a\.tif: a frame of type int32 holds the value 1000000; .* range=\(LOW, HIGH\)"):
        read_image(tmp_path / "a.tif")
