"""Check what is in the wheels of a directory: the package, its extension module, its licences, and nothing else."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

ALLOWED = (
    r"seqmine/[a-z_/]+\.py",
    r"seqmine/py\.typed",
    r"seqmine/_core\.pyi",
    r"seqmine/_core\.[a-z0-9_-]+\.(so|pyd)",
    r"seqmine-[0-9.]+\.dist-info/(METADATA|WHEEL|RECORD|entry_points\.txt)",
    r"seqmine-[0-9.]+\.dist-info/licenses/(LICENSE|cpp/third_party/doctest/LICENSE\.txt)",
)
NEEDED = ("seqmine/__init__.py", "seqmine/py.typed", "seqmine/_core.pyi", "seqmine/cli/app.py")
MAX_BYTES = 4 << 20


def problems(wheel: Path) -> list[str]:
    """Return what is wrong with one wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = next(archive.read(name).decode() for name in names if name.endswith("/METADATA"))
    found = [f"does not belong: {name}" for name in names if not any(re.fullmatch(form, name) for form in ALLOWED)]
    found += [f"is missing: {name}" for name in NEEDED if name not in names]
    modules = [name for name in names if "/_core." in name and not name.endswith(".pyi")]
    if len(modules) != 1:
        found.append(f"holds {len(modules)} extension modules, not one")
    if wheel.stat().st_size > MAX_BYTES:
        found.append(f"is larger than {MAX_BYTES:,} bytes")
    # What a plain install pulls: run time only.
    plain = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line]
    pulled = {re.split(r"[^A-Za-z0-9_-]", line.split(": ")[1])[0] for line in plain}
    found += [
        f"is pulled by a plain install: {name}" for name in sorted(pulled & {"pandas", "polars", "duckdb", "pytest"})
    ]
    return found


def main() -> int:
    """Check every wheel in the directory that the command line names."""
    wheels = sorted(Path(sys.argv[1]).glob("seqmine-*.whl"))
    if not wheels:
        print("no wheel there", file=sys.stderr)
        return 1
    wrong = [f"{wheel.name}: {problem}" for wheel in wheels for problem in problems(wheel)]
    print("\n".join(wrong) or f"{len(wheels)} wheel(s): nothing but the package")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
