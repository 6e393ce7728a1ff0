"""seqmine: read the Parquet log, save it sorted by entity and time with types encoded."""

import sys

import seqmine as sm

source, target, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
log = sm.EventLog.read(source, entity="entity", time="time", event="event", threads=threads)
log.save(target)
