"""A report as one self-contained HTML file."""

from lockon.bench.html.page import BUDGET, FRAMES, PageLimits, PageSize, write_html

__all__ = ["BUDGET", "FRAMES", "PageLimits", "PageSize", "write_html"]
