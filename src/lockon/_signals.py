"""The signals that ask a process to end: Ctrl-C, `kill` and service managers, a terminal that was closed."""

from __future__ import annotations

import signal

ENDING_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))  # Windows has no SIGHUP

__all__ = ["ENDING_SIGNALS"]
