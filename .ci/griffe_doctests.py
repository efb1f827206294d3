"""An extension of the API reference: `>>>` examples in docstrings become code blocks, with or without a heading "Examples:"."""

import re
from typing import Any

import griffe

EXAMPLE = re.compile(r"^(>>> .*(?:\n(?!\n).*)*)", re.MULTILINE)


class Doctests(griffe.Extension):
    """Fence the examples of every docstring before its sections are read."""

    def on_instance(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of a module, class, function or attribute."""
        if obj.docstring is not None and "Example" not in obj.docstring.value:
            obj.docstring.value = EXAMPLE.sub(_fenced, obj.docstring.value)


def _fenced(example: re.Match[str]) -> str:
    code = re.sub(r" *# doctest: .*$", "", example[1], flags=re.MULTILINE)
    return f"```pycon\n{code}\n```"
