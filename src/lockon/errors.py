"""The single error type for mistakes that a user can correct, and the warning type beside it.

Everything that a user can get wrong (a missing file, a box outside the frame, an unknown tracker name) raises
`LockonError` with one line that states the input, what was expected and what to type. The command line prints that
line and exits with status 2; library callers can catch one class. Programming errors keep Python's own exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from lockon._shown import shown


class LockonError(ValueError):
    """A mistake in the input, described in one line that ends with what to do about it.

    Args:
        message: The line; where what it quotes has several lines, they are joined, and what would drive a terminal is written out.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(shown(" ".join(str(message).splitlines())))


class OutputError(LockonError):
    """A file that cannot be written: a full disk, a folder that is gone. Work that only fills files should end."""


class LockonWarning(UserWarning):
    """A notice that something was repaired or skipped and the work went on; the text names what and where."""


# The commands that list what there is of a kind.
_LISTINGS = {
    "tracker": "lockon zoo list",
    "refiner": "lockon zoo list",
    "dataset": "lockon data list",
    "training set": "lockon data list",
}
_LISTED = 8  # names that an error lists; of more it shows the nearest


def unknown_name(kind: str, name: str, known: Iterable[str]) -> LockonError:
    """Return the error for a name that is not in a list: the nearest names, and all of them or the command that lists them.

    Args:
        kind: What the name should be, for the message: "tracker", "preset".
        name: The unknown name.
        known: All names that exist.

    >>> str(unknown_name("tracker", "lockon", ["lockon-s", "csrt"]))
    "unknown tracker 'lockon'; did you mean 'lockon-s'? known: csrt, lockon-s"
    """
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
    if len(names) <= _LISTED:
        return LockonError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names)}")
    if not near:
        hint = f"the nearest are {', '.join(difflib.get_close_matches(name, names, n=3, cutoff=0))}; "
    listing = f"`{_LISTINGS[kind]}` lists all {len(names)}" if kind in _LISTINGS else f"there are {len(names)}"
    return LockonError(f"unknown {kind} {name!r}; {hint}{listing}")
