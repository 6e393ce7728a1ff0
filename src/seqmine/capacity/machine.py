"""What this machine has: memory and caches."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import NamedTuple

__all__ = ["Caches", "caches", "machine_memory"]


class Caches(NamedTuple):
    """Bytes of the largest cache that a core has to itself, and of the last one."""

    own: int
    last: int


@functools.cache
def caches() -> Caches:
    """The caches of the first core; 1 MB and 32 MB where the system does not say."""
    sizes: dict[int, int] = {}
    for index in Path("/sys/devices/system/cpu/cpu0/cache").glob("index*"):
        try:
            level, size, kind = ((index / name).read_text().strip() for name in ("level", "size", "type"))
        except OSError:
            continue
        if kind != "Instruction" and size.endswith("K"):
            sizes[int(level)] = int(size[:-1]) * 1024
    return Caches(sizes.get(2, 1 << 20), sizes[max(sizes)] if sizes else 32 << 20)


def machine_memory() -> int:
    """Bytes of memory that this machine, or the container that we run in, has."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii").strip()
    except OSError:
        return total
    return min(total, int(limit)) if limit.isdigit() else total
