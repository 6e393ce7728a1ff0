"""Sizes on the command line: ``1000000``, ``1_000_000``, ``1e6`` are one number."""

from __future__ import annotations

from typing import Any

import click

__all__ = ["Size", "Sizes"]


class Size(click.ParamType[int]):
    """A whole number, also written with an exponent."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        try:
            number = int(text) if text.replace("_", "").isdigit() else float(text)
            if number != int(number) or number < 0:
                raise ValueError(text)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no whole number, such as 100000 or 1e5", param, ctx)
        return int(number)


class Sizes(click.ParamType[tuple[int, ...]]):
    """One or several sizes with commas between."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(Size().convert(part, param, ctx) for part in str(value).split(",") if part.strip())
