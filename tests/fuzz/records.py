"""Lists of subjects, a batch's own files, caches, and the headers that a session is made from."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from fuzz import images, surfaces
from fuzz.targets import Seed, Target
from wbtools.attribution.evaluation.null_maps import NullCache
from wbtools.batch import subjects
from wbtools.batch.state import published
from wbtools.batch.state.attempts import History
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.provenance import Provenance
from wbtools.space.grid import Grid
from wbtools.surfaces.ribbon import cache
from wbtools.surfaces.ribbon.columns import Columns
from wbtools.workbench import datafile

GRID = Grid((40, 40, 40), np.array([[3.0, 0, 0, -60], [0, 3, 0, -60], [0, 0, 3, -60], [0, 0, 0, 1]]))


def targets() -> list[Target]:
    """Every reader of text records, and of headers of our own files."""
    return [
        Target("list", subjects.read_file, _lists),
        Target("plan", lambda path: Plan.read(BatchFiles(path.parent.parent)), _plans),
        Target("record", lambda path: published.look(path.parent, "0" * 64, path.parent, deep=True), _provenance),
        Target("history", lambda path: History.read(BatchFiles(path.parent.parent.parent), path.stem), _attempts),
        Target("null-cache", lambda path: NullCache(path.parent).read(path.name, (2, 3, 4)), _maps),
        Target("ribbon-cache", lambda path: cache._read(path, 6, GRID, Columns.THICK), _weights),
        Target("datafile", datafile.read, _outputs),
    ]


def _lists() -> Sequence[Seed]:
    return [
        Seed("list.txt", b"# pilot\n100307\n100408\n\nsub-01_ses-1\n", text=True),
        Seed("participants.tsv", b'participant_id\tage\tnote\nsub-01\t30\tn/a\nsub-02\t41\t"a\tb"\n', text=True),
        Seed("people.csv", "\ufeffSubject;Alter\r\n100307;22-25\r\n100408;26-30\r\n".encode(), text=True),
        Seed("latin.csv", "subject,name\n100307,Zoë\n".encode("latin-1"), text=True),
    ]


def _plans() -> Sequence[Seed]:
    plan = {
        "settings_sha256": "0" * 64, "options": {"method": "lrp"}, "command": [], "max_attempts": 3, "timeout": 3600.0,
        "grace": 10.0, "threads": None, "scratch": None, "engine": {}, "line": "wbtools batch run list.txt",
    }  # fmt: skip
    return [Seed(f".wbtools/{BatchFiles(Path('x')).plan.name}", json.dumps(plan).encode(), text=True)]


def _provenance() -> Sequence[Seed]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "a.txt").write_text("content")
        record = Provenance({"subject": "100307", "method": "lrp"})
        record.add_inputs(folder, [folder / "a.txt"])
        record.write(folder / "provenance.json", folder, [Path("a.txt")])
        return [Seed("provenance.json", (folder / "provenance.json").read_bytes(), text=True)]


def _attempts() -> Sequence[Seed]:
    events = [
        {"event": "start", "time": 1.7e9, "run": "a", "attempt": 1, "host": "n1", "pid": 7},
        {"event": "end", "time": 1.7e9 + 60, "run": "a", "attempt": 1, "ending": "done", "seconds": 60.0},
        {"event": "retry", "time": 1.8e9},
    ]
    lines = "".join(json.dumps(event) + "\n" for event in events)
    return [Seed(".wbtools/attempts/100307.jsonl", lines.encode(), text=True)]


def _maps() -> Sequence[Seed]:
    stream = io.BytesIO()
    np.save(stream, np.ones((2, 3, 4), np.float32))
    return [Seed("map.npy", stream.getvalue(), text=True)]


def _weights() -> Sequence[Seed]:
    stream = io.BytesIO()
    data = np.ones(6, np.float32)
    np.savez(stream, voxels=np.arange(6) * 7, data=data, indices=np.arange(6), indptr=np.arange(7))
    return [Seed("ribbon.npz", stream.getvalue(), text=True)]


def _outputs() -> Sequence[Seed]:
    found = [*images._dense(), *surfaces._metrics(), *surfaces._labels(), *surfaces._gifti_surfaces()[1:3]]
    return [*found, *(seed for seed in images._volumes() if ".nii" in seed.name and seed.name != "w.nii")]
