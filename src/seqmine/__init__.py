"""seqmine: timed event patterns that predict outcomes, and the windows in which to act on them."""

from __future__ import annotations

__version__ = "0.1.0"
