"""Count the instructions of the engine's hot kernels and compare them with the stored table.

    python tools/instructions.py              compare; ends with 1 where a kernel takes over 3 % more than it did
    python tools/instructions.py --update     write the table (make instructions-baseline)

Times depend on what else the machine does; the number of instructions on a fixed input does not. `valgrind
--tool=callgrind` counts those of one call, on one thread (cpp/bench/kernels.cpp). Two builds are counted: ``baseline``
as wheels are built (x86-64-v2, no AVX), and ``avx2`` (x86-64-v3); permutations are counted by the scalar kernel in the
first and by that for AVX2 in the second, and valgrind knows no AVX-512. The table, tests/instructions/baseline.json,
has one section for each compiler, C library and architecture, because their code differs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "instructions" / "baseline.json"
BUILDS = {"baseline": "seqmine_kernels", "avx2": "seqmine_kernels_avx2"}
ALLOWED = 0.03
COUNTED = "seqmine_counted_kernel"


class NotBuilt(RuntimeError):
    """There are no kernel programs in the build directory."""


@dataclass(frozen=True)
class Count:
    """One kernel's instructions, and the number that its answer was boiled down to."""

    instructions: int
    answer: int


Counts = dict[str, dict[str, Count]]  # build -> kernel -> count


def programs(folder: Path | None = None) -> Path:
    """Return the folder of the kernel programs: the one built last, of all build directories."""
    places = [folder] if folder else list((ROOT / "build").glob("*/cpp/bench"))
    built = [place for place in places if (place / BUILDS["baseline"]).exists()]
    if not built:
        raise NotBuilt("no kernel programs: build with -DSEQMINE_KERNELS=ON (`make build` and the preset `default` do)")
    return max(built, key=lambda place: (place / BUILDS["baseline"]).stat().st_mtime)


def toolchain(folder: Path) -> str:
    """Name what the counts belong to: compiler, architecture, C library."""
    built = (folder / "toolchain.txt").read_text(encoding="utf-8").strip()
    return f"{built}, {' '.join(platform.libc_ver()) or 'unknown C library'}"


def count(program: Path, kernel: str) -> Count:
    """Count one kernel. The same program gives the same number every time."""
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "callgrind.out"
        done = subprocess.run(
            [
                *("valgrind", "-q", "--tool=callgrind", f"--toggle-collect={COUNTED}"),
                *(f"--callgrind-out-file={out}", str(program), kernel),
            ],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode != 0:
            raise RuntimeError(f"{program.name} {kernel} ended with {done.returncode}: {done.stderr.strip()}")
        lines = out.read_text(encoding="utf-8", errors="replace").splitlines()
    totals = next(int(line.split()[1]) for line in lines if line.startswith("totals:"))
    if totals == 0:
        raise RuntimeError(f"nothing was counted in {program.name} {kernel}: is {COUNTED} still called by that name?")
    return Count(totals, int(done.stdout))


def has_avx2() -> bool:
    """Whether this machine can run the wider build (valgrind shows programs the machine's own features)."""
    info = Path("/proc/cpuinfo")
    return not info.exists() or " avx2" in info.read_text(encoding="utf-8", errors="replace")


def count_all(folder: Path) -> Counts:
    """Count every kernel of every build."""
    listed = subprocess.run([folder / BUILDS["baseline"], "--list"], capture_output=True, text=True, check=True)
    builds = {name: folder / file for name, file in BUILDS.items() if (folder / file).exists()}
    if not has_avx2():
        builds.pop("avx2", None)
    asked = [(build, kernel) for build in builds for kernel in listed.stdout.split()]
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        counted = list(pool.map(lambda one: count(builds[one[0]], one[1]), asked))
    counts: Counts = {build: {} for build in builds}
    for (build, kernel), found in zip(asked, counted, strict=True):
        counts[build][kernel] = found
    return counts


def read_table(path: Path = TABLE) -> dict[str, Counts]:
    """Read the stored table: toolchain -> build -> kernel -> count."""
    stored = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return {
        key: {build: {kernel: Count(**cell) for kernel, cell in row.items()} for build, row in section.items()}
        for key, section in stored.items()
    }


def write_table(table: dict[str, Counts], path: Path = TABLE) -> None:
    """Write the table, sorted, so that a change shows as the lines that changed."""
    plain = {
        key: {build: {kernel: vars(cell) for kernel, cell in row.items()} for build, row in section.items()}
        for key, section in table.items()
    }
    path.write_text(json.dumps(plain, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def problems(was: Counts, now: Counts, allowed: float = ALLOWED) -> list[str]:
    """Say what is worse now than it was, one line a kernel."""
    found = []
    for build, row in was.items():
        if build not in now:
            continue  # a machine without AVX2 cannot run that build
        for kernel, before in row.items():
            after = now[build].get(kernel)
            name = f"{kernel} ({build})"
            if after is None:
                found.append(f"{name}: is in the table, but not in the program")
            elif after.answer != before.answer:
                found.append(f"{name}: its answer was {before.answer}, is {after.answer}: not the same work any more")
            elif after.instructions > before.instructions * (1 + allowed):
                more = after.instructions / before.instructions - 1
                found.append(
                    f"{name}: was {before.instructions:,} instructions, is {after.instructions:,} (+{more:.1%}; "
                    f"{allowed:.0%} is allowed)"
                )
        found += [f"{kernel} ({build}): is not in the table" for kernel in now[build] if kernel not in row]
    return found


def report(was: Counts, now: Counts) -> str:
    """Return the counts, one line a kernel, with the change."""
    lines = []
    for build, row in now.items():
        for kernel, cell in row.items():
            before = was.get(build, {}).get(kernel)
            change = "new" if before is None else f"{cell.instructions / before.instructions - 1:+.2%}"
            lines.append(f"{build:9} {kernel:24} {cell.instructions:>15,} {change:>9}")
    return "\n".join(lines)


def main() -> int:
    """Compare or update, by the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write what is counted into the table")
    parser.add_argument("--programs", type=Path, help="the folder of the kernel programs (default: the last built)")
    asked = parser.parse_args()
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: nothing can be counted", file=sys.stderr)
        return 2
    try:
        folder = programs(asked.programs)
    except NotBuilt as error:
        print(error, file=sys.stderr)
        return 2
    key, table, now = toolchain(folder), read_table(), count_all(folder)
    print(key)
    print(report(table.get(key, {}), now))
    if asked.update:
        write_table(table | {key: table.get(key, {}) | now})
        return 0
    if key not in table:
        print(f"no counts for {key!r} yet: make instructions-baseline writes them", file=sys.stderr)
        return 2
    wrong = problems(table[key], now)
    print("\n".join(wrong), file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
