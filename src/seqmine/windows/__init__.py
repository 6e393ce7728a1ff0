"""Intervention windows: after which delay does an action change the outcome, and can the log tell?"""

from __future__ import annotations

from seqmine.windows.options import Randomised, WindowOptions
from seqmine.windows.result import WindowResult
from seqmine.windows.scanning import scan_windows

__all__ = ["Randomised", "WindowOptions", "WindowResult", "scan_windows"]
