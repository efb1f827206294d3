"""The `lockon` command, also as `python -m lockon`. It imports nothing before Ctrl-C is taken care of."""

from __future__ import annotations

import os
import sys


def main() -> None:
    """Run the `lockon` command."""
    try:
        from lockon.cli import main as run

        run()
    except KeyboardInterrupt:  # while modules were being imported: no file is open yet
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
            sys.stderr.flush()
        os._exit(130)


if __name__ == "__main__":
    main()

__all__ = ["main"]
