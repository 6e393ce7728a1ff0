"""``Study``: an outcome, the index times from which it is predicted, and the rules around them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, timedelta

from seqmine._text import format_duration, parse_duration, shorten
from seqmine.errors import ParameterError
from seqmine.labels._columns import is_table
from seqmine.labels.index import At, parse_index, point
from seqmine.labels.labels import Labels, event_names
from seqmine.labels.outcome import Outcome
from seqmine.labels.split import check_seed


@dataclass(frozen=True)
class Study:
    """One question asked of a log. `from_labels` makes one from labels that are known already.

    Parameters
    ----------
    outcome
        What happens in ``[index + lead, index + lead + horizon)``; an `Outcome`, or its text.
    at
        The index times: a date (text, date or datetime; without an offset it is wall clock in the log's zone, a date
        its midnight), a list of them, ``"every 30d from 2017-01-01 to 2017-12-01"``, ``"first(signup)"``,
        ``"nth(purchase, 2)"``, ``"start + 14d"``, or a table with ``entity`` and ``index_time`` (or ``time``), whose
        other columns are kept; a column ``label`` is refused.
    lookback
        How far before the index matching sees, for example ``"180d"``; None = since the entity's start.
    lead
        Time between the index and the outcome interval: the notice that an action needs.
    exclude_events
        Event types that say the outcome in other words (outcome proxies). Predictors never see them; the outcome
        itself, eligibility and anchors of the index still do.
    incident
        Ask only rows for which the outcome has not come true before (see `label`).
    min_tenure
        Ask only entities whose start lies at least so long before the index.
    seed
        Of the split into discovery and estimation half.
    out_of_time
        What the out-of-time test holds the result against: the rows with an index at or after a date (written as in
        `at`, see `out_of_time_rows`), or None for nothing. ``"auto"``: where `at` is a list of dates or rolling, the
        rows of the latest date that has some, if an earlier one has some too; where `at` is one date, the same
        question at the latest date that the log can follow, if it is far enough off (see `later_landmark`).
    labels
        Given labels, see `from_labels`; then `outcome` and `at` are None.

    Raises
    ------
    ParameterError, InvalidOutcome, DataError, TimestampError
        A value that cannot be used. Names of events are checked against the log by `label`.

    Examples
    --------
    >>> study = Study("count(referral)>=3 within 14d", at="first(signup) + 30d", lookback="180d")
    >>> study.outcome
    Outcome('count(referral) >= 3 within 2w')
    """

    outcome: Outcome | None
    at: At | None = field(kw_only=True)
    lookback: str | None = field(default=None, kw_only=True)
    lead: str = field(default="0d", kw_only=True)
    exclude_events: tuple[str, ...] = field(default=(), kw_only=True)
    incident: bool = field(default=False, kw_only=True)
    min_tenure: str = field(default="0d", kw_only=True)
    seed: int = field(default=0, kw_only=True)
    out_of_time: str | date | None = field(default="auto", kw_only=True)
    labels: Labels | None = field(default=None, kw_only=True)

    @classmethod
    def from_labels(cls, labels: Labels, seed: int = 0, *, out_of_time: str | date | None = "auto") -> Study:
        """A study of labels that are known already, yes/no or numbers; `label` returns them as they are.

        What patterns may see is as the labels say: `lookback` and `exclude_events` are theirs. `outcome` and `at` are
        None, `lead` is zero: the labels do not tell when an outcome came true, so leak alarms cannot look at its
        lead, and nothing is known of what was lost in a gap. ``out_of_time="auto"`` keeps no rows, a date does.

        Raises
        ------
        ParameterError
            `labels` are none, or another argument cannot be used.

        Examples
        --------
        >>> rows = {"entity": ["bob", "ann"], "index_time": ["2017-10-01"] * 2, "label": [1, 0]}
        >>> Study.from_labels(Labels.from_arrow(rows, lookback="90d", timezone="UTC")).lookback
        '90d'
        """
        return cls(None, at=None, labels=labels, seed=seed, out_of_time=out_of_time)

    def __post_init__(self) -> None:
        check_seed(self.seed)
        _check_out_of_time(self.out_of_time)
        if self.labels is not None or (self.outcome is None and self.at is None):
            self._take_from_labels()
            return
        outcome: object = self.outcome
        if isinstance(outcome, str):
            outcome = Outcome(outcome)
        if not isinstance(outcome, Outcome):
            raise ParameterError(
                f"outcome must be an Outcome or its text, not {type(outcome).__name__}",
                hint='write Outcome("no purchase within 90d")',
            )
        parse_index(self.at)
        at = (
            self.at
            if isinstance(self.at, str) or is_table(self.at) or not isinstance(self.at, Iterable)
            else tuple(self.at)
        )
        lookback = None if self.lookback is None else _canonical(self.lookback, "lookback")
        if lookback == "0s":
            raise ParameterError("lookback must be longer than zero", hint="write lookback='180d', or None")
        if not isinstance(self.incident, bool):
            raise ParameterError(f"incident must be True or False, not {type(self.incident).__name__}")
        if self.incident:
            _check_incident(outcome)
        checked = {
            "outcome": outcome,
            "at": at,
            "lookback": lookback,
            "lead": _canonical(self.lead, "lead"),
            "exclude_events": event_names(self.exclude_events),
            "min_tenure": _canonical(self.min_tenure, "min_tenure"),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def _take_from_labels(self) -> None:
        if self.labels is None:
            raise ParameterError("a study needs an outcome and index times", hint="or use Study.from_labels(labels)")
        if not isinstance(self.labels, Labels):
            raise ParameterError(
                f"labels must be Labels, not {type(self.labels).__name__}",
                hint="make them with sm.label(log, study) or sm.Labels.from_arrow(table)",
            )
        if self.outcome is not None or self.at is not None:
            raise ParameterError(
                "given labels have their outcome and index times already", hint="leave out outcome and at, or labels"
            )
        lookback = None if self.labels.lookback is None else format_duration(self.labels.lookback)
        # A field at its default follows the labels; one that says otherwise would be ignored in silence.
        for name, default, value in (
            ("lookback", None, lookback),
            ("lead", "0d", "0s"),
            ("exclude_events", (), self.labels.exclude_events),
            ("incident", False, False),
            ("min_tenure", "0d", "0s"),
        ):
            if getattr(self, name) not in (default, value):
                raise ParameterError(
                    f"{name} cannot be changed for given labels", hint="labels take lookback and exclude_events"
                )
            object.__setattr__(self, name, value)


def _check_out_of_time(value: object) -> None:
    if value is None or value == "auto":
        return
    if isinstance(value, str) and not value.strip()[:1].isdigit():
        raise ParameterError(
            f"out_of_time must be 'auto', None or a date, not {shorten(value)!r}", hint="write out_of_time='2017-10-01'"
        )
    point(value, "out_of_time")


def _canonical(duration: str | timedelta, name: str) -> str:
    return format_duration(parse_duration(duration, name))


def _check_incident(outcome: Outcome) -> None:
    if outcome.measure == "sum" or outcome.is_numeric or outcome.percent is not None:
        raise ParameterError(
            "incident needs an outcome that comes true at one moment",
            hint="use exists(...), or count(...) with > or >=",
        )
    if outcome.comparison is None:
        return
    if outcome.comparison not in (">", ">="):
        raise ParameterError(
            f"incident means nothing for '{outcome.comparison}': it holds before anything happened",
            hint="use > or >=, or leave incident out",
        )
    if outcome.comparison == ">=" and outcome.threshold == 0:
        raise ParameterError(
            "incident means nothing for '>= 0': it holds before anything happened",
            hint="compare with 1 or more, or leave incident out",
        )
