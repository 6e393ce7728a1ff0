"""seqmine: `mine_frequent` without limits."""

from __future__ import annotations

from peers import mined, side

side.run(mined.load, mined.work, mined.compare)
