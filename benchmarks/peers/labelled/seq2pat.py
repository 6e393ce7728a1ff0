"""seq2pat's dichotomic pattern mining: one miner for each class, then unions and intersections of what they found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sequential.dpm import dichotomic_pattern_mining
from sequential.seq2pat import Attribute, Seq2Pat

from peers import rows, side

Lists = list[list[int]]


def load(job: dict[str, Any]) -> list[tuple[Lists, Lists]]:
    """Sequences and times of the positive and of the negative class."""
    log = rows.read(job["folder"])
    codes, times = (rows.as_lists(log["offsets"], log[column]) for column in ("code", "time"))
    classes = []
    for wanted in (1, 0):
        chosen = [i for i, label in enumerate(log["label"].tolist()) if label == wanted]
        classes.append(([codes[i] for i in chosen], [times[i] for i in chosen]))
    return classes


def work(job: dict[str, Any], classes: list[tuple[Lists, Lists]]) -> dict[str, Lists]:
    miners = []
    for sequences, times in classes:
        miner = Seq2Pat(sequences=sequences, max_span=job["max_span_items"])
        miner.add_constraint(job["gap"][0] <= Attribute(times).gap() <= job["gap"][1])
        miners.append(miner)
    share = job["share"]
    found: dict[str, Lists] = dichotomic_pattern_mining(*miners, min_frequency_pos=share, min_frequency_neg=share)
    return found


def leave(job: dict[str, Any], found: dict[str, Lists]) -> dict[str, Any]:
    """The patterns go to the judge by way of a file."""
    Path(job["found"]).write_text(json.dumps(found))
    return {"n": len(found["union"])}


side.run(load, work, leave)
