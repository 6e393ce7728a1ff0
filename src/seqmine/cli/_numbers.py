"""Sizes on the command line: ``1000000``, ``1_000_000``, ``1e6`` are one number."""

from __future__ import annotations

import math
import re
from typing import Any

import click

__all__ = ["Bytes", "Size", "Sizes"]

_BYTES = {"": 1, "b": 1}
_BYTES |= {
    f"{letter}{unit}": base**power
    for unit, base in (("b", 10**3), ("ib", 2**10))
    for power, letter in enumerate("kmgt", start=1)
}


class Size(click.ParamType[int]):
    """A whole number, also written with an exponent."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        try:
            number = int(text) if text.replace("_", "").isdigit() else float(text)
            if number != int(number):
                raise ValueError(text)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no whole number, such as 100000 or 1e5", param, ctx)
        if number < 0:
            self.fail(
                f"{value!r} is negative, and a size is a positive whole number, such as 100000 or 1e5", param, ctx
            )
        return int(number)


class Bytes(click.ParamType[int]):
    """Bytes, also with a unit: ``64e9``, ``64GB`` (10^9 each) and ``64GiB`` (2^30 each)."""

    name = "bytes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        text = str(value).strip()
        unit = re.search(r"(?:[kmgt]i?)?b?$", text, re.IGNORECASE)
        assert unit is not None
        factor, figure = _BYTES.get(unit[0].lower()), text[: unit.start()].strip()
        try:
            number = float(figure) * (factor or math.nan)
            if not number > 0 or not number.is_integer():
                raise ValueError(text)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no number of bytes, such as 64e9, 64GB or 64GiB", param, ctx)
        return int(number)


class Sizes(click.ParamType[tuple[int, ...]]):
    """One or several sizes with commas between."""

    name = "numbers"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        return tuple(Size().convert(part, param, ctx) for part in str(value).split(",") if part.strip())
