"""The single error type for mistakes that a user can correct, and the warning type beside it.

Everything that a user can get wrong (a missing file, a box outside the frame, an unknown tracker name) raises
`LockonError` with one line that states the input, what was expected and what to type. The command line prints that
line and exits with status 2; library callers can catch one class. Programming errors keep Python's own exceptions.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class LockonError(ValueError):
    """A mistake in the input, described in one line that ends with what to do about it."""


class LockonWarning(UserWarning):
    """A notice that something was repaired or skipped and the work went on; the text names what and where."""


def unknown_name(kind: str, name: str, known: Iterable[str]) -> LockonError:
    """Return the error for a name that is not in a list, with the nearest names suggested.

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
    return LockonError(f"unknown {kind} {name!r}; {hint}known: {', '.join(names)}")
