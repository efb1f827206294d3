"""The style of the source: sizes of functions, signatures and files, names of classes, forms of docstrings."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from package_tree import FILES, REPOSITORY, tree

# Words that no sentence in the imperative begins with.
NO_VERBS = {"A", "All", "An", "As", "By", "Each", "Every", "For", "How", "Number"}
NO_VERBS |= {"Of", "One", "The", "What", "Where", "Whether", "Which", "Who"}

LINES = 60  # of a function, its docstring included
PARAMETERS = 8  # of a function, `self` not counted
FILE_LINES = 300

# Constructors of networks have one argument per literal number of their paper, and `lockon.track` is all of lockon in one call.
WIDE = {"CARHead.__init__", "RefinerModel.__init__", "track"}

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


def test_docstrings_begin_with_a_verb() -> None:
    assert without_a_verb() == []


def test_an_entry_of_a_docstring_describes_one_name() -> None:
    assert packed_entries() == []


def test_functions_are_short() -> None:
    lengths = {f"{file}:{name}": (node.end_lineno or 0) - node.lineno + 1 for file, name, node in functions()}
    assert {name: length for name, length in lengths.items() if length > LINES} == {}


def test_signatures_are_narrow() -> None:
    """More parameters belong in an option group, a frozen dataclass."""
    counts = {f"{file}:{name}": parameters(node) for file, name, node in functions() if name not in WIDE}
    assert {name: count for name, count in counts.items() if count > PARAMETERS} == {}


def parameters(node: Function) -> int:
    every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in every)


def test_functions_that_may_have_more_parameters_exist_and_do() -> None:
    """The list of exceptions stays short."""
    assert {name for _, name, node in functions() if name in WIDE and parameters(node) > PARAMETERS} == WIDE


def test_files_have_one_idea() -> None:
    lengths = {relative(file): len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert {name: length for name, length in lengths.items() if length > FILE_LINES} == {}


def test_a_class_name_means_one_thing() -> None:
    files = defaultdict(set)
    for file in FILES:
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.ClassDef):
                files[node.name].add(relative(file))
    assert {name: sorted(places) for name, places in files.items() if len(places) > 1} == {}


def test_no_file_has_the_marks_of_a_merge_that_was_not_finished() -> None:
    marks = re.compile(r"^(<{7}|>{7}) ", re.MULTILINE)
    folders = [REPOSITORY / name for name in ("src", "tests", "docs", "benchmarks", "examples")]
    files = [file for folder in folders for kind in ("*.py", "*.md", "*.toml") for file in folder.rglob(kind)]
    files += [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("*.toml")]
    assert len(files) > 500
    assert [str(file.relative_to(REPOSITORY)) for file in files if marks.search(file.read_text(encoding="utf-8"))] == []
