r"""Tables as LaTeX with the booktabs package: the best of a column bold, the second underlined, names escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable

from lockon._shown import shown
from lockon.bench.tables.model import BEST, SECOND, Cell, Table

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "±": r"$\pm$",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{mark: f"\\{mark}" for mark in "&%$#_{}"},
}
_PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{booktabs}
\usepackage[landscape,margin=1cm]{geometry}
\begin{document}
\small
"""


def to_latex(tables: Iterable[Table]) -> str:
    r"""Return ``table`` environments to be pasted into a paper that says ``\usepackage{booktabs}``."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(_table(table) for table in tables)


def latex_document(tables: Iterable[Table]) -> str:
    """Return a whole document with the tables, to look at or to compile on its own."""
    return f"{_PREAMBLE}{to_latex(tables)}\\end{{document}}\n"


def escape(text: str) -> str:
    r"""Write any text as LaTeX prints it.

    >>> escape("siam_rpn & 50%")
    'siam\\_rpn \\& 50\\%'
    """
    return "".join(_ESCAPES.get(mark, mark) for mark in shown(text))


def _table(table: Table) -> str:
    lines = [
        r"\begin{table}",
        r"\centering",
        f"\\caption{{{escape(table.title)}}}",
        f"\\label{{tab:{table.name}}}",
        f"\\begin{{tabular}}{{l{'r' * (len(table.head) - 1)}}}",
        r"\toprule",
        f"{' & '.join(escape(text) for text in table.head)} \\\\",
        r"\midrule",
        *(f"{' & '.join(_cell(cell) for cell in row)} \\\\" for row in table.rows),
        r"\bottomrule",
        r"\end{tabular}",
        *(f"\\par\\smallskip\\begin{{minipage}}{{0.95\\linewidth}}\\footnotesize {_note(note)}\\end{{minipage}}" for note in table.notes),
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    return f"\\textbf{{{text}}}" if cell.rank == BEST else f"\\underline{{{text}}}" if cell.rank == SECOND else text


def _note(note: str) -> str:
    """Turn Markdown's stars and back quotes into bold and typewriter text."""
    text = re.sub(r"\*\*(.+?)\*\*", r"\\textbf{\1}", escape(note))
    return re.sub(r"`(.+?)`", r"\\texttt{\1}", text)


__all__ = ["escape", "latex_document", "to_latex"]
