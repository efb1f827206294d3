"""The layers of the package as Markdown, from the tables that `test_imports.py` enforces.

Run `python tests/layer_table.py` to write them into docs/architecture.md; a test fails while the page differs.
"""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

from package_tree import REPOSITORY
from test_imports import LAYERS, MAY_IMPORT, MODULES

PAGE = REPOSITORY / "docs" / "architecture.md"
BEGIN, END = "<!-- layers:begin -->", "<!-- layers:end -->"
BASE = "base"  # everything may import it, so that it need not be named in every line


def levels() -> list[list[str]]:
    """Sort the layers into levels: a layer stands above all that it may import."""
    remaining, result = dict(MAY_IMPORT), []
    while remaining:
        level = sorted(layer for layer, others in remaining.items() if not set(others) & set(remaining))
        result.append(level)
        remaining = {layer: others for layer, others in remaining.items() if layer not in level}
    return result


def layers() -> str:
    """Return the layers as a Markdown list, lowest level first."""
    order = {layer: number for number, layer in enumerate(layer for level in levels() for layer in level)}
    return "\n".join(_item(layer, sorted(MAY_IMPORT[layer] - {BASE}, key=order.__getitem__)) for level in levels() for layer in level)


def _item(layer: str, others: list[str]) -> str:
    modules = [name for name, where in LAYERS.items() if where == layer]
    named = ", ".join(f"`{name}`" for name in modules)
    missing = [other for other in MAY_IMPORT if other not in {*others, layer, BASE}]
    if not others:
        allowed = "It imports no other layer." if layer == BASE else f"It may import {BASE} alone."
    elif len(missing) < len(others):
        allowed = f"It may import every layer but {_listed(missing)}."
    else:
        allowed = f"It may import {_listed(others)}."
    text = f"- **{layer}** ({named}): {_summary(modules)} {allowed}" if _summary(modules) else f"- **{layer}** ({named}). {allowed}"
    return textwrap.fill(text, 118, subsequent_indent="  ", break_on_hyphens=False, break_long_words=False)


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _summary(modules: list[str]) -> str:
    """Return the first paragraph of the docstring of a layer that is one module or one package."""
    if len(modules) != 1:
        return ""
    docstring = ast.get_docstring(ast.parse(MODULES[modules[0]].read_text(encoding="utf-8"))) or ""
    return " ".join(docstring.partition("\n\n")[0].split())


def page_with(table: str, page: str) -> str:
    """Return the text of a page with the list between the two marks replaced."""
    head, _, rest = page.partition(BEGIN)
    _, mark, tail = rest.partition(END)
    if not mark:
        raise ValueError(f"the page has no {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n{table}\n{END}{tail}"


def write(path: Path = PAGE) -> None:
    """Write the current layers into the page."""
    path.write_text(page_with(layers(), path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
