"""How busy a household was before the index, and how recently it came: what a fair comparison holds equal.

Busy households do more of everything, so they match every pattern more often, and they stop less. Compared with all
households, "two quick trips" would look like a cure. Within strata of equal activity it is compared with its like.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

if TYPE_CHECKING:
    from seqmine.events.log import EventLog
    from seqmine.labels import Labels

__all__ = ["with_strata"]

Int64 = npt.NDArray[np.int64]

_DAY = 86_400_000_000
_ACTIVITY, _RECENCY = 10, 5


def with_strata(log: EventLog, labels: Labels, event: str, days: int) -> pa.Table:
    """Return the labels with the columns ``activity`` and ``recency``.

    ``activity`` is the tenth of the rows by number of ``event`` in the ``days`` before the index, ``recency`` the fifth
    by time since the last one; both count from 0. Nothing at or after the index is looked at.
    """
    table = labels.to_arrow()
    entity = log.entity_index(table["entity"].combine_chunks())
    index = table["index_time"].cast(pa.int64()).to_numpy()
    keys, origin, width = _keys(log, event)
    end = _position(keys, entity, index, origin, width)
    begin = _position(keys, entity, index - days * _DAY, origin, width)
    last = keys[np.maximum(end - 1, 0)] - entity * width + origin
    since = np.where(end > begin, index - last, np.iinfo(np.int64).max)
    columns = {"activity": _share(end - begin, _ACTIVITY), "recency": _share(since, _RECENCY)}
    for name, stratum in columns.items():
        table = table.append_column(name, pa.array(stratum, pa.int32()))
    return table


def _keys(log: EventLog, event: str) -> tuple[Int64, int, int]:
    """One ascending number for each such event: its entity times a width, plus its time since an origin."""
    code = log.event_types.index(event)
    chosen = np.asarray(log.code) == code
    time = np.asarray(log.time)[chosen]
    offsets: Any = log.entity_offsets
    entity = np.repeat(np.arange(log.n_entities, dtype=np.int64), np.diff(offsets))[chosen]
    origin = int(time.min())
    width = int(time.max()) - origin + 1
    return entity * width + (time - origin), origin, width


def _position(keys: Int64, entity: Int64, time: Int64, origin: int, width: int) -> Int64:
    """How many events come before the entity's events at or after ``time``."""
    return np.searchsorted(keys, entity * width + np.clip(time - origin, 0, width))


def _share(values: Int64, n: int) -> Any:
    """Return to which n-th of the rows each belongs; equal values stay together."""
    edges = np.unique(np.quantile(values, np.arange(1, n) / n, method="higher"))
    return np.searchsorted(edges, values, side="right").astype(np.int32)
