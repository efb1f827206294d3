"""Measure the shape of the package: lines, files, functions, signatures, folders that import each other, circles, import time.

    python benchmarks/code_metrics.py [SOURCE_FOLDER ...]

Each folder is a checkout's ``src/lockon``; without one this checkout's is measured. One column per folder, as a Markdown table.
"""

from __future__ import annotations

import argparse
import ast
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef
MAX_FUNCTION, MAX_PARAMETERS, IMPORT_RUNS = 60, 8, 15


def functions(tree: ast.Module) -> Iterator[Function]:
    """Yield every function and method of a module."""
    yield from (node for node in ast.walk(tree) if isinstance(node, Function))


def parameters(function: Function) -> int:
    """Return the number of parameters of a function, `self` and `cls` left out."""
    names = [item.arg for item in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)]
    return len([name for name in names if name not in ("self", "cls")])


def imported(tree: ast.Module, modules: set[str], *, at_load: bool) -> set[str]:
    """Return the package's own modules that a module imports, at load only or anywhere in it; imports for types do not count."""
    found: set[str] = set()
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, Function) and at_load:
            continue
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{item.name}" if f"{node.module}.{item.name}" in modules else node.module for item in node.names}
        elif isinstance(node, ast.Import):
            found |= {item.name for item in node.names}
        stack.extend(ast.iter_child_nodes(node))
    return found & modules


def code_lines(text: str) -> int:
    """Return the number of lines of a file that are neither blank, nor a comment, nor part of a docstring."""
    tree = ast.parse(text)
    left_out: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | Function) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            left_out |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    rows = enumerate(text.splitlines(), start=1)
    return sum(bool(row.strip()) and not row.strip().startswith("#") and number not in left_out for number, row in rows)


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Return the sets of modules that import each other, directly or not (strongly connected, more than one)."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            for following in graph[stack.pop()] - seen:
                seen.add(following)
                stack.append(following)
        return seen

    reach = {module: reached(module) for module in graph}
    groups = {frozenset(other for other in reach[module] if module in reach[other]) for module in graph if module in reach[module]}
    return [set(group) for group in groups if len(group) > 1]


def import_time(source: Path) -> float:
    """Return the median milliseconds of ``import lockon`` in a fresh interpreter, the interpreter's own start taken off."""

    def run(code: str) -> float:
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, env={**os.environ, "PYTHONPATH": str(source.parent)})
        return time.perf_counter() - begin

    pairs = [(run("import lockon"), run("pass")) for _ in range(IMPORT_RUNS)]
    return 1000 * statistics.median(with_it - without for with_it, without in pairs)


def measure(source: Path) -> dict[str, str]:
    """Return the metrics of one package, by what they are."""
    files = sorted(source.rglob("*.py"))
    lines = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in files}
    trees = {file: ast.parse(file.read_text(encoding="utf-8")) for file in files}
    names = {file: ".".join(file.relative_to(source.parent).with_suffix("").parts).removesuffix(".__init__") for file in files}
    modules = set(names.values())
    every = [function for tree in trees.values() for function in functions(tree)]
    lengths = [(function.end_lineno or function.lineno) - function.lineno + 1 for function in every]
    folders = {name: name.rpartition(".")[0] if not (source.parent / name.replace(".", "/")).is_dir() else name for name in modules}
    graph = {names[file]: imported(tree, modules, at_load=False) - {names[file]} for file, tree in trees.items()}
    arrows = {(folders[a], folders[b]) for a, targets in graph.items() for b in targets if folders[a] != folders[b]}
    at_load = {names[file]: imported(tree, modules, at_load=True) - {names[file]} for file, tree in trees.items()}
    classes = [node.name for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    literals = sum(
        isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("Literal", "typing.Literal")
        for tree in trees.values()
        for node in ast.walk(tree)
    )
    return {
        "lines": f"{sum(lines.values()):,}",
        "lines without docstrings, comments, blanks": f"{sum(code_lines(file.read_text(encoding='utf-8')) for file in files):,}",
        "files": str(len(files)),
        "median file": f"{statistics.median(lines.values()):.0f}",
        "longest file": str(max(lines.values())),
        "files over 300 lines": str(sum(count > 300 for count in lines.values())),
        "functions": f"{len(every):,}",
        "median function": f"{statistics.median(lengths):.0f}",
        f"functions over {MAX_FUNCTION} lines": str(sum(length > MAX_FUNCTION for length in lengths)),
        f"signatures over {MAX_PARAMETERS} parameters": str(sum(parameters(function) > MAX_PARAMETERS for function in every)),
        "of these, not constructors": str(sum(parameters(one) > MAX_PARAMETERS and one.name != "__init__" for one in every)),
        "folders": str(len(set(folders.values()))),
        "arrows between folders": str(len(arrows)),
        "circles at load": str(len(circles(at_load))),
        "circles, lazy imports counted": str(len(circles(graph))),
        "class names used twice": str(len({name for name in classes if classes.count(name) > 1 and not name.startswith("_")})),
        "`Literal` types": str(literals),
        "`import lockon`, ms": f"{import_time(source):.1f}",
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sources", nargs="*", type=Path, default=[Path(__file__).parents[1] / "src" / "lockon"])
    columns = [measure(source.resolve()) for source in parser.parse_args().sources]
    print("| metric |" + " |" * len(columns))
    print("|---|" + "--:|" * len(columns))
    for name in columns[0]:
        print(f"| {name} | " + " | ".join(column[name] for column in columns) + " |")


if __name__ == "__main__":
    main()
