"""How long does the wall of a batch of 1,000 exports take, and how much memory?

    python benchmarks/wall.py EXPORTS              a folder with at least one finished export
    python benchmarks/wall.py EXPORTS --people 200

The small files that a wall reads (record, region table, overview picture) of the exports in EXPORTS get new ids. The
values of each region are multiplied by a random factor, so that everybody has a ranking of their own. Volumes are left
out: a wall that opened one would fail.
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from wbtools.output.kinds import Output, OutputKind
from wbtools.output.ownership import PROVENANCE
from wbtools.reading import Export, open_batch
from wbtools.report import wall

_SPREAD = 0.5
"""SD of the logarithm of the factors."""


def main() -> None:
    """Make the exports, then the wall, and print what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exports", type=Path)
    parser.add_argument("--people", type=int, default=1000)
    asked = parser.parse_args()
    models = list(open_batch(asked.exports))
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for number in range(asked.people):
            _copy(models[number % len(models)], root, f"made{number}", rng)
        before, begun = _processor(), time.perf_counter()
        found = wall.gather(root)
        names = wall.publish(found, wall.Site(root / wall.FOLDER, root))
        seconds = time.perf_counter() - begun
        size = sum((root / wall.FOLDER / page).stat().st_size for page in names)
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(found.sentence)
    print(f"{asked.people} exports: {seconds:.1f} s, {_processor() - before:.1f} CPU s")
    print(f"at most {memory / 1024:.0f} MiB in this process and the largest other one")
    print(f"{len(names)} pages, {size / 2**20:.1f} MiB")


def _copy(model: Export, root: Path, who: str, rng: np.random.Generator) -> None:
    """An export's small files under another id."""
    network, contents = next(iter(model.networks)), model.contents
    table = contents.name(Output(OutputKind.REGIONS, network))
    picture = contents.name(Output(OutputKind.FIGURE, network, scene="overview"))
    renamed = {name: name.replace(model.subject, who) for name in (table, picture)}
    for new in renamed.values():
        (root / who / new).parent.mkdir(parents=True, exist_ok=True)
    same_file(model.folder / picture, root / who / renamed[picture])
    rows = pd.read_csv(model.folder / table, sep="\t", dtype=str, keep_default_na=False)
    factors = np.exp(rng.normal(0, _SPREAD, len(rows)))
    rows["abs_mean"] = [f"{float(value) * factor:.6g}" for value, factor in zip(rows["abs_mean"], factors, strict=True)]
    rows.to_csv(root / who / renamed[table], sep="\t", index=False)
    record = json.loads(json.dumps(dict(model.provenance)))
    record["subject"]["id"] = record["settings"]["subject"] = who
    record["outputs_sha256"] = {name.replace(model.subject, who): sha for name, sha in record["outputs_sha256"].items()}
    (root / who / PROVENANCE).write_text(json.dumps(record))


def same_file(old: Path, new: Path) -> None:
    """The same file under a second name, or a copy of it."""
    try:
        new.hardlink_to(old)
    except OSError:  # of another file system
        shutil.copyfile(old, new)


def _processor() -> float:
    """Seconds of a processor that this process and those that it began have used."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
