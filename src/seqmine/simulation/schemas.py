"""The tables of a simulation's truth: their names and columns."""

from __future__ import annotations

from typing import Any, Final

import pyarrow as pa

from seqmine.simulation.moments import OUTCOMES
from seqmine.simulation.spec import SimulationSpec

__all__ = ["ARMS", "ASSIGNMENTS", "STAMP", "TREATED", "WORLDS", "tables_of"]

ARMS: Final = ("control", "treated")
WORLDS: Final = ("factual", "usual", "none")
STAMP: Any = pa.timestamp("us", "UTC")
_INSTANCES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("moment", pa.dictionary(pa.int16(), pa.string())),
        ("start_time", STAMP),
        ("moment_time", STAMP),
        ("ready_time", STAMP),
    ]
)
_OUTCOMES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("outcome", pa.dictionary(pa.int8(), pa.string())),
        ("time", STAMP),
        ("label", pa.int8()),
        ("flipped", pa.bool_()),
    ]
)
_ENTITIES: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("time", STAMP),
        ("segment", pa.dictionary(pa.int8(), pa.string())),
        ("tz_offset", pa.int8()),
        ("exposure", pa.float64()),
        ("size", pa.float64()),
        ("followed_until", STAMP),
        ("churn_time", STAMP),
        ("vip_time", STAMP),
        ("n_referrals", pa.int64()),
        ("n_events", pa.int64()),
    ]
)
_TRAITS: Final = (("plan", pa.string()), ("score", pa.float64()), ("hidden", pa.float64()))
TREATED: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("action", pa.dictionary(pa.int16(), pa.string())),
        ("ready_time", STAMP),
        ("time", STAMP),
        ("channel", pa.dictionary(pa.int8(), pa.string())),
        *((f"{outcome}_{world}", STAMP) for outcome in OUTCOMES for world in WORLDS),
    ]
)
ASSIGNMENTS: Final = pa.schema(
    [
        ("entity", pa.string()),
        ("action", pa.string()),
        ("time", STAMP),
        ("arm", pa.dictionary(pa.int8(), pa.string())),
        ("probability", pa.float64()),
        ("scheduled_delay", pa.duration("us")),
        ("cluster", pa.int64()),
    ]
)


def tables_of(spec: SimulationSpec) -> dict[str, pa.Schema]:
    """Return the tables that the truth of a spec has, by name."""
    tables = {"instances": _INSTANCES, "outcomes": _OUTCOMES, "entities": _ENTITIES}
    if spec.actions:
        tables["entities"] = pa.schema([*_ENTITIES, *(pa.field(name, kind) for name, kind in _TRAITS)])
        tables["treated"] = TREATED
    if spec.experiment is not None:
        tables["assignments"] = ASSIGNMENTS
    return tables
