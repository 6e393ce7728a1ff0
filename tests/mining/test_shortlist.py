"""What is taken to the half that judges."""

from __future__ import annotations

import random

import numpy as np
import pytest

import seqmine as sm
from seqmine.mining.gaps import _Aim, _best

DAY = 86_400


def mailed(seed: int) -> tuple[sm.EventLog, sm.Study]:
    """Half of 2,400 get a mail and buy twice as often; nearly all of them visit within a day after it, as all do."""
    rng = random.Random(seed)
    rows = []
    for i in range(2_400):
        name, mail = f"c{i:04}", rng.random() < 0.5
        rows += [(name, day * DAY + i, "visit") for day in range(10) if rng.random() < 0.97]
        if mail:
            rows.append((name, 3 * DAY + 20_000 + i, "mail"))
        if rng.random() < (0.6 if mail else 0.3):
            rows.append((name, 12 * DAY, "buy"))
        rows.append((name, 30 * DAY, "invoice"))
    entity, time, event = map(list, zip(*rows, strict=True))
    log = sm.EventLog.from_arrow({"entity": entity, "time": time, "event": event}, time_unit="s", plausible_years=None)
    return log, sm.Study("exists(buy) within 7d", at="1970-01-12", seed=seed)


@pytest.mark.parametrize("seed", range(4))
def test_of_patterns_with_nearly_the_same_rows_the_simplest_is_judged(seed: int) -> None:
    """ "mail, then a visit" has the rows of "mail" and may be ahead by luck; judged alone it adds nothing to "mail"."""
    log, study = mailed(seed)
    found = sm.mine(log, study, sm.MinerOptions(min_support=100, max_length=2, max_gap="2d", learn_gaps=False))
    verdicts = {row["pattern"]: row["verdict"] for row in found.to_arrow().to_pylist()}
    assert verdicts["mail"] == "validated"
    assert "mail -[1us,2d)-> visit" not in verdicts


def test_of_gaps_with_the_same_rows_the_narrower_in_time_is_taken() -> None:
    """Bins of 90, 5 and 1: half of the rows are seen in the first and the last, the others, which are low, between."""
    n = np.array([[50, 100, 100], [0, 50, 100], [0, 0, 50]])
    weight = np.array([[500, 0, 0], [0, -500, 0], [0, 0, 500]])
    best = _best(n, weight, [0, 90, 95, 96], _Aim(np.zeros(0, dtype=np.int64), 1, (1, -1)))
    assert best is not None and (best.lo, best.hi) == (95, 96)
