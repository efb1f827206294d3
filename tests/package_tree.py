"""The source tree as the structural tests see it: files, module names, and the imports in them."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
SOURCE = REPOSITORY / "src" / "lockon"
FILES = sorted(SOURCE.rglob("*.py"))

# What `pip install lockon` brings; everything else third-party belongs to an extra.
CORE_PACKAGES = frozenset({"numpy", "cv2", "onnxruntime", "typer", "rich", "tomli"})

# Modules, and packages with all that is in them, that import packages of an extra when they are loaded. All others are
# the core: they work, or say which extra to install, where torch is absent.
NEEDS_EXTRA = (
    "lockon.ops.torch",
    "lockon.models",
    "lockon.train",
    "lockon.export.graphs",
    "lockon.export.onnx",
    "lockon.export.device_tensor",
    "lockon.export.torch_model",
    "lockon.export.torch_online",
    "lockon.studies",
    "lockon.zoo.convert",
    "lockon.zoo.distillation",
    "lockon.zoo.external_weights",
    "lockon.zoo.network_cost",
    "lockon.zoo.lockon_s_data",
    "lockon.zoo.dense_losses",
    "lockon.zoo.one_stream_training",
    "lockon.zoo.duml_training",
    "lockon.zoo.online_training",
    "lockon.zoo.pysot_training",
    "lockon.zoo.pytracking_training",
    "lockon.zoo.recipe_config",
    "lockon.zoo.refine_training",
    "lockon.zoo.training_data",
    "lockon.zoo.restricted_pickle",
    "lockon.zoo.track_points_losses",
    "lockon.zoo.training",
    "lockon.zoo.training_cost",
)
WITHOUT_EXTRA = ("lockon.models", "lockon.models.choices", "lockon.models.point_choices")  # of these packages, what needs none


@dataclass(frozen=True)
class Import:
    """One imported module: where it is named, and whether the import runs when the file is loaded."""

    module: str
    line: int
    at_load: bool
    typing_only: bool


def module_name(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_within(module: str, *packages: str) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def needs_extra(module: str) -> bool:
    return is_within(module, *NEEDS_EXTRA) and module not in WITHOUT_EXTRA


def core_modules() -> list[str]:
    return [name for name in map(module_name, FILES) if not needs_extra(name)]


@cache
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


@cache
def imports(file: Path) -> tuple[Import, ...]:
    """Every import in the file, submodules resolved: `from lockon import config` is lockon.config."""
    return tuple(_imports(tree(file), at_load=True, typing_only=False))


def _imports(node: ast.AST, *, at_load: bool, typing_only: bool) -> list[Import]:
    found = []
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            found += [Import(alias.name, child.lineno, at_load, typing_only) for alias in child.names]
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, f"line {child.lineno}: imports are absolute in this package"
            names = {_resolve(child.module or "", alias.name) for alias in child.names}
            found += [Import(name, child.lineno, at_load, typing_only) for name in sorted(names)]
        elif isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            found += _imports(child, at_load=False, typing_only=typing_only)
        elif isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            found += _imports(child, at_load=False, typing_only=True)
        else:
            found += _imports(child, at_load=at_load, typing_only=typing_only)
    return found


def _resolve(module: str, name: str) -> str:
    """The module that `from module import name` loads."""
    if module.partition(".")[0] != "lockon":
        return module
    path = SOURCE.joinpath(*module.split(".")[1:], name)
    return f"{module}.{name}" if path.is_dir() or path.with_suffix(".py").is_file() else module
