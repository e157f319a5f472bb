"""How a batch stands, from the published folders and the attempts; cheap enough to be asked every few seconds."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from wbtools.batch.state import marks
from wbtools.batch.state.attempts import Ending, History, State, endings
from wbtools.batch.state.folder import BatchFiles, write_whole
from wbtools.batch.state.own_exports import exports_there, names_in, own_exports
from wbtools.batch.state.published import Inspection, Published, ids_of, look, place
from wbtools.errors import InputError, TransientError
from wbtools.text import cell

if TYPE_CHECKING:
    from wbtools.batch.state.plan import Plan

_READERS = 16
"""Threads that look at folders: on a network file system, asking takes long and costs nothing."""


@dataclass(frozen=True)
class Overview:
    """States of all subjects, and what the unfinished ones have behind them.

    Parameters
    ----------
    states : mapping of str to State
        In the order of the list.
    histories : mapping of str to History
        Of those that were tried and are not done.
    """

    states: Mapping[str, State]
    histories: Mapping[str, History]

    @property
    def damaged(self) -> list[str]:
        """The subjects whose attempts are not all on record any more."""
        return [subject for subject, history in self.histories.items() if history.damaged]

    @property
    def counts(self) -> Counter[State]:
        """How many subjects are in each state."""
        return Counter(self.states.values())

    def having(self, *states: State) -> list[str]:
        """The subjects in given states."""
        return [subject for subject, state in self.states.items() if state in states]

    @property
    def exit_code(self) -> int:
        """0 all done, 1 finished and some failed, 75 incomplete: run again."""
        counts = self.counts
        if counts[State.TODO] or counts[State.RUNNING]:
            return TransientError.exit_code
        return int(counts[State.DONE] < len(self.states))

    def failures(self) -> list[tuple[str, State, str, str]]:
        """Subject, state, reason and log of every subject that is given up."""
        chosen = self.having(State.FAILED, State.EXCLUDED)
        return [
            (subject, self.states[subject], self.histories[subject].reason, self.histories[subject].log)
            for subject in chosen
        ]

    def troubles(self) -> list[tuple[str, str, str]]:
        """Subject, reason and log of every subject that will be tried again after a fault, its own or the machine's."""
        tried = [(subject, self.histories[subject]) for subject in self.having(State.TODO) if subject in self.histories]
        return [(subject, past.reason, past.log) for subject, past in tried if past.used or past.not_begun]


def overview(files: BatchFiles, plan: Plan, subjects: Sequence[str]) -> Overview:
    """How subjects stand. Whether a record of them is there decides; `verify` looks into the folders."""
    folders = files.attempt_folders()
    tried = _tried(folders)
    done = own_exports(files, plan.settings_sha256, subjects)
    done -= {subject for subject in done & marks.names(files) if marks.why(files, subject)}
    histories = {
        subject: History.read(files, subject, folders)
        for subject in subjects
        if subject in tried and subject not in done
    }
    states = {subject: State.DONE if subject in done else _state(histories.get(subject), plan) for subject in subjects}
    return Overview(states, histories)


def _state(history: History | None, plan: Plan) -> State:
    return history.state(plan.max_attempts, plan.timeout + plan.grace) if history else State.TODO


def _tried(folders: Iterable[Path]) -> set[str]:
    """Everybody of whom an attempt is on record; what cannot be read does not count."""
    found: set[str] = set()
    for folder in folders:
        with suppress(OSError):
            found |= {name.removesuffix(".jsonl") for name in names_in(folder)}
    return found


def to_do(files: BatchFiles, plan: Plan, subjects: Sequence[str], inputs: Callable[[str], Path | None]) -> list[str]:
    """The subjects to do: those without a record, and those whose folder is not what the record says.

    Parameters
    ----------
    files, plan, subjects
    inputs : callable
        Gives the folder of a subject's inputs, to notice that they changed; None if unknown.

    Raises
    ------
    InputError
        If some were published with other settings.
    """
    seen = overview(files, plan, subjects)
    there = exports_there(files, seen.having(State.DONE, State.TODO, State.RUNNING))
    found = inspect(files, plan, there, {subject: inputs(subject) for subject in there}, deep=False)
    foreign = [subject for subject in there if found[subject].what in {Published.FOREIGN, Published.ANOTHERS}]
    if foreign:
        more = f", one of {len(foreign)}" if len(foreign) > 1 else ""
        raise InputError(
            f"{place(files.out, foreign[0])}: {found[foreign[0]].why}{more}; results are never mixed",
            hint="choose another --out, or move them away",
        )
    again = {subject for subject in there if found[subject].what not in {Published.CURRENT, Published.UNFETCHED}}
    wanted = again.union(seen.having(State.TODO, State.RUNNING))
    return [subject for subject in subjects if subject in wanted]


def inspect(
    files: BatchFiles, plan: Plan, subjects: Sequence[str], inputs: Mapping[str, Path | None], *, deep: bool
) -> dict[str, Inspection]:
    """Compare every published folder with its record, several at a time."""
    with ThreadPoolExecutor(_READERS) as pool:
        found = pool.map(
            lambda subject: look(
                place(files.out, subject),
                plan.settings_sha256,
                inputs.get(subject),
                deep=deep,
                ids=ids_of(files.out, subject),
            ),
            subjects,
        )
        return dict(zip(subjects, found, strict=True))


def write_reports(files: BatchFiles, seen: Overview) -> None:
    """Write the table of failures and the counts for other programs."""
    rows = ["\t".join((subject, state.value, cell(reason), log)) for subject, state, reason, log in seen.failures()]
    write_whole(files.failed, "\n".join(["subject\tstate\treason\tlog", *rows]) + "\n")
    counts = {state.value: seen.counts[state] for state in State}
    facts = {"written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "subjects": len(seen.states), **counts}
    write_whole(files.summary, json.dumps(facts, indent=1) + "\n")


@dataclass(frozen=True)
class Cost:
    """What a subject costs, from those that were published.

    Parameters
    ----------
    subjects : int
        How many were measured.
    median, high : float
        Seconds; half and 95 % of the subjects took no longer.
    memory : int
        The most that any attempt took, bytes.
    """

    subjects: int
    median: float
    high: float
    memory: int

    @classmethod
    def of(cls, endings: Iterable[Mapping[str, object]]) -> Cost | None:
        """The cost that endings tell; None if nothing was published.

        Examples
        --------
        >>> Cost.of({"ending": "published", "seconds": s, "memory": 1} for s in (1.0, 2.0, 9.0))
        Cost(subjects=3, median=2.0, high=9.0, memory=1)
        """
        rows = [
            (float(str(ending["seconds"])), int(str(ending.get("memory", 0))))
            for ending in endings
            if ending.get("ending") == Ending.PUBLISHED.value
        ]
        if not rows:
            return None
        seconds = sorted(row[0] for row in rows)
        high = seconds[min(len(seconds) - 1, math.ceil(0.95 * len(seconds)) - 1)]
        return cls(len(rows), seconds[len(seconds) // 2], high, max(row[1] for row in rows))


_SAMPLE = 200


def cost(files: BatchFiles) -> Cost | None:
    """What a subject costs, from the last attempts on record (a sample where there are many)."""
    folders = files.attempt_folders()
    names = sorted(_tried(folders))[:_SAMPLE]
    return Cost.of(endings(History.read(files, name, folders) for name in names))
