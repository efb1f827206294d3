"""Paths of datasets: `--data-root`, the environment variable LOCKON_DATA, or one TOML file.

A root is a folder that holds datasets by their names (ROOT/OTB100, ROOT/VOT2018, ...) or the dataset's own folder. They
are searched for in this order:

1. the folder of the command (`--data-root DIR`, or `NAME:DIR`): only there;
2. the folder in the environment variable LOCKON_DATA;
3. `~/.config/lockon/data.toml`, or the file in the environment variable LOCKON_CONFIG::

       [roots]
       OTB100 = "/data/OTB100"
       VOT2018 = "/data/vot/2018"
"""

from __future__ import annotations

import os
from pathlib import Path

from lockon._documents import read_toml
from lockon.data.datasets.bare import EXPECTS as BARE_EXPECTS, is_bare
from lockon.data.datasets.folder import unread_video
from lockon.data.datasets.layout import FrameMode, list_folders
from lockon.data.datasets.table import FOLDER, POOL, STILLS, canonical_name, known_datasets, layout_of, resolve, squeezed, unknown_dataset
from lockon.errors import LockonError

ENVIRONMENT = "LOCKON_DATA"
CONFIG_ENVIRONMENT = "LOCKON_CONFIG"


def config_file() -> Path:
    """Return the TOML file with dataset roots, whether or not it exists."""
    setting = os.environ.get(CONFIG_ENVIRONMENT)
    return Path(setting).expanduser() if setting else Path.home() / ".config" / "lockon" / "data.toml"


def read_config() -> dict[str, Path]:
    """Read the dataset roots of the TOML file by name; empty if there is no such file. Relative paths start at the file's folder.

    Raises:
        LockonError: LOCKON_CONFIG names no file, the file is no TOML, or [roots] is not a table of known names and paths.
    """
    file = config_file()
    if not file.is_file():
        if os.environ.get(CONFIG_ENVIRONMENT):
            raise LockonError(f'{CONFIG_ENVIRONMENT} names {file}, which does not exist; expected a TOML file with [roots] NAME = "path"')
        return {}
    roots = read_toml(file, 'expected [roots] with lines NAME = "path"').get("roots", {})
    if not isinstance(roots, dict) or not all(isinstance(path, str) for path in roots.values()):
        raise LockonError(f'{file}: expected [roots] with lines NAME = "path", found {roots!r}')
    known = {name: resolve(name) for name in roots}
    for name, dataset in known.items():
        if dataset is None:
            raise LockonError(f"{file}: {unknown_dataset(name)}")
    return {str(known[name]): file.parent / Path(path).expanduser() for name, path in roots.items()}


def find_root(name: str, data_root: Path | str | None = None, frames: FrameMode = "required") -> Path:
    """Find the folder of a dataset; see `find`."""
    return find(name, data_root, frames)[0]


def find(name: str, data_root: Path | str | None = None, frames: FrameMode = "required") -> tuple[Path, str]:
    """Find the folder of a dataset and the source of its path: "--data-root", "LOCKON_DATA" or the TOML file.

    Args:
        name: A dataset, in any spelling; not a pooled set.
        data_root: The folder to search, and no other; None for the configured ones.
        frames: "optional": ground truth without images is enough (`lockon.data.datasets.bare`).

    Raises:
        LockonError: Unknown dataset; no folder by any of the three ways, or a root that is one level too high or too deep.
    """
    name = canonical_name(name)  # an unknown name is the first error
    layout_of(name)
    if data_root is not None:
        return locate(name, Path(data_root).expanduser(), frames), "--data-root"
    failures = []
    folder = os.environ.get(ENVIRONMENT)
    if folder:
        try:
            return locate(name, Path(folder).expanduser(), frames), ENVIRONMENT
        except LockonError as error:
            failures.append(f"{ENVIRONMENT}: {error}")
    roots = read_config()
    if name in roots:
        return locate(name, roots[name], frames), str(config_file())
    tried = f" ({'; '.join(failures)})" if failures else ""
    ways = f'give --data-root DIR, or set {ENVIRONMENT}=DIR, or write [roots] {name} = "DIR" into {config_file()}'
    raise LockonError(f"no folder known for {name}{tried}; {ways}")


def locate(name: str, root: Path, frames: FrameMode = "required") -> Path:
    """Find the dataset's folder (or, for ground truth alone, its file): `root` / `name`, or `root` itself.

    Args:
        name: A dataset.
        root: The folder to search.
        frames: As for `find`.

    Raises:
        LockonError: Neither fits; a root that is one or two levels off is recognised and the right one is named.
    """
    layout = layout_of(name)
    expects = layout.expects if frames == "required" else f"{layout.expects}; or {BARE_EXPECTS}"
    if not root.exists():
        raise LockonError(f"{root} does not exist; expected the folder of {name} with {expects}")
    try:
        bare = None
        for candidate in _candidates(name, root):
            if _fits(name, candidate):
                return candidate
            if name in known_datasets() and _own(name, candidate.with_suffix("")) and is_bare(candidate, name):
                if frames == "optional" or root.suffix.lower() == ".json":
                    return candidate
                bare = bare or candidate
        hint = unread_video(root) if name == FOLDER else ""
        hint = hint or (_nearby(name, root.resolve()) if root.is_dir() else "")
    except PermissionError as error:
        raise LockonError(f"{error.filename} cannot be read: permission denied; change its permissions or give another root") from error
    if bare is not None and not hint and name != FOLDER:
        hint = f"has ground truth of {name} without images ({bare}), which serves to score results; to track, give {expects}"
    raise LockonError(f"{root} {hint}" if hint else f"{root} does not look like {name}; expected {expects}")


def _candidates(name: str, root: Path) -> list[Path]:
    """Return the folders at or under the root that may be the dataset's, by their names in any spelling."""
    if name not in known_datasets() or name == FOLDER:
        return [root / name, root]
    dataset = known_datasets()[name]
    spellings = {squeezed(alias) for alias in (name, *dataset.aliases, *dataset.shares)}
    named = [child for child in list_folders(root) if child.name != name and squeezed(child.name) in spellings]
    tops = [root / name, *named, root]
    return [folder for top in tops for folder in (top, *(top / inner for inner in dataset.inside))]


def _own(name: str, folder: Path) -> bool:
    """Return whether the folder's name does not name another dataset (OTB100 and TinyTLP have the same layout)."""
    if name in (FOLDER, POOL, STILLS):
        return True
    other = resolve(folder.absolute().name)
    return other in (None, name, *known_datasets()[name].shares) or other not in known_datasets()


def _fits(name: str, folder: Path) -> bool:
    return _own(name, folder) and layout_of(name).is_root(folder)


def _nearby(name: str, root: Path) -> str:
    """Return a hint where the dataset lies above or below `root`; empty if it does not."""
    parents = [] if name == FOLDER else list(root.parents)[:2]  # any folder above may hold somebody's own videos
    for levels, parent in enumerate(parents, start=1):
        if _fits(name, parent):
            return f"is {_levels(levels)} too deep for {name}; give {parent}, not {root}"
    for child in list_folders(root):
        if any(_fits(name, candidate) for candidate in _candidates(name, child)):
            return f"is one level too high for {name}; give {child}, not {root}"
    return ""


def _levels(count: int) -> str:
    return "one level" if count == 1 else f"{count} levels"
