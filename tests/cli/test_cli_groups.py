"""Groups of options: what typer sees of a command that takes dataclasses, and what the command gets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from lockon.cli._options import DataOptions, TrackerOptions, option_groups
from lockon.errors import LockonError


@dataclass(frozen=True, kw_only=True)
class Size:
    """Needs a height."""

    height: Annotated[int, typer.Option("--height", min=1)]
    tags: Annotated[list[str] | None, typer.Option("--tag")] = None


def made(seen: list[object]) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @option_groups
    def build(*, name: Annotated[str, typer.Argument()], size: Size, loud: Annotated[bool, typer.Option("--loud")] = False) -> None:
        """Build it."""
        seen.extend([name, size, loud])

    return app


def test_fields_are_options_in_their_place() -> None:
    seen: list[object] = []
    result = CliRunner().invoke(made(seen), ["tower", "--tag", "a", "--height", "3", "--tag", "b"])
    assert result.exit_code == 0, result.output
    assert seen == ["tower", Size(height=3, tags=["a", "b"]), False]
    text = CliRunner().invoke(made([]), ["--help"]).output
    assert "Build it." in text
    assert text.index("--height") < text.index("--tag") < text.index("--loud")


@pytest.mark.parametrize("words", [["tower"], ["tower", "--height", "0"], ["tower", "--height", "2", "--width", "1"]])
def test_fields_are_checked_as_options_are(words: list[str]) -> None:
    assert CliRunner().invoke(made([]), words).exit_code == 2


def test_groups_of_many_commands() -> None:
    (spec,) = TrackerOptions(settings=["localizer.size_lr=0.5"]).specs("lockon-s")
    assert (spec.label, spec.overrides) == ("lockon-s", {"localizer.size_lr": 0.5})
    with pytest.raises(LockonError, match="--trackers has no names"):
        TrackerOptions().specs()
    assert DataOptions(sequences=["a,b", "c"]).wanted == ["a", "b", "c"]
    with pytest.raises(LockonError, match="no --data; give datasets"):
        DataOptions().load()
