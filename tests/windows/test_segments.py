"""The effect by segment and by variant, on worlds in which only some respond, or only one channel works."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import seqmine as sm
from windows.worlds import ACTION, MOMENT, World, world


def result_of(made: World, **options: Any) -> sm.WindowResult:
    log = sm.EventLog.from_arrow(made.events, value="value", **made.reading)
    study = sm.Study(sm.Outcome.from_table(made.outcomes, horizon="30d"), at="2024-01-01T00:00:00Z", seed=1)
    return sm.scan_windows(log, MOMENT, ACTION, study, sm.WindowOptions(max_delay="7d", threads=1, **options))


def rows_of(result: sm.WindowResult, window: int = 1) -> dict[tuple[str | None, str | None], dict[str, Any]]:
    table = result.segments().to_pylist()
    return {(row["value"], row["variant"]): row for row in table if row["window"] == window}


def test_segments_that_respond_and_segments_that_do_not() -> None:
    made = world(30_000, 11, effect="step", size=-0.6, segments=True)
    rows = rows_of(result_of(made, segments=["plan"]))
    plus, basic = rows["plus", None], rows["basic", None]
    assert plus["effect"] == pytest.approx(made.truth.att(19, 37, plus=True), abs=3 * 0.03)
    assert abs(basic["effect"]) < 3 * 0.02
    assert plus["p_interaction"] == basic["p_interaction"] < 0.01
    # Shrunk towards each other, and not past each other.
    assert plus["effect"] <= plus["shrunk"] <= basic["shrunk"] <= basic["effect"] + 1e-12


def test_variants_and_which_segment_answers_to_which() -> None:
    made = world(30_000, 12, effect="step", size=-0.6, variants=True)
    rows = rows_of(result_of(made, variant="channel", segments=["plan"]))
    sms, phone = rows[None, "sms"], rows[None, "phone"]
    assert sms["effect"] == pytest.approx(made.truth.att(19, 37, sms=True), abs=3 * 0.025)
    assert abs(phone["effect"]) < 3 * 0.02
    assert sms["p_interaction"] < 0.01
    assert {"plus", "basic"} <= {value for value, _ in rows}
    assert rows["plus", "sms"]["effect"] < rows["plus", "phone"]["effect"]
    # Both variants together are all that were treated.
    whole = result_of(made, variant="channel").to_arrow().to_pylist()[0]
    assert sms["n_treated"] + phone["n_treated"] == whole["n_treated"]


def test_segments_that_are_alike_differ_by_chance_alone() -> None:
    p = []
    for seed in range(21, 27):
        made = world(12_000, seed, effect="constant")
        p.append(rows_of(result_of(made, segments=["plan"]))["plus", None]["p_interaction"])
    assert np.min(p) > 0.002 and np.median(p) > 0.1


def test_few_treated_rows_are_suppressed() -> None:
    made = world(3_000, 5, effect="none")
    code = np.array(["rare" if i % 400 == 0 else "common" for i in range(made.events.num_rows)])
    events = made.events.append_column("group", [code])
    log = sm.EventLog.from_arrow(events, value="value", **(made.reading | {"attributes": ["group"]}))
    study = sm.Study(sm.Outcome.from_table(made.outcomes, horizon="30d"), at="2024-01-01T00:00:00Z", seed=1)
    options = sm.WindowOptions(max_delay="7d", segments=["group"], threads=1)
    rows = sm.scan_windows(log, MOMENT, ACTION, study, options).segments().to_pylist()
    rare = next(row for row in rows if row["value"] == "rare")
    assert rare["suppressed"] and rare["effect"] is None and rare["shrunk"] is None
