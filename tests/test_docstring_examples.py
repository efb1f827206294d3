"""The examples in docstrings run, and print what they show."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import numpy as np
import pytest

import lockon
from package_tree import FILES, module_name, needs_extra

WITH_EXAMPLES = [file for file in FILES if ">>> " in file.read_text(encoding="utf-8")]


@pytest.mark.parametrize("file", WITH_EXAMPLES, ids=map(module_name, WITH_EXAMPLES))
def test_examples_of_a_module_run(file: Path) -> None:
    if needs_extra(module_name(file)):
        pytest.importorskip("torch")
    module = importlib.import_module(module_name(file))
    finder, runner = doctest.DocTestFinder(), doctest.DocTestRunner(verbose=False)
    report: list[str] = []
    for example in finder.find(module, extraglobs={"np": np, "lockon": lockon}):
        runner.run(example, out=report.append)
    assert runner.failures == 0, "".join(report)
