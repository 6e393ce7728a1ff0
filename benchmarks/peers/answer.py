"""Answers made comparable: digests that know no order, and what two answers can be compared on.

A pattern is a tuple of item numbers. Patterns of one item are left out, because some peers never return them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import Any

__all__ = ["LEVELS", "agreement", "digest_of", "of_count", "of_located", "of_patterns", "of_supports"]

LEVELS = ("supports", "patterns", "lengths", "counts", "verified")
"""What answers are compared on, the strictest first. ``counts`` is for numbers instead of patterns; ``verified`` is
what a question's judge leaves where the sides answer in kinds that cannot be equal."""

_MODULUS = 1 << 128


def digest_of(rows: Iterable[bytes]) -> str:
    """One digest of a multiset of rows: the sum of their hashes, so that order means nothing and a twin is seen."""
    total = 0
    for row in rows:
        total += int.from_bytes(hashlib.blake2b(row, digest_size=16).digest(), "little")
    return f"{total % _MODULUS:032x}"


def of_supports(found: Iterable[tuple[tuple[int, ...], int]]) -> dict[str, Any]:
    """The answer of a competitor that gives every pattern and its support."""
    kept = [(pattern, support) for pattern, support in found if len(pattern) > 1]
    texts = [" ".join(map(str, pattern)) for pattern, _ in kept]
    return {
        **_of_texts(texts),
        "supports": digest_of(f"{text}:{support}".encode() for text, (_, support) in zip(texts, kept, strict=True)),
    }


def of_patterns(found: Iterable[tuple[int, ...]]) -> dict[str, Any]:
    """The answer of a competitor that gives patterns without supports."""
    return _of_texts([" ".join(map(str, pattern)) for pattern in found if len(pattern) > 1])


def _of_texts(texts: list[str]) -> dict[str, Any]:
    lengths = Counter(text.count(" ") + 1 for text in texts)
    return {
        "n": len(texts),
        "lengths": {str(length): lengths[length] for length in sorted(lengths)},
        "patterns": digest_of(text.encode() for text in texts),
    }


def agreement(ours: dict[str, Any], theirs: dict[str, Any]) -> str | None:
    """The strictest level that both answers have, if they agree on it; None if they differ there, or share none.

    Only the strictest shared level counts: answers whose supports differ do not agree because their patterns do.
    """
    for level in LEVELS:
        if level in ours and level in theirs:
            return level if ours[level] == theirs[level] else None
    return None


def of_count(n: int) -> dict[str, Any]:
    """The answer to: how many."""
    return {"n": n, "counts": n}


def of_located(found: Iterable[tuple[int, int]]) -> dict[str, Any]:
    """The answer to: which entities, and when."""
    rows = [f"{entity}:{time}".encode() for entity, time in found]
    return {"n": len(rows), "counts": digest_of(rows)}
