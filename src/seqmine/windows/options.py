"""What `scan_windows` asks: options, checked once at the public door."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Literal

from seqmine._text import did_you_mean, format_duration, parse_duration
from seqmine._validate import check_threads
from seqmine.errors import ParameterError

__all__ = ["DIRECTIONS", "MAX_BINS", "REPEATS", "Randomised", "WindowOptions"]

DIRECTIONS: Final = ("auto", "lowers", "raises", "both")
REPEATS: Final = ("first", "all")
MAX_BINS: Final = 384
_DAY: Final = 86_400_000_000
_WEEK: Final = 7 * _DAY

Duration = str | timedelta


@dataclass(frozen=True, kw_only=True)
class Randomised:
    """How chance decided about the action; exactly one of ``probability``, ``arm`` and ``delay`` is given.

    Parameters
    ----------
    probability
        A numeric attribute of the event that completes the moment: the chance that the action was taken at this very
        moment (a micro-randomised trial). Rows with equal chances are compared; chances of 0, 1 and null are left out.
    arm
        A column of categories: of the study's index table, else a text attribute as of the moment. Analysed as drawn
        (intention to treat) where more than 5 % strayed, or fewer than 100 were treated in a half.
    control
        The value of ``arm`` that means: no action. Rows of this arm are the controls.
    treated
        The value of ``arm`` that gets the action; None is every other value more than half of whose rows got it, or the
        only other value. Its rows got it more often than the controls, by a tenth of them, or nothing is estimated.
    delay
        A column with the delay that was drawn for the row: numbers are seconds, texts durations such as ``"36h"``.
        Rows are analysed by it, whenever the action was really taken.

    Raises
    ------
    ParameterError
        None or several of the three, or ``arm`` without ``control``.

    Examples
    --------
    >>> Randomised(arm="arm", control="no call").treated is None
    True
    """

    probability: str | None = None
    arm: str | None = None
    control: str | None = None
    treated: str | None = None
    delay: str | None = None

    def __post_init__(self) -> None:
        given = [name for name in ("probability", "arm", "delay") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ParameterError(
                "randomised names one of probability, arm and delay, not " + (" and ".join(given) or "none"),
                hint="write Randomised(arm='arm', control='control')",
            )
        for name in ("probability", "arm", "control", "treated", "delay"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise ParameterError(f"randomised: {name} is a text, not {value!r}")
        if (self.arm is None) != (self.control is None):
            raise ParameterError("an arm needs its control", hint="write Randomised(arm='arm', control='control')")
        if self.treated is not None and (self.arm is None or self.treated == self.control):
            raise ParameterError("treated is another value of arm than control")


@dataclass(frozen=True, kw_only=True)
class WindowOptions:
    """How delays are looked at, and what is held equal. Durations are text such as ``"14d"`` or timedeltas.

    Parameters
    ----------
    max_delay
        Delays from 0 up to this are looked at.
    follow_up
        Outcomes are counted for this long after the end of each delay bin; None takes the horizon of the outcome, and
        of a table without one whatever became of the entity after the bin: its label.
    bin_width
        Width of the delay bins; must divide ``max_delay``. None takes the finest of 5 m, 15 m, 1 h, 2 h, 3 h, 6 h, 12 h
        and 1 d (and 1, 2 and 4 weeks) at which at least 10 rows of the discovery half are treated in the middle one of
        the bins that have any, and that cuts ``max_delay`` into at most 384.
    direction
        The change that is looked for: ``lowers`` or ``raises`` the outcome, or ``both``. ``auto`` is ``lowers`` for
        outcomes that begin with ``no``, else ``both``.
    washout
        Rows with the action within this long before the moment are left out. None: ``max_delay``, at most a week.
    repeats
        ``first``: the first moment of each entity. ``all``: every moment; errors are then those of whole entities.
    covariates
        Columns that are held equal besides what the events tell: columns of the study's index table, or attributes as
        of the moment. ``"auto"`` takes all that there are, save those that another option names; none where chance
        decided, as a further column of the draw (a scheduled time) would be the arm in other words.
    placebos
        What the action cannot have changed: event tests such as ``"old_ticket"`` (an event in the 12 weeks before the
        moment), or columns of the index table with numbers. They are kept from the models, and the action must not
        seem to change them. Without any, up to three are looked for 12 to 4 weeks before the moment.
    segments
        Columns by whose values the effect is shown apart.
    variant
        A text attribute of the action (message, channel, offer) by whose values the effect is shown apart.
    company
        Event types that the company causes, besides the actions. For an action itself this overrides the look-alike
        rule by name; all others are looked at as co-interventions.
    inbound
        Event types that the customer causes. An action among them is refused.
    actor
        A text attribute that says who acted; the action's events must say ``company`` in it.
    randomised
        How chance decided about the action, if it did.
    alpha
        Family-wise error rate of ``effective`` over all pairs (Holm), and level of the tests of timing.
    max_windows
        1 or 2 windows a pair.
    n_null, n_bootstrap
        Draws for the scan's p, and for the intervals of a window's edges.
    threads
        0 for all cores. The result does not depend on it.

    Raises
    ------
    ParameterError
        An option has a value that cannot be used.

    Examples
    --------
    >>> WindowOptions(max_delay="7d", follow_up="30d").washout_us == 7 * 86_400_000_000
    True
    """

    max_delay: Duration = "14d"
    follow_up: Duration | None = None
    bin_width: Duration | None = None
    direction: Literal["auto", "lowers", "raises", "both"] = "auto"
    washout: Duration | None = None
    repeats: Literal["first", "all"] = "first"
    covariates: str | Sequence[str] = "auto"
    placebos: Sequence[str] = ()
    segments: Sequence[str] = ()
    variant: str | None = None
    company: Sequence[str] = ()
    inbound: Sequence[str] = ()
    actor: str | None = None
    randomised: Randomised | None = None
    alpha: float = 0.05
    max_windows: int = 2
    n_null: int = 1000
    n_bootstrap: int = 200
    threads: int = 0

    def __post_init__(self) -> None:
        keep: dict[str, Any] = {"max_delay": _length("max_delay", self.max_delay)}
        for name in ("follow_up", "bin_width"):
            if getattr(self, name) is not None:
                keep[name] = _length(name, getattr(self, name))
        if self.washout is not None:
            keep["washout"] = format_duration(parse_duration(self.washout, "washout"))
        for name in ("placebos", "segments", "company", "inbound"):
            keep[name] = _names(name, getattr(self, name))
        if self.covariates != "auto":
            keep["covariates"] = _names("covariates", self.covariates)
        for name, known in (("direction", DIRECTIONS), ("repeats", REPEATS)):
            value = getattr(self, name)
            if value not in known:
                near = did_you_mean(str(value), known)
                raise ParameterError(
                    f"{name}: {value!r} is none of those known",
                    hint=f"did you mean {near!r}?" if near else "one of " + ", ".join(known),
                )
        for name in ("variant", "actor"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or not value):
                raise ParameterError(f"{name} is the name of an attribute, not {value!r}")
        if self.randomised is not None and not isinstance(self.randomised, Randomised):
            raise ParameterError(
                f"randomised is a Randomised, not {type(self.randomised).__name__}",
                hint="write sm.Randomised(arm='arm', control='control')",
            )
        alpha = self.alpha
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or not 0 < alpha < 1 or math.isnan(alpha):
            raise ParameterError(f"alpha must be a number above 0 and below 1, not {alpha!r}")
        for name, least, most in (("max_windows", 1, 2), ("n_null", 19, 100_000), ("n_bootstrap", 39, 100_000)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise ParameterError(f"{name} is a whole number from {least} to {most}, not {value!r}")
        check_threads(self.threads)
        for name, value in keep.items():
            object.__setattr__(self, name, value)
        if self.bin_width is not None:
            width = parse_duration(self.bin_width)
            if self.max_delay_us % width or self.max_delay_us // width > MAX_BINS:
                raise ParameterError(
                    f"bin_width must cut max_delay into at most {MAX_BINS} whole bins, and {self.bin_width} does not "
                    f"cut {self.max_delay} so",
                    hint='for example max_delay="14d", bin_width="1h"',
                )

    @property
    def max_delay_us(self) -> int:
        """``max_delay`` in microseconds."""
        return parse_duration(self.max_delay)

    @property
    def washout_us(self) -> int:
        """The washout in microseconds."""
        return min(self.max_delay_us, _WEEK) if self.washout is None else parse_duration(self.washout)


def _length(name: str, value: Duration) -> str:
    us = parse_duration(value, name)
    if not 0 < us <= 3_650 * _DAY:
        raise ParameterError(f"{name} lies above 0s and is at most 3650d, not {format_duration(us)}")
    return format_duration(us)


def _names(name: str, value: object) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(x, str) and x for x in value):
        raise ParameterError(f"{name} is a list of names, not {value!r}", hint=f"write {name}=('plan',)")
    return tuple(dict.fromkeys(value))
