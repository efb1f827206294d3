from __future__ import annotations

import os
import subprocess
import sys
import warnings
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

import lockon
from lockon import cli
from lockon._require import install_command
from lockon.errors import LockonError, LockonWarning

RUN = CliRunner()


def app_that(action: Any) -> typer.Typer:
    """An app with our error handling around one command."""
    app = typer.Typer(cls=cli._Group, pretty_exceptions_enable=False)
    app.command("go")(action)
    app.command("other")(lambda: None)
    return app


def fail(error: BaseException) -> Any:
    def action() -> None:
        raise error

    return action


def test_mistakes_are_one_line_and_exit_2() -> None:
    result = RUN.invoke(app_that(fail(LockonError("no such\nfile"))), ["go"])
    assert (result.exit_code, result.stderr, result.stdout) == (2, "error: no such file\n", "")


def test_a_missing_extra_is_one_line() -> None:
    result = RUN.invoke(app_that(fail(ModuleNotFoundError("No module named 'torch'", name="torch"))), ["go"])
    assert result.exit_code == 2
    assert result.stderr == f"error: this needs torch, which is not installed; type: {install_command('torch')}\n"


def test_a_broken_module_of_ours_is_no_missing_extra() -> None:
    result = RUN.invoke(app_that(fail(ModuleNotFoundError("No module named 'lockon.lost'", name="lockon.lost"))), ["go"])
    assert result.exit_code == 1
    assert "unexpected ModuleNotFoundError: No module named 'lockon.lost'; please report it" in result.stderr


def test_interrupts_exit_130() -> None:
    result = RUN.invoke(app_that(fail(KeyboardInterrupt())), ["go"])
    assert (result.exit_code, result.stderr) == (130, "interrupted\n")


def test_our_warnings_are_one_line_each_once() -> None:
    def action() -> None:
        for text in ("frame 3 skipped", "frame 3 skipped", "frame 4 skipped"):
            warnings.warn(text, LockonWarning, stacklevel=1)

    result = RUN.invoke(app_that(action), ["go"])
    assert (result.exit_code, result.stderr) == (0, "warning: frame 3 skipped\nwarning: frame 4 skipped\n")


def test_other_warnings_are_left_alone() -> None:
    def action() -> None:
        warnings.warn("old", DeprecationWarning, stacklevel=1)

    with pytest.warns(DeprecationWarning, match="old"):
        result = RUN.invoke(app_that(action), ["go"])
    assert "warning: old" not in result.stderr


def test_version() -> None:
    result = RUN.invoke(cli.app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"lockon {lockon.__version__}\n")


def test_every_command_has_help() -> None:
    top = RUN.invoke(cli.app, ["--help"])
    assert top.exit_code == 0
    for name in ("track", "demo", "train", "export", "data", "bench", "zoo"):
        assert f" {name} " in top.stdout
        assert RUN.invoke(cli.app, [name, "--help"]).exit_code == 0


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; sys.argv = ['lockon', '--help']\n"
        "from lockon.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'numpy', 'cv2', 'torch', 'onnxruntime', 'matplotlib', 'openvino'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(os.name == "nt", reason="pipes break differently on Windows")
def test_a_closed_pipe_is_quiet() -> None:
    script = (
        "import typer, lockon.cli as cli\n"
        "app = typer.Typer(cls=cli._Group)\n"
        "@app.command()\n"
        "def go():\n"
        "    for number in range(100000): typer.echo(number)\n"
        "@app.command()\n"
        "def other(): ...\n"
        "app(['go'])\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "0\n"
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(30) == 0
