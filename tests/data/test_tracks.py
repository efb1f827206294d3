import pickle
from pathlib import Path

import numpy as np
import pytest
from tiny_layouts import write_image

from lockon.data.tracks import ImageFiles, Track, TrackSet
from lockon.errors import LockonError
from tiny_tracks import Plain, plain_set

BOX = [1.0, 2.0, 5.0, 8.0]


def test_videos_tracks_and_rows() -> None:
    tracks = plain_set("made", [[3], [2, 4], [1]])
    assert tracks.videos == ("v0", "v1", "v2")
    assert [list(tracks.tracks_of(video)) for video in range(len(tracks))] == [[0], [1, 2], [3]]
    assert [list(tracks.rows(track)) for track in range(4)] == [[0, 1, 2], [3, 4], [5, 6, 7, 8], [9]]
    assert [tracks.track_of(row) for row in range(10)] == [0, 0, 0, 1, 1, 2, 2, 2, 2, 3]
    assert [tracks.video_of(track) for track in range(4)] == [0, 1, 1, 2]
    assert tracks.rows_by_frame(1) == {0: [3, 5], 2: [4, 6], 4: [7], 6: [8]}
    view = tracks.view(8)
    assert view.id == "made/v1/000006.01"
    np.testing.assert_array_equal(view.image[0, 0], [6, 1, 1])
    np.testing.assert_array_equal(view.box, [10, 20, 40, 40])
    assert not tracks.cropped


def test_boxes_without_area_are_dropped_with_what_they_leave_empty() -> None:
    bad = [[1, 1, 1, 5], [1, 5, 4, 5], [5, 1, 4, 5], [1, 1, np.nan, 5]]
    tracks = TrackSet.build(
        "made",
        [
            Track("a", "0", [0, 1, 2, 3, 4], [*bad, BOX]),
            Track("b", "0", [0], [bad[0]]),
            Track("b", "1", [7], [BOX]),
            Track("c", "0", [], []),
        ],
        Plain(),
    )
    assert tracks.videos == ("a", "b")
    assert tracks.tracks == ("0", "1")
    np.testing.assert_array_equal(tracks.frames, [4, 7])
    assert tracks.notes == ("made: 5 boxes without width or height left out",)


def test_frames_are_sorted_and_the_last_box_of_a_frame_counts() -> None:
    boxes = np.tile(BOX, (4, 1))
    boxes[:, 0] = [0, 1, 2, 3]
    tracks = TrackSet.build("made", [Track("a", "0", [5, 3, 5, 4], boxes)], Plain())
    np.testing.assert_array_equal(tracks.frames, [3, 4, 5])
    np.testing.assert_array_equal(tracks.boxes[:, 0], [1, 3, 2])


def test_skipped_videos_by_either_name() -> None:
    tracks = [Track(name, "0", [0], [BOX]) for name in ("x/bad", "x/good", "worse")]
    kept = TrackSet.build("made", tracks, Plain(), skip={"bad", "worse", "unknown"})
    assert kept.videos == ("x/good",)
    assert kept.notes == ("made: 2 videos left out by the list of bad ones",)
    with pytest.raises(LockonError, match="no box that can train"):
        TrackSet.build("made", tracks, Plain(), skip={"bad", "worse", "good"})


def test_tracks_of_a_video_must_come_in_a_row() -> None:
    with pytest.raises(LockonError, match="sort the annotation"):
        TrackSet.build("made", [Track(name, "0", [0], [BOX]) for name in "aba"], Plain())
    with pytest.raises(LockonError, match="2 frames but 1 boxes"):
        TrackSet.build("made", [Track("a", "0", [0, 1], [BOX])], Plain())


def test_a_video_with_a_track_that_is_none_is_left_out_whole() -> None:
    bad = [
        Track("a", "1", [0, 1], [BOX]),
        Track("b", "0", [0], [["x", 1, 2, 3]]),
        Track("d", "0", [1 << 40], [BOX]),
        Track("f", "0", [0], [[1, 2, 3]]),
    ]
    tracks = [Track("a", "0", [0], [BOX]), bad[0], bad[1], Track("c", "0", [3], [BOX]), bad[2], Track("e", "0", [4], [BOX]), bad[3]]
    made = TrackSet.build("made", tracks, Plain())
    assert (made.videos, made.tracks, made.frames.tolist()) == (("c", "e"), ("0", "0"), [3, 4])
    (note,) = made.notes
    assert note.startswith("made: 4 videos left out that cannot be read: a (track 1: 2 frames but 1 boxes), b (track 0: ")
    assert note.endswith(") and 1 more")
    assert [line.partition(":")[0] for line in made.unread] == ["a", "b", "d", "f"]
    assert TrackSet.build("made", tracks, Plain(), skip={"a", "b", "d", "f"}).unread == ()


def test_relative_boxes_become_pixels_of_the_image() -> None:
    tracks = TrackSet.build("made", [Track("v0", "0", [0], [[0.1, 0.25, 0.5, 0.5]])], Plain((200, 80)), relative=True)
    np.testing.assert_allclose(tracks.view(0).box, [20, 20, 100, 40], rtol=1e-6)


def test_image_files(tmp_path: Path) -> None:
    files = ImageFiles(tmp_path, "{folder}/{clip}+{frame}000+{track}.png")
    assert files.path("7/abc", "01", 12) == tmp_path / "7" / "abc+12000+01.png"
    write_image(files.path("7/abc", "01", 12), 77)
    assert files("7/abc", "01", 12)[0, 0, 0] == 77
    with pytest.raises(LockonError, match="does not exist"):
        files("7/abc", "01", 13)
    assert pickle.loads(pickle.dumps(files)) == files
