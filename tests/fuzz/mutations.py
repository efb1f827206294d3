"""Damage to files: what disks, broken copies, other programs and attackers make of a valid one."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from random import Random

# What numbers of a text become.
SPECIAL_NUMBERS = (
    "nan",
    "NaN",
    "inf",
    "-inf",
    "Infinity",
    "1e308",
    "-1e308",
    "1e-320",
    "0",
    "-0.0",
    "-1",
    "2147483648",
    "-9223372036854775809",
)
SPECIAL_NUMBERS += ("9" * 400, "1e999", "0x10", "1_000", "٣", "½", "", "null", "true", '"7"', "1,5", "1;2", "[]", "{}")

# Names that lead out of a folder, speak to a terminal, a spreadsheet or a browser, or are too long.
HOSTILE_NAMES = (
    "../../outside/escape",
    "..",
    "/{outside}/escape",
    "a/../../b",
    "\x1b[31mred\x1b[0m\x1b]0;title\x07",
    "=1+1",
    '@SUM(A1)"',
    "",
)
HOSTILE_NAMES += (
    "<script>alert(1)</script>",
    "x" * 300,
    "ä" * 200,
    "a\nb",
    "a\rb",
    "nul\0byte",
    "~",
    "-rf",
    "%s%n",
    "$(touch canary)",
    "CON",
)

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_WORD = re.compile(rb'"[^"\n]{1,60}"')


def flip_bits(data: bytes, random: Random) -> bytes:
    """Flip one to eight bits, half of the time near the beginning, where headers are."""
    changed = bytearray(data)
    reach = len(data) if random.random() < 0.5 else min(len(data), 512)
    for _ in range(random.randint(1, 8)):
        changed[random.randrange(reach)] ^= 1 << random.randrange(8)
    return bytes(changed)


def cut(data: bytes, random: Random) -> bytes:
    """Lose the end, the beginning or a piece."""
    start, end = _piece(data, random)
    return random.choice((data[:start], data[end:], data[:start] + data[end:]))


def duplicate(data: bytes, random: Random) -> bytes:
    """Repeat a piece, sometimes many times."""
    start, end = _piece(data, random)
    times = random.choice((1, 1, 2, 50)) if end - start < 10_000 else 1
    return data[:end] + data[start:end] * times + data[end:]


def swap(data: bytes, random: Random) -> bytes:
    """Exchange two neighbouring pieces."""
    a, b, c = sorted(random.randrange(len(data) + 1) for _ in range(3))
    return data[:a] + data[b:c] + data[a:b] + data[c:]


def put_floats(data: bytes, random: Random) -> bytes:
    """Overwrite aligned binary numbers with special ones."""
    changed = bytearray(data)
    value = struct.pack("<f", random.choice((float("nan"), float("inf"), -float("inf"), 3e38, -3e38, 1e-40, 0.0)))
    for _ in range(random.choice((1, 4, 200))):
        at = 4 * random.randrange(max(len(data) // 4, 1))
        changed[at : at + 4] = value
    return bytes(changed)


def swap_lines(data: bytes, random: Random) -> bytes:
    """Repeat, drop, empty or exchange lines, or change how they end."""
    lines = data.split(b"\n")
    at, other = random.randrange(len(lines)), random.randrange(len(lines))
    match random.randrange(6):
        case 0:
            lines.insert(at, lines[other])
        case 1:
            del lines[at]
        case 2:
            lines[at] = b""
        case 3:
            lines[at], lines[other] = lines[other], lines[at]
        case 4:
            return b"\r\n".join(lines)
        case _:
            return b"\xef\xbb\xbf" + data
    return b"\n".join(lines)


def put_number(data: bytes, random: Random) -> bytes:
    """Replace one number by a special one."""
    return _replace(_NUMBER, data, random.choice(SPECIAL_NUMBERS).encode(), random)


def put_name(data: bytes, random: Random) -> bytes:
    """Replace one quoted text by a hostile or long one."""
    name = random.choice(HOSTILE_NAMES).encode()
    return _replace(_WORD, data, b'"' + name.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"', random)


def nest(data: bytes, random: Random) -> bytes:
    """Put a deeply nested value where a number or a text stands."""
    depth = random.choice((100, 1000, 100_000))
    opened, closed = random.choice(((b"[", b"]"), (b'{"a":', b"}"), (b"(", b")"), (b"<a>", b"</a>")))
    middle = b"1" if random.random() < 0.7 else b""
    return _replace(random.choice((_NUMBER, _WORD)), data, opened * depth + middle + closed * depth, random)


def put_bytes(data: bytes, random: Random) -> bytes:
    """Insert bytes that are no text in UTF-8, other encodings, or control characters."""
    at = random.randrange(len(data) + 1)
    return (
        data[:at] + random.choice((b"\xff\xfe", b"\x00" * 8, b"\xe4", "\ufeff".encode("utf-16"), b"\x1b[2J", b"\x85\x0b\x0c")) + data[at:]
    )


BINARY: tuple[Callable[[bytes, Random], bytes], ...] = (flip_bits, flip_bits, cut, duplicate, swap, put_floats)
TEXT = (flip_bits, cut, duplicate, swap, swap_lines, swap_lines, put_number, put_number, put_number, put_name, put_name, nest, put_bytes)


def mutate(data: bytes, random: Random, *, text: bool) -> bytes:
    """Damage a file's content in one to three ways."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if data:
            data = random.choice(TEXT if text else BINARY)(data, random)
    return data


def _piece(data: bytes, random: Random) -> tuple[int, int]:
    """Return start and end of a piece: of a few bytes, or of any size."""
    start = random.randrange(len(data) + 1)
    return start, min(len(data), start + (random.randint(1, 64) if random.random() < 0.5 else random.randint(1, max(len(data), 1))))


def _replace(pattern: re.Pattern[bytes], data: bytes, new: bytes, random: Random) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return flip_bits(data, random)
    one = random.choice(found)
    return data[: one.start()] + new + data[one.end() :]
