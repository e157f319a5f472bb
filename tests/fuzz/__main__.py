"""`scripts/fuzz --count 10000`: damaged files for every reader, or for those that are named."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from fuzz.pool import case, run
from fuzz.targets import targets


def main() -> int:
    """0 if every damaged file was read or refused."""
    parser = argparse.ArgumentParser(prog="scripts/fuzz", description=__doc__)
    parser.add_argument("names", nargs="*", help="beginnings of the targets' names; all by default")
    parser.add_argument("--count", type=int, default=10_000, help="damaged files in all")
    parser.add_argument("--seed", type=int, default=0, help="another number gives other files")
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--case", help="TARGET/INDEX: read this one file here, with its traceback")
    parser.add_argument("--keep", type=Path, help="with --case: write the damaged file into this folder")
    options = parser.parse_args()
    if options.case:
        return _again(options.case, options.seed, options.keep or Path())
    report = run(targets(options.names), options.count, options.seed, options.processes)
    print("\n".join(report.lines()))
    return bool(report.faults)


def _again(name: str, seed: int, folder: Path) -> int:
    """Make one case again, and read it."""
    target_name, _, index = name.rpartition("/")
    (target,) = (target for target in targets() if target.name == target_name)
    found, content = case(target, target.seeds(), int(index), seed)
    path = folder / found.name
    path.write_bytes(content)
    print(f"{path}: {len(content)} bytes")
    print(target.read(path))
    return 0


sys.exit(main())
