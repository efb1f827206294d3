"""A `Report` as Markdown, CSV, JSON or LaTeX."""

from lockon.bench.tables.build import attribute_table, comparison_table, latency_table, sequence_table, summary_table
from lockon.bench.tables.latex import latex_document, to_latex
from lockon.bench.tables.markdown import BEGIN, END, markdown, to_markdown, write_into
from lockon.bench.tables.records import attributes_csv, curves_csv, to_csv, to_json

__all__ = [
    "BEGIN",
    "END",
    "attribute_table",
    "attributes_csv",
    "comparison_table",
    "curves_csv",
    "latency_table",
    "latex_document",
    "markdown",
    "sequence_table",
    "summary_table",
    "to_csv",
    "to_json",
    "to_latex",
    "to_markdown",
    "write_into",
]
