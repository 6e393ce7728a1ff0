"""The demo's two questions, each with a study that cannot leak and a fair comparison."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from seqmine.demo.data import Shopping
from seqmine.demo.strata import with_strata

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels, Study
    from seqmine.mining import StudyResult

__all__ = ["QUESTIONS", "Answered", "Question", "answer"]

LOOKBACK_DAYS = 120
# The baskets begin with the year, so an earlier index has less than its lookback behind it.
FIRST_INDEX = "2017-05-01T00:00:00-04:00"
MINER: dict[str, Any] = {
    "max_length": 3,
    "max_gap": "6w",
    "gap_bins": ("1d", "3d", "1w", "2w", "3w", "4w"),
    "min_support": 100,
    "top_k": 40,
    "context": ("trip",),
    "redundancy": 0.6,
}


@dataclass(frozen=True)
class Question:
    """One question: what is asked when, what must not be seen, and what is compared with what.

    Attributes
    ----------
    name
        Of its files.
    title, outcome, index, hidden, compared
        For the reader.
    happened
        The outcome as a verb, for the counts.
    at
        Index times; None asks at every mailing from `FIRST_INDEX` on.
    exclude_events
        Event types that patterns never see.
    strata
        Columns of the labels that a comparison holds equal.
    """

    name: str
    title: str
    outcome: str
    index: str
    hidden: str
    compared: str
    happened: str
    at: tuple[str, ...] | None
    exclude_events: tuple[str, ...]
    strata: tuple[str, ...]

    def study(self, shopping: Shopping) -> Study:
        """Return the study for `label`."""
        from seqmine.labels import Outcome, Study

        return Study(
            Outcome(self.outcome),
            at=_mailings(shopping) if self.at is None else list(self.at),
            lookback=f"{LOOKBACK_DAYS}d",
            exclude_events=self.exclude_events,
        )


QUESTIONS = (
    Question(
        name="stops_buying",
        title="What comes before a household stops buying?",
        outcome="no basket within 60d",
        index="asked on 1 May, 1 July, 1 September and 1 November 2017, of those with a basket in the 60 days before",
        hidden="patterns see the 120 days before the date; nothing at or after it",
        compared="households that came equally often and were last seen equally long ago",
        happened="stopped",
        at=("2017-05-01", "2017-07-01", "2017-09-01", "2017-11-01"),
        exclude_events=(),
        strata=("activity", "recency"),
    ),
    Question(
        name="redeems_coupon",
        title="What comes before a mailed household redeems a coupon?",
        outcome="exists(redeem) within 45d",
        index="asked at each campaign mailing from 1 May 2017 on, of the household that was mailed; before an earlier "
        "one there are less than 120 days of baskets",
        hidden="patterns see the 120 days before the mailing, but no redemptions: those are the outcome itself",
        compared="households that were mailed the same type of campaign and came equally often",
        happened="redeemed",
        at=None,
        exclude_events=("redeem",),
        strata=("campaign", "activity"),
    ),
)


def _mailings(shopping: Shopping) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    first = pa.scalar(datetime.fromisoformat(FIRST_INDEX), pa.timestamp("us", "UTC"))
    return shopping.mailings.filter(pc.greater_equal(shopping.mailings["index_time"], first))


@dataclass(frozen=True)
class Answered:
    """A question with its rows (strata included) and its moments."""

    question: Question
    labels: Labels
    table: Any
    moments: StudyResult


def answer(log: EventLog, shopping: Shopping, question: Question, threads: int) -> Answered:
    """Label one question, find patterns on one half of the households, and judge them on the other."""
    from seqmine.labels import Labels, Study, label
    from seqmine.mining import EvidenceOptions, MinerOptions
    from seqmine.pipeline.judged import judge

    study = question.study(shopping)
    labels = label(log, study, threads=threads)
    table = with_strata(log, labels, "basket", LOOKBACK_DAYS)
    rows = Labels.from_arrow(table, study.lookback, study.exclude_events)
    options = MinerOptions(**MINER, strata=question.strata, threads=threads)
    # Its own strata say more of shopping than the default ones, and both at once would leave too few rows in each.
    moments = judge(log, Study.from_labels(rows), options, EvidenceOptions(adjust=()))
    return Answered(question, labels, rows.to_arrow(), moments)
