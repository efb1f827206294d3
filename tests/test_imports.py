"""The structure of the package, read from its source: layers, where torch may be, and habits that are not wanted."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from lockon.zoo.registry import REFINERS, TRACKERS
from package_tree import CORE_PACKAGES, FILES, REPOSITORY, SOURCE, Import, imports, is_within, module_name, needs_extra, tree

# Rooms, by the modules in them; a module belongs to the longest name that it starts with.
LAYERS = {
    "lockon.errors": "base",
    "lockon.types": "base",
    "lockon.config": "base",
    "lockon._config_values": "base",
    "lockon._require": "base",
    "lockon._files": "base",
    "lockon._shown": "base",
    "lockon._names": "base",
    "lockon._documents": "base",
    "lockon._weights": "base",
    "lockon._one_thread": "base",
    "lockon._background": "base",
    "lockon._cores": "base",
    "lockon._seeds": "base",
    "lockon._signals": "base",
    "lockon._processes": "base",
    "lockon.box_columns": "base",
    "lockon.box_tables": "base",
    "lockon.ops": "ops",
    "lockon.ops.torch": "ops.torch",
    "lockon.localizers": "localizers",
    "lockon.models": "models",
    "lockon.tracker": "tracker",
    "lockon.session": "tracker",
    "lockon.start_rules": "tracker",
    "lockon.target": "tracker",
    "lockon.driver": "tracker",
    "lockon.online": "online",
    "lockon.refiners": "refiners",
    "lockon.pictures": "video",
    "lockon.video_capture": "video",
    "lockon.video_containers": "video",
    "lockon.video_decoder": "video",
    "lockon.video_numbers": "video",
    "lockon.video_sources": "video",
    "lockon.video_streams": "video",
    "lockon.video": "video",
    "lockon.video_write": "video",
    "lockon.draw": "video",
    "lockon.annotations": "video",
    "lockon.annotation_documents": "video",
    "lockon.data": "data",
    "lockon.train": "train",
    "lockon.train.losses": "train.losses",
    "lockon.train.assigners": "train.assigners",
    "lockon.bench": "bench",
    "lockon.bench.metrics": "bench.metrics",
    "lockon.analysis": "analysis",
    "lockon.export": "export",
    "lockon.zoo": "zoo",
    "lockon.studies": "studies",
    "lockon.api": "api",
    "lockon.cli": "cli",
    "lockon.__main__": "cli",
    "lockon.apps": "apps",
    "lockon": "top",
}

# What each layer may import beside itself: the layers of docs/architecture.md. The table has no cycle (a test below).
MAY_IMPORT = {
    "base": set(),
    "ops": {"base"},
    "ops.torch": {"base", "ops"},
    "localizers": {"base", "ops"},
    "models": {"base", "ops", "ops.torch"},
    "tracker": {"base", "ops", "localizers"},
    "online": {"base", "ops", "localizers", "tracker"},
    "refiners": {"base", "ops", "localizers", "tracker", "online"},
    "video": {"base", "ops"},
    "data": {"base", "ops", "video"},
    "train.losses": {"base", "ops", "ops.torch"},
    "train.assigners": {"base", "ops", "ops.torch"},
    "bench.metrics": {"base", "ops"},
    "train": {"base", "ops", "ops.torch", "models", "data", "tracker", "online", "refiners"}
    | {"bench.metrics", "train.losses", "train.assigners"},
    "bench": {"base", "ops", "data", "tracker", "refiners", "bench.metrics"},
    "analysis": {"base", "ops", "localizers", "data", "tracker", "refiners", "bench", "bench.metrics"},
    "export": {"base", "ops", "tracker", "online"},
    "zoo": {"base", "ops", "ops.torch", "localizers", "models", "tracker", "online", "refiners", "data", "export"}
    | {"train", "train.losses", "train.assigners", "bench", "bench.metrics"},
    "api": {"base", "ops", "tracker", "video", "zoo"},
    "top": {"base", "tracker", "refiners", "zoo", "api"},
    "studies": {"base", "ops", "models", "tracker", "refiners", "data", "train", "bench", "bench.metrics", "analysis", "export", "zoo"},
    "cli": {
        "base",
        "ops",
        "tracker",
        "refiners",
        "video",
        "data",
        "train",
        "bench",
        "bench.metrics",
        "analysis",
        "export",
        "zoo",
        "studies",
        "api",
        "top",
    },
    "apps": {"base", "tracker", "refiners", "data", "zoo", "cli"},
}

MODULES = {module_name(file): file for file in FILES}


def layer_of(module: str) -> str:
    return LAYERS[max((name for name in LAYERS if is_within(module, name)), key=len)]


def every_import() -> list[tuple[Path, Import]]:
    return [(file, one) for file in FILES for one in imports(file)]


def core_imports() -> list[tuple[Path, Import]]:
    return [(file, one) for file, one in every_import() if not needs_extra(module_name(file))]


def where(file: Path, line: int) -> str:
    return f"{file.relative_to(REPOSITORY)}:{line}"


def test_every_module_has_a_layer() -> None:
    """A new top-level module must be given its place in the layers; "top" is the package's own `__init__` alone."""
    assert [name for name in MODULES if layer_of(name) == "top"] == ["lockon"]
    assert [name for name in LAYERS if name not in MODULES] == []


