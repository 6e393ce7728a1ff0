"""The command line: each command reads its options, calls one function, and prints what comes back."""

from __future__ import annotations

import sys
from typing import NoReturn

__all__ = ["main"]


def main() -> NoReturn:
    """Run ``seqmine`` with the process's arguments and exit with a code of `seqmine.cli.exit_codes`."""
    from seqmine.cli.app import run

    sys.exit(run(sys.argv[1:]))
