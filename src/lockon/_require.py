"""Optional dependencies: a single clear line, instead of a traceback, where an extra of the package is not installed."""

from __future__ import annotations

import importlib
from types import ModuleType

from lockon.errors import LockonError

# Import name of an optional dependency -> the extra of pyproject.toml that brings it.
EXTRAS = {
    "torch": "torch",
    "safetensors": "torch",
    "lightning": "train",
    "lightning_fabric": "train",
    "tensorboard": "train",
    "pycocotools": "train",
    "onnx": "export",
    "onnxscript": "export",
    "openvino": "openvino",
    "matplotlib": "bench",
    "trax": "vot",
    "optuna": "bench",
    "ray": "ray",
    "av": "video",
}


def missing_extra(module: str, extra: str | None = None) -> LockonError | None:
    """Return the error that names the extra to install for a module that is absent; None for a module that no extra brings.

    Args:
        module: Import name, for example "torch.nn".
        extra: The extra to name; None for the smallest one that brings the module.

    >>> str(missing_extra("torch", "train"))
    'this needs torch, which is not installed; type: pip install "lockon[train]"'
    """
    name = module.partition(".")[0]
    if name not in EXTRAS:
        return None
    return LockonError(f'this needs {name}, which is not installed; type: pip install "lockon[{extra or EXTRAS[name]}]"')


def require(module: str, extra: str | None = None) -> ModuleType:
    """Import an optional dependency.

    Args:
        module: Import name, for example "torch" or "matplotlib.pyplot".
        extra: The extra to name in the error; None for the smallest one that brings the module.

    Raises:
        LockonError: The module's package is not installed.
        ImportError: The package is installed but broken; left as it is.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        missing = missing_extra(error.name or module, extra)
        if missing is None:
            raise
        raise missing from None


__all__ = ["EXTRAS", "missing_extra", "require"]
