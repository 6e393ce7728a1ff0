"""Intervention windows. A package, so that its oracle and that of patterns can both be called `reference`."""