def test_the_table_of_layers_has_no_cycle() -> None:
    remaining = {layer: set(others) for layer, others in MAY_IMPORT.items()}
    assert set(remaining) == set(LAYERS.values())
    while remaining:
        free = [layer for layer, others in remaining.items() if not others & set(remaining)]
        assert free, f"these layers may import each other: {sorted(remaining)}"
        for layer in free:
            del remaining[layer]


def test_imports_follow_the_layers() -> None:
    wrong = []
    for file, one in every_import():
        layer = layer_of(module_name(file))
        allowed = MAY_IMPORT[layer] | {layer}
        if is_within(one.module, "lockon") and layer_of(one.module) not in allowed and not _only_version(file, one):
            wrong.append(f"{where(file, one.line)}: {layer} imports {one.module}; it may import {', '.join(sorted(allowed))}")
    assert wrong == []


def _only_version(file: Path, one: Import) -> bool:
    """`from lockon import __version__` loads nothing but the package itself."""
    nodes = [node for node in ast.walk(tree(file)) if isinstance(node, ast.ImportFrom) and node.lineno == one.line]
    return bool(nodes) and all(alias.name == "__version__" for alias in nodes[0].names)


def test_modules_do_not_import_each_other_in_a_circle() -> None:
    """Imports that run when a module is loaded, in the whole package; in the zoo also those inside functions, and the families."""
    graph = {name: {one.module for one in imports(file) if one.at_load and one.module in MODULES} for name, file in MODULES.items()}
    for name, file in MODULES.items():
        if is_within(name, "lockon.zoo"):
            graph[name] |= {one.module for one in imports(file) if is_within(one.module, "lockon.zoo") and not one.typing_only}
    graph["lockon.zoo.registry"] |= {f"lockon.zoo.{home}" for home in (TRACKERS | REFINERS).values()}
    while free := [name for name, others in graph.items() if not others & graph.keys() - {name}]:
        for name in free:
            del graph[name]
    assert graph == {}, f"a circle is among {sorted(graph)}"


def test_losses_and_assigners_do_not_know_each_other() -> None:
    """The table of layers says so; this says it again for whoever edits the table."""
    assert not MAY_IMPORT["train.losses"] & {"train", "train.assigners", "models"}
    assert not MAY_IMPORT["train.assigners"] & {"train", "train.losses", "models"}


def test_core_loads_core_packages_alone() -> None:
    """NumPy, OpenCV, ONNX Runtime, typer and rich; torch and the like belong to the modules of NEEDS_EXTRA."""
    known = CORE_PACKAGES | sys.stdlib_module_names | {"lockon", "tomllib"}
    wrong = [
        f"{where(file, one.line)}: {one.module}"
        for file, one in core_imports()
        if one.at_load and (one.module.partition(".")[0] not in known or needs_extra(one.module))
    ]
    assert wrong == []


def test_torch_is_named_only_where_it_may_be() -> None:
    """Not inside functions either: whoever needs torch goes through a module of NEEDS_EXTRA."""
    torch_like = ("torch", "torchvision", "safetensors", "lightning", "lightning_fabric")
    assert [where(file, one.line) for file, one in core_imports() if is_within(one.module, *torch_like) and not one.typing_only] == []


def test_metrics_need_numpy_alone() -> None:
    roots = {one.module.partition(".")[0] for file, one in every_import() if is_within(module_name(file), "lockon.bench.metrics")}
    assert roots - sys.stdlib_module_names == {"lockon", "numpy"}


def test_commands_are_light_to_load() -> None:
    """`lockon --help` loads every command file: typer, and of lockon only what imports nothing heavy itself."""
    light = {*sys.stdlib_module_names, "typer"}
    commands = [path for path in SOURCE.joinpath("cli").glob("*.py") if not path.stem.startswith("_") or path.stem == "__init__"]
    wrong = [
        f"{where(file, one.line)}: {one.module}; import it inside the function"
        for file in commands
        for one in imports(file)
        if one.at_load
        and one.module.partition(".")[0] not in light
        and not is_within(one.module, "lockon.cli", "lockon.errors", "lockon._require")
        and one.module != "lockon"
    ]
    assert wrong == []


def test_no_unwanted_habits() -> None:
    found = [f"{where(file, node.lineno)}: {habit}" for file in FILES for node, habit in _habits(tree(file))]
    assert found == []


def _habits(module: ast.Module) -> Iterator[tuple[ast.expr | ast.excepthandler, str]]:
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "print":
            yield node, "print("
        elif isinstance(node, ast.ExceptHandler) and node.type is None:
            yield node, "bare except"
        elif isinstance(node, ast.Name) and node.id == "NotImplementedError":
            yield node, "NotImplementedError"
        elif isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
            yield node, "sys.path"


def _texts() -> list[Path]:
    """Everything that users read or run."""
    folders = ("src/lockon", "docs", "examples", "benchmarks", ".ci")
    files = [path for folder in folders for path in REPOSITORY.joinpath(folder).rglob("*") if path.is_file()]
    kept = [path for path in (*files, *REPOSITORY.glob("*")) if path.suffix in (".py", ".md", ".toml", ".txt", ".json", ".cff", ".sh", "")]
    return sorted(path for path in kept if path.is_file() and "__pycache__" not in path.parts and path.name not in (".git", ".gitignore"))


def test_no_path_of_a_machine() -> None:
    pattern = re.compile(r"(?<![\w.])/(home|work|root|opt|Users)/")
    found = []
    for path in _texts():
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{where(path, number)}: {line.strip()[:80]}")
    assert found == []
