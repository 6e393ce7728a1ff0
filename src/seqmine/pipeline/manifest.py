"""What a result says of its making: what decides its bytes in ``manifest.json``, all else in ``run.json``."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine import __version__
from seqmine._files import file_digest, json_bytes
from seqmine.pipeline.progress import Progress

if TYPE_CHECKING:
    from seqmine.events.log import EventLog

__all__ = ["SCHEMA", "describe_log", "host_record", "manifest", "output_digest", "output_digests", "run_identity"]

SCHEMA = "seqmine-manifest/1"
UNDIGESTED = frozenset({"manifest.json", "run.json"})


def run_identity(options: Mapping[str, Any], inputs: list[dict[str, Any]]) -> str:
    """Return the id of a run: the same options on the same inputs have the same one."""
    basis = {"schema": SCHEMA, "seqmine": __version__, "options": options, "inputs": inputs}
    return hashlib.sha256(json_bytes(basis)).hexdigest()[:16]


def describe_log(log: EventLog) -> dict[str, Any]:
    """Return what identifies a log, as plain values."""
    return {
        "digest": log.digest,
        "n_events": log.n_events,
        "n_entities": log.n_entities,
        "n_event_types": len(log.event_types),
        "timezone": log.timezone,
        "observed_until": int(log.observed_until),
        "accounting": _without_paths(log.accounting.to_dict()),
    }


def _without_paths(accounting: dict[str, Any]) -> dict[str, Any]:
    examples = {
        reason: [place | {"file": None if place["file"] is None else Path(place["file"]).name} for place in places]
        for reason, places in accounting.get("examples", {}).items()
    }
    return accounting | {"examples": examples}


def manifest(
    command: str,
    *,
    options: Mapping[str, Any],
    inputs: list[dict[str, Any]],
    log: EventLog | None = None,
    labels: Mapping[str, Any] | None = None,
    result: Mapping[str, Any] | None = None,
    outputs: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return the manifest of a result. It holds no time, host, path or thread count: equal inputs give equal bytes."""
    return {
        "schema": SCHEMA,
        "seqmine": __version__,
        "command": command,
        "run_id": run_identity(options, inputs),
        "options": dict(options),
        "inputs": inputs,
        "log": None if log is None else describe_log(log),
        "labels": None if labels is None else dict(labels),
        "result": None if result is None else dict(result),
        "outputs": outputs,
    }


def output_digests(folder: Path) -> list[dict[str, Any]]:
    """Return name, size and SHA-256 of every result file below ``folder``."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    named = [(file, file.relative_to(folder).as_posix()) for file in files]
    return [output_digest(file, name) for file, name in named if name not in UNDIGESTED]


def output_digest(file: Path, name: str | None = None) -> dict[str, Any]:
    """Return name, size and SHA-256 of one result file."""
    digest, size = file_digest(file)
    return {"name": name or file.name, "sha256": digest, "size": size}


def host_record(progress: Progress, *, paths: Mapping[str, Any], threads: int) -> dict[str, Any]:
    """Return what differs from run to run: when, where, how long, with what."""
    import numpy
    import pyarrow

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": platform.node(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": threads,
        "python": platform.python_version(),
        "numpy": numpy.__version__,
        "pyarrow": pyarrow.__version__,
        "peak_memory_bytes": peak if sys.platform == "darwin" else peak * 1024,
        "seconds": {name: round(spent, 3) for name, spent in progress.seconds.items()},
        "paths": dict(paths),
    }
