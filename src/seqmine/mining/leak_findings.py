"""What a leak alarm says of an event type or step, and the figures beyond which there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from seqmine._text import format_duration, rounded_duration, shorten

__all__ = [
    "FEWEST_ROWS",
    "LEAD_PARTS",
    "LEAST_Z",
    "MOST_CONFIDENCE",
    "MOST_LIFT",
    "MOST_SHOWN",
    "LeakAlarmFinding",
    "LeakKind",
]

LeakKind = Literal["almost_the_outcome", "just_before_the_outcome", "explains_the_number"]

MOST_CONFIDENCE: Final = 0.9
MOST_LIFT: Final = 3.0
LEAST_Z: Final = 3.0
LEAD_PARTS: Final = 50
"""A median lead under one of so many parts of the horizon (2 %) is no notice."""
FEWEST_ROWS: Final = 20
MOST_SHOWN: Final = 200
"""Characters of a step's name: it is to be copied, and holds a text of the log."""


@dataclass(frozen=True)
class LeakAlarmFinding:
    """An event type, or a step that says more, that all but is the outcome, counted on discovery rows.

    Of numbers, a row is positive when the number is as `about` says, and the rest reads as it does for labels.

    Attributes
    ----------
    event
        The event type; of steps a pattern: ``login{plan=gone}``, ``*{plan=gone}`` for several event types,
        ``login -> no mail within 3d``. It is the name to acknowledge.
    kind
        ``"almost_the_outcome"``: nearly every row that sees it is positive. ``"just_before_the_outcome"``: it goes with
        the outcome, and half of the positive rows that see it see it right before the outcome.
        ``"explains_the_number"``: whether a row sees it tells nearly the whole number. What is several is the first of
        these that it is, a number explained before the time of it.
    n_matched, n_positive
        Rows that see it, and positive rows among them.
    share
        ``n_positive / n_matched``.
    lift
        ``share`` over the share of positive rows among all.
    median_lead
        Microseconds from its last occurrence before the index to the outcome, the lower median over the positive rows
        that see it; None where the outcome has no moment or the horizon no end.
    horizon
        Microseconds; None as above.
    about
        Which rows count as positive: ``"positive"``, of numbers ``"above 120"`` and the like.
    explained
        Share of the variance within strata that seeing it explains; None for labels.
    context
        Of a step with a condition the name in ``MinerOptions.context`` that it comes from.
    absent
        Whether it is the absence after an event.
    example
        Of a step the one that the figures are of: that which most rows see.
    n_steps
        How many steps the name stands for, looser conditions of the same event type counted alone.
    """

    event: str
    kind: LeakKind
    n_matched: int
    n_positive: int
    share: float
    lift: float
    median_lead: int | None
    horizon: int | None
    about: str = "positive"
    explained: float | None = None
    context: str | None = None
    absent: bool = False
    example: str | None = None
    n_steps: int = 1

    @property
    def is_step(self) -> bool:
        """Whether it is more than an event type."""
        return self.absent or self.context is not None

    @property
    def figures(self) -> str:
        """The counts that raised the alarm."""
        if self.n_steps > 1:
            return f"{self.n_steps:,} steps, such as {shorten(str(self.example), MOST_SHOWN)!r}: {self._counts}"
        return self._counts

    @property
    def _counts(self) -> str:
        if self.kind == "just_before_the_outcome" and self.median_lead is not None and self.horizon is not None:
            part = 100 * self.median_lead / self.horizon
            return (
                f"median lead {part:.2g} % of the horizon over {self.n_positive:,} positive rows, lift {self.lift:.3g}"
            )
        if self.kind == "explains_the_number" and self.explained is not None:
            return f"explains {100 * self.explained:.1f} % of the variance, seen by {self.n_matched:,} rows"
        return f"{100 * self.share:.1f} % of {self.n_matched:,} rows {self.about}, lift {self.lift:.3g}"

    @property
    def sentence(self) -> str:
        """The alarm in words."""
        if self.n_steps > 1:
            also = "one more step" if self.n_steps == 2 else f"{self.n_steps - 1:,} more steps"
            return f"{self._said[:-1]}; and so it is with {also} of {shorten(self.event, MOST_SHOWN)!r}."
        return self._said

    @property
    def _said(self) -> str:
        name = repr(shorten(self.example or self.event, MOST_SHOWN if self.is_step else 40))
        see = "match" if self.absent else "see"
        if self.kind == "just_before_the_outcome" and self.median_lead is not None and self.horizon is not None:
            return (
                f"Half of the {self.n_positive:,} positive rows that see {name} see it within "
                f"{rounded_duration(self.median_lead)} of the outcome, less than 2 % of the horizon of "
                f"{format_duration(self.horizon)} (lift {self.lift:.3g})."
            )
        if self.kind == "explains_the_number" and self.explained is not None:
            return (
                f"Whether a row sees {name} before the index ({self.n_matched:,} rows do) explains "
                f"{100 * self.explained:.1f} % of the variance of the number within strata."
            )
        return (
            f"Of {self.n_matched:,} rows that {see} {name} before the index {100 * self.share:.1f} % are {self.about}, "
            f"{self.lift:.3g} times the share of all rows."
        )
