"""Optional dependencies: a single clear line, instead of a traceback, where an extra of the package is not installed."""

from __future__ import annotations

import importlib
import json
from functools import lru_cache
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

    >>> str(missing_extra("torch", "train"))  # doctest: +ELLIPSIS
    'this needs torch, which is not installed; type: pip install ...'
    """
    name = module.partition(".")[0]
    if name not in EXTRAS:
        return None
    return LockonError(f"this needs {name}, which is not installed; type: {install_command(extra or EXTRAS[name])}")


@lru_cache
def install_command(extra: str) -> str:
    """Return the command that installs an extra, as it works for how lockon itself was installed.

    >>> install_command("torch").startswith("pip install ")
    True
    """
    from importlib import metadata  # 20 ms, of errors only
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    try:
        origin = metadata.distribution("lockon").read_text("direct_url.json")
    except metadata.PackageNotFoundError:  # run from a folder: there is nothing that could have extras
        return f"pip install {' '.join(sorted(module.replace('_', '-') for module, one in EXTRAS.items() if one == extra))}"
    if origin is None:  # from an index
        return f'pip install "lockon[{extra}]"'
    stated = json.loads(origin)
    url = str(stated.get("url", ""))
    if "dir_info" not in stated:  # a wheel, a repository
        return f'pip install "lockon[{extra}] @ {url}"'
    editable = "-e " if stated["dir_info"].get("editable") else ""
    return f'pip install {editable}"{url2pathname(urlsplit(url).path)}[{extra}]"'


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
