from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lockon.cli._select import BoxPicker, select_boxes
from lockon.errors import LockonError
from lockon.types import Frame

FRAME: Frame = np.zeros((48, 64, 3), np.uint8)


@pytest.fixture
def picker() -> Any:
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    picker = BoxPicker(pyplot, FRAME)
    yield picker
    pyplot.close("all")


def press(picker: Any, key: str) -> None:
    picker._on_key(SimpleNamespace(key=key))


def drag(picker: Any, x1: float, y1: float, x2: float, y2: float) -> None:
    """The mouse events of a drag between two points of the picture."""
    from matplotlib.backend_bases import MouseEvent

    canvas = picker.figure.canvas
    for name, x, y in (("button_press_event", x1, y1), ("motion_notify_event", x2, y2), ("button_release_event", x2, y2)):
        pixel = picker.axes.transData.transform((x, y))
        canvas.callbacks.process(name, MouseEvent(name, canvas, *pixel, button=1))


def test_one_box(picker: Any) -> None:
    drag(picker, 10, 12, 30, 28)
    press(picker, "enter")
    assert picker.boxes() == pytest.approx([10, 12, 20, 16])


def test_any_corner_may_come_first(picker: Any) -> None:
    drag(picker, 30, 12, 10, 28)
    assert picker.boxes() == pytest.approx([10, 12, 20, 16])


def test_several_boxes(picker: Any) -> None:
    drag(picker, 10, 12, 30, 28)
    press(picker, "n")
    drag(picker, 40, 5, 50, 10)
    press(picker, "enter")
    assert picker.boxes() == pytest.approx(np.array([[10, 12, 20, 16], [40, 5, 10, 5]]))


def test_one_box_and_n(picker: Any) -> None:
    drag(picker, 10, 12, 30, 28)
    press(picker, "n")
    assert picker.boxes() == pytest.approx([10, 12, 20, 16])


def test_nothing_drawn(picker: Any) -> None:
    press(picker, "n")
    press(picker, "enter")
    with pytest.raises(LockonError, match="no box was drawn"):
        picker.boxes()


def test_giving_up(picker: Any) -> None:
    drag(picker, 10, 12, 30, 28)
    press(picker, "escape")
    with pytest.raises(LockonError, match="no box was drawn"):
        picker.boxes()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells by the environment")
def test_no_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    with pytest.raises(LockonError, match="needs a display"):
        select_boxes(FRAME)


def test_no_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(LockonError, match=r"pip install .*\[app\]"):
        select_boxes(FRAME)


def test_no_window_toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setitem(sys.modules, "matplotlib", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", SimpleNamespace(get_backend=lambda: "agg"))
    with pytest.raises(LockonError, match="no window toolkit"):
        select_boxes(FRAME)
