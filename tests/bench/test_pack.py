"""Submissions: what is written, and what the validator finds in broken ones."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from lockon.bench.pack import archive
from lockon.bench.pack.archive import write_submission, zip_bytes
from lockon.bench.pack.servers import SERVERS
from lockon.bench.pack.validation import validate
from lockon.bench.pack.writing import pack
from lockon.bench.protocols.trajectory import FAILED, SKIPPED, STARTED, TRACKED, Trajectory
from lockon.bench.store import Record, Store
from lockon.cli import app
from lockon.data.datasets.layout import read_if_there
from lockon.data.sequence import LazyList, VideoSequence
from lockon.errors import LockonError, LockonWarning

FRAMES = 4
BOX = np.array([10.0, 20, 30, 40])
GOT10K = SERVERS["got10k"].names


def _sequence(name, dataset="GOT10k_test", frames=FRAMES):
    boxes = np.full((frames, 4), np.nan)
    boxes[0] = BOX
    return VideoSequence(name, dataset, LazyList([Path("nowhere.jpg")] * frames, read_if_there), boxes)


def _record(name, dataset="GOT10k_test", *, frames=FRAMES, boxes=None, times=0.5, events=None):
    boxes = np.tile(BOX, (frames, 1)) if boxes is None else np.asarray(boxes, dtype=np.float64)
    truth = np.full((frames, 4), np.nan)
    truth[0] = BOX
    nothing = np.full(frames, np.nan)
    protocol = "one-pass" if events is None else "reset"
    marks = None if events is None else np.array(events, dtype=np.int8)
    run = Trajectory(boxes, nothing, ("tracked",) * frames, np.full(frames, times), 0, (0, 0), marks)
    return Record(name, dataset, run, truth, None, {}, protocol=protocol)


def _store(folder, records, label="T"):
    store = Store(folder)
    store.claim(label, {"name": label}, 0)
    for record in records:
        store.save(label, record)
    return store


def _got10k(tmp_path, **changed):
    """A complete GOT-10k submission of which some sequences are changed."""
    store = _store(tmp_path / "s", [_record(name, **changed.get(name[-3:], {})) for name in GOT10K])
    return pack(store, "got10k", tmp_path / "T.zip")


# --- packing -------------------------------------------------------------------------------------------------------------


def test_got10k(tmp_path):
    packed = _got10k(tmp_path)
    assert (packed.label, packed.sequences, packed.files, packed.missing) == ("T", 180, 360, ())
    with zipfile.ZipFile(packed.path) as archive:
        assert archive.namelist()[:2] == [f"GOT-10k_Test_000001/GOT-10k_Test_000001_{end}.txt" for end in ("001", "time")]
        assert archive.read("GOT-10k_Test_000180/GOT-10k_Test_000180_001.txt") == b"10,20,30,40\n" * FRAMES
        assert archive.read("GOT-10k_Test_000180/GOT-10k_Test_000180_time.txt") == b"0.50000000\n" * FRAMES
    found = validate(packed.path, "got10k", [_sequence(name) for name in GOT10K])
    assert (found.valid, found.sequences, found.files, found.problems, found.notes) == (True, 180, 180, (), ())


def test_equal_results_make_equal_archives(tmp_path):
    first = _got10k(tmp_path).path.read_bytes()
    assert pack(Store(tmp_path / "s"), "got10k", tmp_path / "again.zip").path.read_bytes() == first


def test_frames_without_a_box_get_the_one_before(tmp_path):
    boxes = [BOX, BOX + 1, [np.nan] * 4, BOX + 2]
    with pytest.warns(LockonWarning, match="GOT-10k_Test_000007: 1 frames without a box got the one before"):
        packed = _got10k(tmp_path, **{"007": {"boxes": boxes}})
    with zipfile.ZipFile(packed.path) as archive:
        lines = archive.read("GOT-10k_Test_000007/GOT-10k_Test_000007_001.txt").decode().splitlines()
    assert lines == ["10,20,30,40", "11,21,31,41", "11,21,31,41", "12,22,32,42"]
    assert validate(packed.path, "got10k").valid


def test_missing_sequences_are_refused_unless_asked_for(tmp_path):
    store = _store(tmp_path / "s", [_record(name) for name in GOT10K[2:]])
    with pytest.raises(
        LockonError, match=r"T has 178 of 180 sequences of GOT10k_test \(missing: GOT-10k_Test_000001, GOT-10k_Test_000002\)"
    ):
        pack(store, "got10k", tmp_path / "T.zip")
    packed = pack(store, "got10k", tmp_path / "T.zip", partial=True)
    assert packed.missing == GOT10K[:2]
    found = validate(packed.path, "got10k")
    assert found.problems == ("2 of 180 sequences are missing: GOT-10k_Test_000001, GOT-10k_Test_000002",)


def test_trackingnet(tmp_path):
    names = [f"video_{number}" for number in range(511)]
    store = _store(tmp_path / "s", [_record(name, "TrackingNet", times=np.nan) for name in names])
    packed = pack(store, "trackingnet", tmp_path / "T.zip")
    with zipfile.ZipFile(packed.path) as archive:
        assert sorted(archive.namelist()) == sorted(f"{name}.txt" for name in names)
        assert archive.read("video_7.txt") == b"10,20,30,40\n" * FRAMES
    found = validate(packed.path, "trackingnet")
    assert found.valid
    assert found.notes == ("names of the sequences were not checked; give --data NAME:ROOT",)
    assert validate(packed.path, "trackingnet", [_sequence(name, "TrackingNet") for name in names]).notes == ()


def test_trackingnet_counts(tmp_path):
    store = _store(tmp_path / "s", [_record("a", "TrackingNet")])
    with pytest.raises(LockonError, match="T has 1 of 511 sequences of TrackingNet; run the rest"):
        pack(store, "trackingnet", tmp_path / "T.zip")
    packed = pack(store, "trackingnet", tmp_path / "T.zip", partial=True)
    assert "1 sequences, expected 511" in validate(packed.path, "trackingnet").problems[0]


def test_vot_folder_with_a_manifest(tmp_path):
    boxes = [BOX, BOX, [np.nan] * 4, [np.nan] * 4]
    store = _store(tmp_path / "s", [_record("ants1", "VOT2018", boxes=boxes, events=[STARTED, TRACKED, FAILED, SKIPPED])])
    packed = pack(store, "vot", tmp_path / "T")
    assert (packed.path / "baseline/ants1/ants1_001.txt").read_text() == "1\n10,20,30,40\n2\n0\n"
    manifest = (packed.path / "manifest.yml").read_text().splitlines()
    assert manifest[0] == 'identifier: "T"'
    assert 'stack: "vot2018/shortterm"' in manifest
    assert validate(packed.path, "vot", [_sequence("ants1", "VOT2018")]).valid
    (packed.path / "manifest.yml").unlink()
    assert "manifest.yml is missing" in validate(packed.path, "vot").problems[0]


def test_choices_have_to_be_made(tmp_path):
    store = _store(tmp_path / "s", [_record("a", "OTB100"), _record("b", "VOT2018")])
    with pytest.raises(LockonError, match="T has no results on GOT10k_test, which the GOT-10k server scores, but on OTB100, VOT2018"):
        pack(store, "got10k", tmp_path / "T.zip")
    with pytest.raises(LockonError, match=r"2 datasets .*; choose one with --dataset"):
        pack(store, "vot", tmp_path / "T.zip")
    _store(tmp_path / "s", [_record("b", "VOT2018")], "U")
    with pytest.raises(LockonError, match=r"2 trackers \(T, U\); choose one with --tracker"):
        pack(store, "vot", tmp_path / "T.zip")
    with pytest.raises(LockonError, match="unknown server in --for 'got10'"):
        pack(store, "got10", tmp_path / "T.zip")
    assert pack(store, "vot", tmp_path / "T.zip", tracker="U", dataset="VOT2018").sequences == 1


# --- validation ----------------------------------------------------------------------------------------------------------


def _broken(tmp_path, change):
    """A complete submission as a folder, in which `change` writes other files."""
    store = _store(tmp_path / "s", [_record(name) for name in GOT10K])
    folder = pack(store, "got10k", tmp_path / "T").path
    change(folder)
    return validate(folder, "got10k", [_sequence(name) for name in GOT10K]).problems


FIRST = "GOT-10k_Test_000001/GOT-10k_Test_000001_001.txt"
LINE = "10,20,30,40\n"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (LINE * 3, f"{FIRST}: 3 lines, the sequence has 4 frames"),
        (LINE * 5, f"{FIRST}: 5 lines, the sequence has 4 frames"),
        (LINE * 3 + "nan,nan,nan,nan\n", f"{FIRST}: no finite box in line 4; the server takes no NaN"),
        (LINE * 3 + "10,20,0,40\n", f"{FIRST}: width or height is not positive in line 4"),
        (LINE * 3 + "10,20,30,-4\n", f"{FIRST}: width or height is not positive in line 4"),
        ("15,20,30,40\n" + LINE * 3, f"{FIRST}: line 1 is 15,20,30,40, the start box is 10,20,30,40"),
        ("1\n" + LINE * 3, f"{FIRST}: a single number in line 1, expected x,y,w,h"),
        (LINE.replace(",", " ") * 4, f"{FIRST}: the numbers are not separated by commas: '10 20 30 40'"),
        ("0,0,9,0,9,9,0,9\n" * 4, f"{FIRST}: corners or masks, expected x,y,w,h"),
        ("", f"{FIRST} is empty; expected one line of x,y,w,h per frame"),
        (LINE * 3 + "a,b\n", f"{FIRST}: line 4 cannot be read"),
    ],
)
def test_a_broken_file_is_named(text, problem, tmp_path):
    def change(folder):
        (folder / FIRST).write_text(text)

    assert any(found.startswith(problem) for found in _broken(tmp_path, change))


def _rename(folder, old, new):
    (folder / old).rename(folder / new)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda folder: (folder / "notes.txt").write_text("x"), "notes.txt has no place in a submission to the GOT-10k server"),
        (lambda folder: (folder / FIRST).unlink(), "1 of 180 sequences are missing: GOT-10k_Test_000001"),
        (lambda folder: (folder / FIRST.replace("_001.txt", "_time.txt")).unlink(), "the file NAME_time.txt is missing for 1 sequences"),
        (lambda folder: (folder / FIRST.replace("_001.txt", "_time.txt")).write_text("1\n"), "_time.txt: 1 lines, GOT-10k_Test_000001/"),
    ],
)
def test_a_wrong_set_of_files_is_named(change, problem, tmp_path):
    assert any(problem in found for found in _broken(tmp_path, change))


def test_a_misspelt_sequence_is_missing_and_too_much(tmp_path):
    def change(folder):
        name, wrong = "GOT-10k_Test_000002", "got-10k-test-000002"
        _rename(folder, f"{name}/{name}_001.txt", f"{name}/{wrong}_001.txt")
        _rename(folder, f"{name}/{name}_time.txt", f"{name}/{wrong}_time.txt")
        _rename(folder, name, wrong)

    problems = _broken(tmp_path, change)
    assert problems == (
        "1 of 180 sequences are missing: GOT-10k_Test_000002",
        "1 sequences do not belong to the benchmark: got-10k-test-000002 (meant GOT-10k_Test_000002?)",
    )


def test_a_folder_around_everything_is_noted(tmp_path):
    store = _store(tmp_path / "s", [_record(name) for name in GOT10K])
    pack(store, "got10k", tmp_path / "outer/T")
    found = validate(tmp_path / "outer", "got10k")
    assert found.valid
    assert found.notes == ("everything lies in a folder T/ inside; the GOT-10k server expects it at the top",)


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("missing.zip", None, "does not exist"),
        ("text.zip", b"no zip", "is no zip file that can be read"),
        ("empty.zip", b"PK\x05\x06" + bytes(18), "is empty"),
    ],
)
def test_what_cannot_be_read(name, content, text, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(LockonError, match=text):
        validate(tmp_path / name, "got10k")


def test_nothing_outside_is_written_or_read(tmp_path):
    """Names that would lead out of the folder are only names here: the archive is never unpacked."""
    with zipfile.ZipFile(tmp_path / "evil.zip", "w") as out:
        out.writestr("../../evil/evil_001.txt", LINE)
    problems = validate(tmp_path / "evil.zip", "got10k").problems
    assert any("../../evil/evil_001.txt has no place" in problem for problem in problems)
    assert not (tmp_path.parent / "evil").exists()


def _bytes_of(tmp_path):
    """A small submission as a zip file."""
    path = tmp_path / "whole.zip"
    path.write_bytes(zip_bytes([(f"{name}/{name}_001.txt", LINE.encode() * 50) for name in GOT10K[:3]]))
    return path.read_bytes()


def _outcome(path):
    """Validate; a problem or one error are both an answer."""
    try:
        validate(path, "got10k")
    except LockonError as error:
        return str(error)
    return ""


def test_every_kind_of_damage_is_one_line(tmp_path):
    """Cut at either end, bytes changed, bytes doubled: nothing but a LockonError or problems of the content come out."""
    whole, random = _bytes_of(tmp_path), np.random.default_rng(0)
    path, refused = tmp_path / "damaged.zip", 0
    for case in range(300):
        content, at = bytearray(whole), int(random.integers(len(whole)))
        if case % 4 == 0:
            content = content[at:]
        elif case % 4 == 1:
            content = content[:at]
        elif case % 4 == 2:
            for place in random.integers(len(content), size=1 + case % 5).tolist():
                content[place] = int(random.integers(256))
        else:
            content[at:at] = content[at : at + 40]
        path.write_bytes(content)
        refused += "is no zip file that can be read" in _outcome(path)
    assert refused > 100


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_changed_byte_in_any_compression(method, tmp_path):
    path = tmp_path / "block.zip"
    with zipfile.ZipFile(path, "w", method) as out:
        out.writestr("a.txt", bytes(range(256)) * 20)
    content = bytearray(path.read_bytes())
    content[45:80] = b"\xff" * 35
    path.write_bytes(content)
    assert "is no zip file that can be read" in _outcome(path)


def test_bombs_are_refused_before_they_are_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "LARGEST", 1000)
    monkeypatch.setattr(archive, "LARGEST_IN_ALL", 3000)
    for name, sizes, text in (("one", [1001], "has 1001 bytes"), ("all", [900] * 4, "more than 3000 bytes when it is unpacked")):
        path = tmp_path / f"{name}.zip"
        path.write_bytes(zip_bytes([(f"{place}.txt", b" " * size) for place, size in enumerate(sizes)]))
        assert text in _outcome(path)
        folder = tmp_path / name
        write_submission(folder, [(f"{place}.txt", b" " * size) for place, size in enumerate(sizes)])
        assert text in _outcome(folder)


def test_a_member_that_is_larger_than_it_says(tmp_path):
    path = tmp_path / "liar.zip"
    path.write_bytes(zip_bytes([("a.txt", b" " * 5000)]))
    path.write_bytes(path.read_bytes().replace((5000).to_bytes(4, "little"), (50).to_bytes(4, "little")))
    assert "is no zip file that can be read" in _outcome(path)


def test_links_and_doubled_names_are_refused(tmp_path):
    path = tmp_path / "link.zip"
    info = zipfile.ZipInfo("a_001.txt")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(info, "/etc/passwd")
    assert "a_001.txt is a link" in _outcome(path)
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.txt", "1")
        out.writestr("b.txt", "2")
    path.write_bytes(path.read_bytes().replace(b"b.txt", b"a.txt"))
    assert "a.txt is in it twice" in _outcome(path)


# --- command line --------------------------------------------------------------------------------------------------------


def _lockon(*args):
    return CliRunner().invoke(app, ["bench", *map(str, args)])


def test_command_line(tmp_path):
    _store(tmp_path / "s", [_record(name) for name in GOT10K])
    done = _lockon("pack", tmp_path / "s", "--for", "got10k", "--out", tmp_path / "T.zip")
    assert done.exit_code == 0, done.output
    assert "180 sequences in 360 files" in done.stderr
    assert "180 sequences, 180 files of boxes: valid" in done.stderr
    assert _lockon("validate", tmp_path / "T.zip", "--for", "got10k").exit_code == 0
    wrong = _lockon("validate", tmp_path / "T.zip", "--for", "trackingnet")
    assert wrong.exit_code == 1
    assert "has no place in a submission to the TrackingNet server" in wrong.stdout
    missing = _lockon("validate", tmp_path / "nothing.zip", "--for", "got10k")
    assert missing.exit_code == 2
    assert missing.stderr.startswith("error: ")


@pytest.mark.parametrize("lines", [[4, 3], [4, 4, 9], [1, 4]])
def test_repetitions_of_different_lengths_are_a_problem(lines, tmp_path):
    folder = tmp_path / "T" / "GOT-10k_Test_000001"
    folder.mkdir(parents=True)
    for number, count in enumerate(lines, start=1):
        (folder / f"{folder.name}_{number:03d}.txt").write_text("10,20,30,40\n" * count)
    found = validate(tmp_path / "T", "got10k")
    assert f"{folder.name}: repetitions of {min(lines)} and {max(lines)} lines are not of one video" in found.problems
