"""How long does a group of 200 exports take, how much memory, and does time grow with people?

    python benchmarks/group.py EXPORTS                     50, 100 and 200 people, made from the exports in EXPORTS
    python benchmarks/group.py EXPORTS --people 12 24

The files that a group reads (record, tables, maps on the standard mesh, relevance in MNI space) of the exports in
EXPORTS, which need `levels.tsv`, get new ids. The values of each region are multiplied by a random factor. The command
runs in a process of its own, with maps and page, and with pictures where there is a Workbench.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from wall import same_file

from wbtools.anatomy import Hemisphere
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.ownership import PROVENANCE
from wbtools.provenance import sha256
from wbtools.reading import Export, open_batch

_MESH = "32k_fs_LR"
_SPREAD = 0.3
"""SD of the factors' binary logarithm."""


def main() -> None:
    """Make the exports, then groups of them, and print what each took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports", type=Path)
    parser.add_argument("--people", type=int, nargs="+", default=[50, 100, 200])
    parser.add_argument("--option", action="append", default=[], help="of wbtools group, too")
    asked = parser.parse_args()
    models = list(open_batch(asked.exports))
    print("people  seconds  CPU s  CPU s a person  MiB")
    for people in asked.people:
        with tempfile.TemporaryDirectory() as name:
            rng = np.random.default_rng(0)
            for number in range(people):
                write_person(models[number % len(models)], Path(name) / "out", f"made{number}", rng)
            seconds, processor, memory = _measured(Path(name), asked.option)
        print(f"{people:6d}  {seconds:7.1f}  {processor:5.1f}  {processor / people:14.3f}  {memory:4.0f}")


def _measured(root: Path, options: list[str]) -> tuple[float, float, float]:
    """Seconds, processor seconds and MiB of one run of the command."""
    command = [sys.executable, "-m", "wbtools.cli", "group", str(root / "out"), "--out", str(root / "group"), *options]
    begun, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"})
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    processor = used.ru_utime + used.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - begun, processor, used.ru_maxrss / 1024


def write_person(model: Export, root: Path, who: str, rng: np.random.Generator) -> None:
    """What a group reads of an export, under another id and with other values."""
    network = next(iter(model.networks))
    tables = (Output(OutputKind.REGIONS, network), Output(OutputKind.LEVELS, network))
    maps = [Output(OutputKind.METRIC, network, side, _MESH) for side in Hemisphere]
    maps += [Output(OutputKind.RELEVANCE_MNI, network), Output(OutputKind.LUT, atlas=model.contents.record.atlas)]
    names = {what: model.contents.name(what) for what in (*tables, *maps)}
    renamed = {what: root / who / name.replace(model.subject, who) for what, name in names.items()}
    for path in renamed.values():
        path.parent.mkdir(parents=True, exist_ok=True)
    for what in maps:
        same_file(model.folder / names[what], renamed[what])
    factors = dict(zip(model.table.index, rng.normal(0, _SPREAD, len(model.table)), strict=True))
    for what, (column, doubled) in zip(tables, (("abs_mean", False), ("level", True)), strict=True):
        _write_changed(model.folder / names[what], renamed[what], column, factors, doubled)
    record = json.loads(json.dumps(dict(model.provenance)))
    record["subject"]["id"] = record["settings"]["subject"] = who
    for key in ("outputs_sha256", "outputs_bytes"):
        record[key] = {name.replace(model.subject, who): value for name, value in record[key].items()}
    record["inputs_sha256"] = {name: f"{who} {value}" for name, value in record["inputs_sha256"].items()}
    for what in tables:
        name = renamed[what].relative_to(root / who).as_posix()
        record["outputs_sha256"][name] = sha256(renamed[what])
        record["outputs_bytes"][name] = renamed[what].stat().st_size
    (root / who / PROVENANCE).write_text(json.dumps(record))


def _write_changed(old: Path, new: Path, column: str, factors: dict[str, float], doubled: bool) -> None:
    """A table with the values of one column changed by doublings: multiplied, or added where it holds doublings."""
    rows = pd.read_csv(old, sep="\t", dtype=str, keep_default_na=False)
    for place, (region, text) in enumerate(zip(rows["region"], rows[column], strict=True)):
        if text != "n/a":
            value = float(text) + factors[region] if doubled else float(text) * 2 ** factors[region]
            rows.loc[place, column] = f"{value:.6g}"
    rows.to_csv(new, sep="\t", index=False)


if __name__ == "__main__":
    main()
