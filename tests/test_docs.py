"""README and docs/: links lead somewhere, commands exist with their options, snippets run, pages are found and easy to read."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer

import layer_table
from lockon.config import apply_overrides
from lockon.localizers.dense import LocalizerConfig
from lockon.localizers.masks import MaskConfig
from lockon.localizers.score import DualModalScore, SigmoidScore
from lockon.tracker import TrackerConfig
from lockon.video import open_frames
from lockon.video_write import VideoWriter
from lockon.zoo.registry import TRACKERS, card
from package_tree import REPOSITORY, SOURCE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DOCS = REPOSITORY / "docs"
PAGES = [*REPOSITORY.glob("*.md"), *sorted(DOCS.rglob("*.md"))]
LONGEST_LINE = 120
FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)

# What the snippets take as given; they run one after another per page, in a folder with a video and annotated videos.
PREAMBLE = """
import cv2, lockon, pathlib
capture = cv2.VideoCapture("clip.mp4")
first_frame, next_frame = (cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(2))
(x, y, w, h), root = (100, 80, 40, 60), pathlib.Path("mine")
"""


def name_of(page: Path) -> str:
    return str(page.relative_to(REPOSITORY))


def blocks(page: Path, *languages: str) -> list[str]:
    return [code for language, code in FENCE.findall(page.read_text(encoding="utf-8")) if language in languages]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_files(page: Path) -> None:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    targets = [target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", target)]
    assert [target for target in targets if target and not page.parent.joinpath(target).exists()] == []


NAMED_FILE = re.compile(r"`((?:src/|lockon/|tests/|benchmarks/|examples/|docs/)[\w./-]+)`")
MADE_BY_THE_READER = {"lockon/zoo/template_matching.py"}  # files that a page asks its reader to add


def test_files_that_pages_name_exist() -> None:
    named = {(name_of(page), path) for page in PAGES for path in NAMED_FILE.findall(page.read_text(encoding="utf-8"))}
    missing = [where for where in named if not any(REPOSITORY.joinpath(folder, where[1]).exists() for folder in ("", "src"))]
    assert sorted(where for where in missing if where[1] not in MADE_BY_THE_READER) == []
    assert len(named) > 20


def test_pages_that_the_code_names_exist() -> None:
    files = [path for path in (*SOURCE.rglob("*"), *REPOSITORY.joinpath("benchmarks").glob("*.py")) if path.suffix in (".py", ".md")]
    named = {(file, page) for file in files for page in re.findall(r"docs/[\w/-]+\.md", file.read_text(encoding="utf-8"))}
    assert sorted(f"{file}: {page}" for file, page in named if not REPOSITORY.joinpath(page).exists()) == []
    assert len(named) > 5


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_lines_are_short(page: Path) -> None:
    """A long line cannot be reviewed: break it, shorten the cells of a table, or make the table a list."""
    lines = page.read_text(encoding="utf-8").splitlines()
    assert [number for number, line in enumerate(lines, start=1) if len(line) > LONGEST_LINE] == []


def navigation(entry: Any) -> Iterator[str]:
    """Yield the pages of a navigation as zensical.toml nests it."""
    if isinstance(entry, str):
        yield entry
    else:
        for child in entry.values() if isinstance(entry, dict) else entry:
            yield from navigation(child)


def test_every_page_is_in_the_navigation() -> None:
    site = tomllib.loads(REPOSITORY.joinpath("zensical.toml").read_text(encoding="utf-8"))["project"]
    listed = list(navigation(site["nav"]))
    assert sorted(listed) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_page_begins_by_saying_what_it_is_for(page: Path) -> None:
    """A title, and then a paragraph of prose: no table, picture, list or command comes first."""
    title, _, rest = page.read_text(encoding="utf-8").partition("\n\n")
    assert re.fullmatch(r"# .+", title)
    assert re.match(r"[A-Z`*]", rest), rest[:60]


def test_layers_of_the_architecture_page_are_those_that_are_enforced() -> None:
    page = layer_table.PAGE.read_text(encoding="utf-8")
    assert layer_table.page_with(layer_table.layers(), page) == page, "run: python tests/layer_table.py"


def command_lines() -> Iterator[tuple[str, str]]:
    """Where, and the words after `lockon`: of the pages, and of the examples in the commands' help."""
    for page in PAGES:
        for code in blocks(page, "bash", "console", "sh"):
            for line in code.replace("\\\n", " ").splitlines():
                if found := re.search(r"(?:^|\s|bin/)lockon (.+)", line):
                    yield name_of(page), found[1]
    for file in sorted(SOURCE.joinpath("cli").glob("*.py")):
        for line in re.findall(r"^ +(?:torchrun .*)?lockon (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE):
            yield f"cli/{file.name}", line


def test_commands_exist_with_their_options() -> None:
    from lockon.cli import app

    root: Any = typer.main.get_command(app)
    checked, wrong = 0, []
    for where, line in command_lines():
        command, words = root, shlex.split(line, comments=True)
        while words and hasattr(command, "commands"):
            word = words.pop(0)
            if word not in command.commands:
                break
            command = command.commands[word]
        if hasattr(command, "commands"):
            wrong.append(f"{where}: lockon {line}")
            continue
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
        wrong += [f"{where}: no option {option} in: lockon {line}" for option in sorted(given - known)]
        checked += 1
    assert wrong == []
    assert checked > 40


OTHERS = ("refine.", "refiner.", "online.", "fusion.")  # of what works with a tracker


def inference_settings() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the inference parameters that each command of the pages sets or searches: a value each, by their dotted names."""
    for where, line in command_lines():
        words = shlex.split(line, comments=True)
        if words[0] != "track" and words[:2] not in (["bench", "run"], ["bench", "search"]):
            continue
        settings = [value for option, value in pairwise(words) if option in ("--set", "--vary", "--fixed")]
        named = dict(re.fullmatch(r"(?:[\w-]+:)?([\w.]+)=([^:,]*).*", setting).groups() for setting in settings)  # type: ignore[union-attr]
        yield f"{where}: lockon {line}", {name: value for name, value in named.items() if not name.startswith(OTHERS)}


def tracked_config(command: str) -> Any:
    """Return the configuration of a tracker that the command names, of another kind than `TrackerConfig` where there is one."""
    alone = re.sub(r"--online(-weights)? \S+", "", command)
    score = SigmoidScore() if alone == command else DualModalScore()
    named = [card(name).config for name in TRACKERS if name in re.split(r"[\s=]", alone)]
    others = [config for config in named if config is not None and not isinstance(config, TrackerConfig)]
    return others[0] if others else TrackerConfig(mask=MaskConfig(), localizer=LocalizerConfig(score=score))


def test_inference_settings_exist() -> None:
    """Names and values of `--set` fit the configuration of a tracker; those of a factory of one's own are its business."""
    checked = 0
    for command, settings in inference_settings():
        if "my_module:" not in command:
            apply_overrides(tracked_config(command), settings)  # raises LockonError
            checked += len(settings)
    assert checked > 10


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder as the pages assume it: clip.mp4, videos/, mine/ and OTB100.json."""
    sys.path.insert(0, str(REPOSITORY / "examples"))
    try:
        from moving_patch import write_videos
    finally:
        sys.path.pop(0)
    path: Path = tmp_path_factory.mktemp("docs")
    with open_frames(SOURCE / "assets" / "big_buck_bunny.mp4") as reader, VideoWriter(path / "clip.mp4", reader.fps) as video:
        for number, image in reader:
            if number == 12:
                break
            video.write(image)
    write_videos(path / "videos", count=1, length=8)
    path.joinpath("mine", "walk", "frames").mkdir(parents=True)
    path.joinpath("mine", "walk", "frames", "1.jpg").write_bytes(b"")  # frames are not read before they are asked for
    path.joinpath("mine", "walk", "truth.txt").write_text("1,2,3,4\n")
    path.joinpath("OTB100.json").write_text('{"Deer": {"gt_rect": [[1, 2, 3, 4]], "img_names": ["Deer/img/0001.jpg"]}}')
    return path


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=name_of)
def test_snippets_run(page: Path, folder: Path) -> None:
    code = "\n".join([PREAMBLE, *blocks(page, "python")])
    if "TorchModel" in code:
        pytest.importorskip("torch", reason="needs the torch extra")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [str(SOURCE.parent), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr
