"""The TraX program against a client that is a list of requests; the real one is in `test_vot_toolkit`."""

from __future__ import annotations

import configparser
import shlex
import sys
from collections import namedtuple
from types import ModuleType

import cv2
import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from lockon._require import install_command
from lockon.apps import vot
from lockon.cli import app
from lockon.errors import LockonError
from lockon.types import Result

Request = namedtuple("Request", ["type", "image", "objects", "properties"])


class Image:
    def __init__(self, path):
        self._path = str(path)

    def path(self):
        return self._path


class Rectangle:
    def __init__(self, *numbers):
        self.numbers = numbers

    @classmethod
    def create(cls, x, y, width, height):
        return cls(x, y, width, height)

    def bounds(self):
        return self.numbers


class Client:
    """Hands out requests and keeps the answers, as `trax.TraxServer` does."""

    def __init__(self, requests):
        self.requests, self.answers = list(requests), []

    def wait(self):
        return self.requests.pop(0)

    def status(self, objects):
        self.answers.append(objects)


class Mover:
    """Goes right by one pixel per frame, and keeps what it was given."""

    def init(self, frame, box):
        self.box, self.frames = np.asarray(box), [frame]

    def track(self, frame):
        self.frames.append(frame)
        self.box = self.box + np.array([1, 0, 0, 0])
        return Result(self.box, 0.25, "tracked")


@pytest.fixture
def picture(tmp_path):
    image = np.zeros((6, 8, 3), dtype=np.uint8)
    image[..., 0] = 200  # blue in the file's order
    cv2.imwrite(str(tmp_path / "a.png"), image)
    return {"color": Image(tmp_path / "a.png")}


def _start(picture, *numbers):
    return Request("initialize", picture, [(Rectangle(*numbers), {})], {})


def _frame(picture):
    return Request("frame", picture, None, {})


QUIT = Request("quit", None, None, {})


def test_a_session(picture):
    client = Client([_start(picture, 1.5, 2, 3, 4), _frame(picture), _frame(picture), _start(picture, 5, 5, 2, 2), _frame(picture), QUIT])
    tracker = Mover()
    assert vot.serve(tracker, client, Rectangle) == 5
    boxes = [region.numbers for ((region, _),) in client.answers]
    assert boxes == [(1.5, 2, 3, 4), (2.5, 2, 3, 4), (3.5, 2, 3, 4), (5, 5, 2, 2), (6, 5, 2, 2)]
    assert [properties["confidence"] for ((_, properties),) in client.answers] == ["1.000000", *["0.250000"] * 2, "1.000000", "0.250000"]
    assert tracker.frames[0].shape == (6, 8, 3)
    assert tracker.frames[0][0, 0].tolist() == [0, 0, 200]  # RGB


@pytest.mark.parametrize(
    ("requests", "text"),
    [
        (lambda picture: [_frame(picture)], "sent a frame before a target"),
        (lambda picture: [Request("initialize", picture, [], {})], "sent 0 targets"),
        (
            lambda picture: [Request("initialize", picture, [(Rectangle(1, 1, 2, 2), {})] * 2, {})],
            "sent 2 targets; this program tracks one",
        ),
        (lambda picture: [Request("initialize", {"depth": picture["color"]}, [], {})], "sent the channels depth; lockon needs color"),
        (
            lambda picture: [Request("initialize", {"color": Image("missing.png")}, [(Rectangle(1, 1, 2, 2), {})], {})],
            "missing.png does not exist",
        ),
    ],
)
def test_what_a_client_may_not_send(requests, text, picture):
    with pytest.raises(LockonError, match=text):
        vot.serve(Mover(), Client(requests(picture)), Rectangle)


class FakeTrax(ModuleType):
    """`trax` with a server that quits at once."""

    class Region:
        RECTANGLE = "rectangle"

    class Image:
        PATH = "path"

    Rectangle = Rectangle

    class TraxServer:
        def __init__(self, regions, images, tracker_name, tracker_family):
            FakeTrax.hello = (regions, images, tracker_name, tracker_family)

        def __enter__(self):
            return Client([QUIT])

        def __exit__(self, *_):
            return None


def test_the_program_says_hello(monkeypatch):
    monkeypatch.setitem(sys.modules, "trax", FakeTrax("trax"))
    vot.main(tracker="kcf", weights=None, preset="default", device="auto", settings=None)
    assert FakeTrax.hello == (["rectangle"], ["path"], "kcf", "lockon")


def test_without_the_extra_it_says_what_to_install(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "trax", None)
    with pytest.raises(typer.Exit) as caught:
        vot.main(tracker="kcf", weights=None, preset="default", device="auto", settings=None)
    assert caught.value.exit_code == 2
    assert install_command("vot") in capsys.readouterr().err


# --- trackers.ini --------------------------------------------------------------------------------------------------------


def _ini(*args):
    done = CliRunner().invoke(app, ["bench", "vot-ini", *args])
    assert done.exit_code == 0, done.output
    parser = configparser.ConfigParser()  # as the toolkit reads it
    parser.read_string(done.stdout)
    return parser


def test_an_entry_that_the_toolkit_can_read():
    entry = _ini("--tracker", "lockon-s")["lockon-s"]
    assert entry["protocol"] == "trax"
    assert shlex.split(entry["command"]) == [sys.executable, "-m", "lockon.apps.vot", "--tracker", "lockon-s"]


def test_an_entry_with_options(tmp_path):
    weights = tmp_path / "my weights 50%.onnx"
    entry = _ini(
        "--name",
        "wide",
        "--weights",
        str(weights),
        "--device",
        "cpu",
        "--set",
        "search_crop.factor=4.5",
        "localizer.rank.window_influence=0.4",
    )["wide"]
    words = shlex.split(entry["command"])
    assert words[3:] == [
        "--tracker",
        "lockon-s",
        "--weights",
        str(weights),
        "--device",
        "cpu",
        "--set",
        "search_crop.factor=4.5",
        "--set",
        "localizer.rank.window_influence=0.4",
    ]


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--tracker", "lockon"], "did you mean 'lockon-s'"),
        (["--name", "a b"], "letters, digits, - and _ only"),
        (["--set", "window"], "is not name=value"),
    ],
)
def test_unknown_options_of_vot_ini_end_with_status_2(args, text):
    done = CliRunner().invoke(app, ["bench", "vot-ini", *args])
    assert done.exit_code == 2
    assert text in done.stderr
