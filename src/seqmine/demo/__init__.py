"""The demo: two questions to a year of simulated grocery shopping. Needs the extra ``demo``."""

from __future__ import annotations
