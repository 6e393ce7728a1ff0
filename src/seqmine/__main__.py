"""``python -m seqmine`` is the command ``seqmine``."""

from __future__ import annotations

from seqmine.cli import main

main()
