"""`shown`: somebody else's text as it can be put on a terminal, in a table or in an error."""

from __future__ import annotations

import re

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufff9-\ufffb\ud800-\udfff]")


def shown(text: str, keep: str = "") -> str:
    r"""Return a text with every character that would do something instead of being seen written out.

    Args:
        text: Of any kind; bytes of a file name that are no UTF-8 are shown as such.
        keep: Characters that stay, such as the line ends of a table.

    >>> print(shown("car\x1b[31m"), shown("a\u202eb"))
    car\x1b[31m a\u202eb
    """
    return text if text.isprintable() else _UNSAFE.sub(lambda found: found[0] if found[0] in keep else _written_out(ord(found[0])), text)


def _written_out(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


__all__ = ["shown"]
