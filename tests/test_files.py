from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lockon._files import PendingFile, read_json_object, write_bytes
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
