"""The demo: two questions to a year of real shopping data. Needs the extra ``demo``."""

from __future__ import annotations
