from __future__ import annotations

import os
import signal
import time

import numpy as np
import pytest

from fuzz import bombs, pool
from fuzz.targets import Seed, Target, targets
from wbtools.attribution.runtime.memory import reused
from wbtools.errors import InputError
from wbtools.images import limits

NETWORKS = ("network-card", "network-checkpoint", "network-safetensors")
LIGHT = ("volume", "labels", "grid", "cifti", "gifti", "fs", "list", "plan", "record", "history", "datafile", *NETWORKS)


def test_damaged_files_are_read_or_refused_in_one_sentence():
    report = pool.run(targets(LIGHT), 950)
    assert report.total >= 950
    assert not report.faults, "\n".join(report.lines())
    for name, row in report.counts.items():
        # What a batch wrote itself is looked at, and told to be damaged; no error is raised.
        assert row.get("refused", 0) > 5 or name in {"record", "history"}, name


def test_a_damaged_file_can_be_made_again():
    (target,) = targets(["fs-label"])
    first, second = (pool.case(target, target.seeds(), 7)[1] for _ in range(2))
    assert first == second != pool.case(target, target.seeds(), 8)[1]


def test_files_that_promise_or_unpack_too_much_are_refused_in_little_memory_and_time(monkeypatch):
    made = list(bombs.bombs())
    monkeypatch.setattr(pool, "SECONDS", 10.0)
    monkeypatch.setattr(pool, "MEMORY", 2**29)
    monkeypatch.setattr(limits, "XML_SIZE", 2**27)  # a gibibyte of blanks takes three seconds
    monkeypatch.setattr(pool, "case", lambda target, seeds, index, seed: (Seed(made[index][0], b""), made[index][1]))
    report = pool.run([Target("bomb", bombs.read, lambda: [])], len(made))
    assert not report.faults, "\n".join(report.lines())
    # One megabyte-long value that nobody needs is passed over; what follows it is read.
    assert report.counts["bomb"] == {"refused": len(made)}, "\n".join(report.lines())


def _behaving(path):
    """A reader that does wrong as the file tells it."""
    kind = path.read_bytes()[:1]
    if kind == b"c":
        os.kill(os.getpid(), signal.SIGSEGV)
    if kind == b"h":
        time.sleep(60)
    if kind == b"m":
        np.ones(3 * 2**23)
    if kind == b"b":
        np.ones(2**30)
    if kind == b"t":
        raise KeyError(kind)
    if kind == b"s":
        raise InputError("a sentence without a hint")
    if kind == b"w":
        np.float32(3e38) * np.float32(10)


OUTCOMES = {
    **dict.fromkeys("tswb", "traceback"),
    "c": "crash",
    "h": "hang",
    "m": "memory",
    "x": "read",
}


@pytest.mark.parametrize("letter", OUTCOMES)
def test_every_kind_of_fault_is_seen(monkeypatch, letter):
    monkeypatch.setattr(pool, "SECONDS", 1.0 if letter == "h" else 20.0)
    monkeypatch.setattr(pool, "MEMORY", 2**27)
    monkeypatch.setattr(pool, "mutated", lambda seeds, random: (seeds[0], letter.encode()))
    inherited = [np.ones(2**24)]

    def seeds():
        inherited.clear()
        return [Seed("f", b"entire")]

    # Neither memory that a process gives back nor what the C library keeps hides what a file takes.
    with reused():
        kept = [np.ones(2**23) for _ in range(8)], np.ones(1000)
        del kept
        report = pool.run([Target("made", _behaving, seeds)], 2)
    assert report.counts == {"made": {OUTCOMES[letter]: 2}}
