"""Where datasets lie: `--data-root`, the environment variable LOCKON_DATA, or one TOML file.

A root is a folder that holds datasets by their names (ROOT/OTB100, ROOT/VOT2018, ...) or the dataset's own folder. They
are looked for in this order:

1. the folder that was given (`--data-root DIR`, or `NAME:DIR`): only there;
2. the folder in the environment variable LOCKON_DATA;
3. `~/.config/lockon/data.toml`, or the file in the environment variable LOCKON_CONFIG::

       [roots]
       OTB100 = "/data/OTB100"
       VOT2018 = "/data/vot/2018"
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from lockon.data.datasets.table import DATASETS, FOLDER, POOL, STILLS, known_names, layout_of
from lockon.errors import LockonError, unknown_name

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # type: ignore[import-not-found]

ENVIRONMENT = "LOCKON_DATA"
CONFIG_ENVIRONMENT = "LOCKON_CONFIG"


@dataclass(frozen=True, slots=True)
class Found:
    """A dataset's folder and the way it was found: "--data-root", "LOCKON_DATA" or the TOML file."""

    path: Path
    source: str


def config_file() -> Path:
    """The TOML file with dataset roots, whether or not it exists."""
    given = os.environ.get(CONFIG_ENVIRONMENT)
    return Path(given).expanduser() if given else Path.home() / ".config" / "lockon" / "data.toml"


def read_config() -> dict[str, Path]:
    """Dataset roots of the TOML file by name; empty if there is no such file. Relative paths start at the file's folder.

    Raises:
        LockonError: LOCKON_CONFIG names no file, the file is no TOML, or [roots] is not a table of known names and paths.
    """
    file = config_file()
    if not file.is_file():
        if os.environ.get(CONFIG_ENVIRONMENT):
            raise LockonError(f'{CONFIG_ENVIRONMENT} names {file}, which does not exist; expected a TOML file with [roots] NAME = "path"')
        return {}
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise LockonError(f"{file} is no TOML: {error}") from error
    roots = content.get("roots", {})
    if not isinstance(roots, dict) or not all(isinstance(path, str) for path in roots.values()):
        raise LockonError(f'{file}: expected [roots] with lines NAME = "path", found {roots!r}')
    for name in roots:
        if name not in known_names():
            raise LockonError(f"{file}: {unknown_name('dataset', name, known_names())}")
    return {name: file.parent / Path(path).expanduser() for name, path in roots.items()}


def find_root(name: str, data_root: Path | str | None = None) -> Path:
    """The folder of a dataset; see `find`."""
    return find(name, data_root).path


def find(name: str, data_root: Path | str | None = None) -> Found:
    """The folder of a dataset and how it was found.

    Raises:
        LockonError: unknown dataset; not found by any of the three ways, or a root that is one level too high or too deep.
    """
    layout_of(name)  # an unknown name is the first thing to say
    if data_root is not None:
        return Found(locate(name, Path(data_root).expanduser()), "--data-root")
    failures = []
    given = os.environ.get(ENVIRONMENT)
    if given:
        try:
            return Found(locate(name, Path(given).expanduser()), ENVIRONMENT)
        except LockonError as error:
            failures.append(f"{ENVIRONMENT}: {error}")
    roots = read_config()
    if name in roots:
        return Found(locate(name, roots[name]), str(config_file()))
    tried = f" ({'; '.join(failures)})" if failures else ""
    ways = f'give --data-root DIR, or set {ENVIRONMENT}=DIR, or write [roots] {name} = "DIR" into {config_file()}'
    raise LockonError(f"no folder known for {name}{tried}; {ways}")


def locate(name: str, root: Path) -> Path:
    """The dataset's folder: `root` / `name`, or `root` itself.

    Raises:
        LockonError: neither fits; a root that is one or two levels off is recognised and the right one is named.
    """
    layout = layout_of(name)
    if not root.exists():
        raise LockonError(f"{root} does not exist; expected the folder of {name} with {layout.expects}")
    try:
        for candidate in (root / name, root):
            if _fits(name, candidate):
                return candidate
        hint = _nearby(name, root.resolve()) if root.is_dir() else ""
    except PermissionError as error:
        raise LockonError(f"{error.filename} cannot be read: permission denied; mend its permissions or give another root") from error
    raise LockonError(f"{root} {hint}" if hint else f"{root} does not look like {name}; expected {layout.expects}")


def _fits(name: str, folder: Path) -> bool:
    """Whether the folder has the dataset's layout and not the name of another dataset (OTB100 and TinyTLP look alike)."""
    other = folder.absolute().name
    return (other == name or other not in DATASETS or name in (FOLDER, POOL, STILLS)) and layout_of(name).is_root(folder)


def _nearby(name: str, root: Path) -> str:
    """What to say where the dataset lies above or below `root`; empty if it does not."""
    for levels, parent in enumerate(list(root.parents)[:2], start=1):
        if _fits(name, parent):
            return f"is {_levels(levels)} too deep for {name}; give {parent}"
    for child in sorted(child for child in root.iterdir() if child.is_dir()):
        if _fits(name, child / name):
            return f"is one level too high for {name}; give {child}"
        if _fits(name, child):
            return f"is one level too high for {name}; give {child}"
    return ""


def _levels(count: int) -> str:
    return "one level" if count == 1 else f"{count} levels"
