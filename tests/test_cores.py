from __future__ import annotations

import os

import pytest

from lockon._cores import usable_cores


def test_cores_of_this_process_alone_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5}, raising=False)
    assert usable_cores() == 2


def test_where_the_system_does_not_say() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delattr(os, "sched_getaffinity", raising=False)
        patch.setattr(os, "cpu_count", lambda: None)
        assert usable_cores() == 1
