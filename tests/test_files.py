from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lockon._documents import read_json_object
from lockon._files import PendingFile, pending_files, refuse_overwriting, write_bytes
from lockon.errors import LockonError


def test_commit_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    pending = PendingFile(path)
    pending.temp.write_text("new")
    assert path.read_text() == "old"
    pending.commit()
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_mode & stat.S_IRUSR


def test_discard_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old")
    pending = PendingFile(path)
    pending.temp.write_text("new")
    pending.discard()
    pending.discard()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a" / "b" / "out.bin", b"123")
    assert (tmp_path / "a" / "b" / "out.bin").read_bytes() == b"123"


def test_a_folder_that_cannot_hold_the_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LockonError, match=r"cannot write .*choose a folder"):
        PendingFile(tmp_path / "file" / "out.txt")
    with pytest.raises(LockonError, match="it is a folder"):
        PendingFile(tmp_path)


@pytest.mark.parametrize(("content", "message"), [("[1]", "holds a list"), ("{", "not a readable JSON file"), (None, "No such file")])
def test_a_file_without_one_json_object(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "some.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(LockonError, match=f"{message}.*; write it again"):
        read_json_object(path, "write it again")
    path.write_text('{"a": 1}')
    assert read_json_object(path, "") == {"a": 1}


def test_links_are_followed_and_stay_links(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    real, link, dangling = tmp_path / "there" / "real.txt", tmp_path / "link.txt", tmp_path / "dangling.txt"
    real.write_text("old")
    link.symlink_to(real)
    dangling.symlink_to(tmp_path / "there" / "new.txt")
    write_bytes(link, b"new")
    write_bytes(dangling, b"made")
    assert link.is_symlink()
    assert dangling.is_symlink()
    assert (real.read_text(), (tmp_path / "there" / "new.txt").read_text()) == ("new", "made")


def test_what_is_no_regular_file_is_written_through(tmp_path: Path) -> None:
    pipe, seen = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: seen.append(pipe.read_bytes()))
    reader.start()
    write_bytes(pipe, b"content")
    reader.join()
    assert seen == [b"content"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_bytes("/dev/null", b"content")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_keeps_what_was_written_before(name: str, tmp_path: Path) -> None:
    code = f"import os; from lockon._files import write_bytes; os.write(1, b'before '); write_bytes({name!r}, b'after')"
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_bytes() == b"before after"
    assert list(tmp_path.iterdir()) == [tmp_path / "out"]


def test_leftovers_of_killed_processes_are_removed_and_files_in_the_making_stay(tmp_path: Path) -> None:
    code = (
        "import sys, time; from lockon._files import PendingFile; p = PendingFile(sys.argv[1]); print(p.temp, flush=True); time.sleep(60)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "x.txt")], stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    dead, alive = (Path(process.stdout.readline().strip()) for process in processes if process.stdout is not None)
    processes[0].kill()
    processes[0].wait()
    assert dead.exists()
    write_bytes(tmp_path / "y.txt", b"")
    assert not dead.exists()
    assert alive.exists()
    processes[1].kill()
    processes[1].wait()


def swept_once(make: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a maker of temporary files: another process takes its first for a leftover before it could be locked."""
    swept = False

    def made(*args: Any, **keywords: Any) -> Any:
        nonlocal swept
        result = make(*args, **keywords)
        path = Path(result if isinstance(result, str) else result[1])
        if not swept:
            path.rmdir() if path.is_dir() else path.unlink()
            swept = True
        return result

    return made


def test_a_file_that_another_process_sweeps_at_once_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.mkstemp", swept_once(tempfile.mkstemp))
    monkeypatch.setattr("tempfile.mkdtemp", swept_once(tempfile.mkdtemp))
    write_bytes(tmp_path / "a.txt", b"a")
    with pending_files(tmp_path) as folder:
        (folder / "b.txt").write_text("b")
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["a", "b"]


@pytest.mark.parametrize("name", ["x" * 300, "a\0b", "loop/file", "y" * 300 + "/file"])
def test_names_that_no_file_can_have_are_one_line(name: str, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(LockonError, match="cannot write"):
        write_bytes(tmp_path / name, b"")
    assert list(tmp_path.iterdir()) == [tmp_path / "loop"]


def limited(code: str, folder: Path, size: int = 4096) -> subprocess.CompletedProcess[str]:
    """Run code in a process whose files cannot grow past a size: writing fails as on a full disk."""
    before = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}));"
    return subprocess.run([sys.executable, "-c", before + code], cwd=folder, capture_output=True, text=True, check=False)


def test_a_full_disk_leaves_the_older_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    done = limited("from lockon._files import write_bytes; write_bytes('out.bin', bytes(100_000))", tmp_path)
    assert "OutputError: cannot write out.bin: File too large" in done.stderr
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_vanishes_is_one_line(tmp_path: Path) -> None:
    pending = PendingFile(tmp_path / "gone" / "out.txt")
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(LockonError, match=r"cannot write .*out.txt: No such file"):
        pending.commit()


def test_several_files_are_put_in_place_together(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(ZeroDivisionError), pending_files(tmp_path) as folder:
        (folder / "a.txt").write_text(f"half {1 / 0}")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]
    with pending_files(tmp_path) as folder:
        (folder / "a.txt").write_text("new")
        (folder / "b.txt").write_text("other")
    assert sorted(path.read_text() for path in tmp_path.iterdir()) == ["new", "other"]


def test_outputs_that_are_sources_are_refused_under_every_name(tmp_path: Path) -> None:
    clip, other = tmp_path / "clip.mp4", tmp_path / "other.mp4"
    clip.write_bytes(b"")
    (tmp_path / "soft.mp4").symlink_to(clip)
    (tmp_path / "hard.mp4").hardlink_to(clip)
    (tmp_path / "folder").mkdir()
    for name in ("clip.mp4", "soft.mp4", "hard.mp4", "folder/../clip.mp4", "./clip.mp4"):
        with pytest.raises(LockonError, match=r"--out .*would overwrite the source .*; choose another name"):
            refuse_overwriting([("--out", tmp_path / name)], [clip])
    with pytest.raises(LockonError, match=r"--mask .*would overwrite the source"):
        refuse_overwriting([("--mask", tmp_path / "folder")], [tmp_path / "folder/"])
    with pytest.raises(LockonError, match=r"--save .*would overwrite what --out writes"):
        refuse_overwriting([("--out", other), ("--save", tmp_path / "folder" / ".." / "other.mp4")], [clip])
    refuse_overwriting([("--out", other), ("--save", tmp_path / "boxes.csv")], [clip, "rtsp://camera/1", tmp_path / "missing"])
    refuse_overwriting([("--save", Path("-")), ("--save", Path("/dev/stdout")), ("--mask", Path("/dev/null"))], ["/dev/null"])
