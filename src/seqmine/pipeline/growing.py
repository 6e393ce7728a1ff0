"""Event files joining a saved log."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqmine._validate import check_threads

if TYPE_CHECKING:
    from seqmine.events.segments import Appended

__all__ = ["Joined", "append_files", "compact_log"]


@dataclass(frozen=True)
class Joined:
    """What `append_files` did, and where bad rows went: None when the log refuses them."""

    appended: Appended
    quarantine: str | None


def append_files(
    path: str | os.PathLike[str],
    files: Sequence[str],
    *,
    quarantine: str | None = None,
    format: str | None = None,
    compact: bool | None = None,
    threads: int = 0,
    **keywords: Any,
) -> Joined:
    """Append event files to a saved log; ``keywords`` are further ones of `EventLog.append`.

    Bad rows that are to be set aside go to ``quarantine``, else to the first free ``PATH.quarantine-2.parquet``,
    ``-3`` and so on beside the log.
    """
    from seqmine.events.segments import append_saved, open_saved
    from seqmine.events.sources import open_paths

    check_threads(threads)
    recipe = open_saved(path, verify=False).parts.recipe
    if quarantine is None and recipe is not None and recipe.on_bad_row == "quarantine":
        quarantine = _free_name(Path(path))
    sources = open_paths(list(files), format, 200.0)
    appended = append_saved(
        path,
        sources,
        **{"observed_until": None, "identity": None, "starts": None} | keywords,
        quarantine=quarantine,
        compact=compact,
        threads=threads,
    )
    return Joined(appended, quarantine)


def compact_log(path: str | os.PathLike[str], *, threads: int = 0) -> int:
    """Make a saved log one without segments; return how many it had."""
    from seqmine.events.segments import compact_saved

    check_threads(threads)
    return compact_saved(path, threads=threads)


def _free_name(log: Path) -> str:
    number = 2
    while (name := log.with_name(f"{log.name}.quarantine-{number}.parquet")).exists():
        number += 1
    return str(name)
