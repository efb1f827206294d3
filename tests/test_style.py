"""The style of the source: forms of docstrings."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from package_tree import FILES, REPOSITORY, tree

# Words that no sentence in the imperative begins with.
NO_VERBS = {"A", "All", "An", "As", "By", "Each", "Every", "For", "How", "Number"}
NO_VERBS |= {"Of", "One", "The", "What", "Where", "Whether", "Which", "Who"}

# Rooms whose docstrings follow the rules, and files in them that do not yet.
CLEAN_ROOMS = (
    "lockon/_",
    "lockon/annotation",
    "lockon/api.py",
    "lockon/apps/",
    "lockon/bench/formats/",
    "lockon/bench/metrics/",
    "lockon/bench/search/",
    "lockon/cli/_",
    "lockon/cli/bench_files.py",
    "lockon/cli/bench_search.py",
    "lockon/cli/data.py",
    "lockon/data/check",
    "lockon/data/datasets/",
    "lockon/data/paths.py",
    "lockon/data/sequence.py",
    "lockon/draw.py",
    "lockon/errors.py",
    "lockon/export/",
    "lockon/models/",
    "lockon/ops/",
    "lockon/video",
)
NOT_YET = (
    "lockon/bench/search/bench.py",
    "lockon/cli/_analysis.py",
    "lockon/cli/_trackers.py",
    "lockon/export/ports.py",
    "lockon/export/torch_model.py",
    "lockon/ops/crop",
    "lockon/ops/stretched_crop.py",
)

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, str, Function]]:
    """Yield file, qualified name and node of every function and method."""
    for file in FILES:
        yield from ((relative(file), name, node) for name, node in _functions(tree(file), ""))


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, Function]]:
    for child in ast.iter_child_nodes(node):
        name = f"{prefix}.{child.name}".lstrip(".") if isinstance(child, Function | ast.ClassDef) else prefix
        if isinstance(child, Function):
            yield name, child
        yield from _functions(child, name)


def relative(file: Path) -> str:
    return file.relative_to(REPOSITORY / "src").as_posix()


def is_property(node: Function) -> bool:
    return any("property" in ast.unparse(decorator) for decorator in node.decorator_list)


def without_a_verb() -> list[str]:
    """Return the functions whose docstring does not begin with a word that can be a verb; properties may begin with a noun."""
    found = []
    for file, name, node in functions():
        text = ast.get_docstring(node)
        if text and not is_property(node) and not may_be_a_verb(text.split()[0].strip(".,:;")):
            found.append(f"{file}:{name}: {text.splitlines()[0]}")
    return found


def may_be_a_verb(word: str) -> bool:
    """Return whether a word is none of `NO_VERBS`, no code, no plural and no third person."""
    return re.fullmatch(r"[A-Z][a-z]+", word) is not None and word not in NO_VERBS and (word.endswith("ss") or not word.endswith("s"))


def test_words_that_are_no_verbs_are_known() -> None:
    words = ("Return", "Compress", "Returns", "Boxes", "The", "(T,)", "`iou`", "IoU")
    assert [word for word in words if may_be_a_verb(word)] == ["Return", "Compress"]


def packed_entries() -> list[str]:
    """Return the lines of Args and Attributes that describe several names."""
    found = []
    for file in FILES:
        for node in ast.walk(tree(file)):
            text = ast.get_docstring(node) if isinstance(node, Function | ast.ClassDef) else None
            parts = re.split(r"^(?:Args|Attributes):$", text or "", flags=re.M)[1:]
            lines = [line for part in parts for line in re.split(r"^\S", part, flags=re.M)[0].splitlines()]
            found += [f"{relative(file)}: {line.strip()}" for line in lines if re.match(r"    \*{0,2}\w+(, \*{0,2}\w+)+: ", line)]
    return found


@pytest.mark.parametrize("room", CLEAN_ROOMS)
def test_docstrings_begin_with_a_verb(room: str) -> None:
    assert [line for line in without_a_verb() if line.startswith(room) and not line.startswith(NOT_YET)] == []


@pytest.mark.parametrize("room", CLEAN_ROOMS)
def test_an_entry_of_a_docstring_describes_one_name(room: str) -> None:
    assert [line for line in packed_entries() if line.startswith(room) and not line.startswith(NOT_YET)] == []
