"""What a batch does to every subject, and the refusal to mix two batches in one folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from wbtools.batch.layout import Layout, create_once, write_whole
from wbtools.errors import InputError
from wbtools.text import shell


@dataclass(frozen=True)
class Plan:
    """A batch, as far as it does not depend on the subject.

    Parameters
    ----------
    settings_sha256 : str
        As in every published record; decides whether a published subject is this batch's.
    options : mapping
        The options of `wbtools export-subject` as JSON values.
    command : tuple of str
        Runs instead of `wbtools export-subject` if not empty; `{subject}`, `{out}` and `{settings}` are filled in.
    max_attempts : int
        How often a subject is tried.
    timeout, grace : float
        Seconds after which an attempt is asked to end, and seconds until it must have.
    threads : int or None
        Threads per subject; None shares what the worker may use.
    scratch : str or None
        Folder for temporary data; None takes `$SLURM_TMPDIR`, `$TMPDIR` or `/tmp` of the machine that computes.
    engine : mapping
        What the engine needs to go on without its user, as JSON values.
    line : str
        The command line that is to be repeated.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    settings_sha256: str
    options: Mapping[str, object] = field(default_factory=dict)
    command: tuple[str, ...] = ()
    max_attempts: int = 3
    timeout: float = 3600.0
    grace: float = 10.0
    threads: int | None = None
    scratch: str | None = None
    engine: Mapping[str, object] = field(default_factory=dict)
    line: str = ""

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise InputError(f"--max-attempts {self.max_attempts} tries nothing", mend="give 1 or more")
        if self.timeout <= 0:
            raise InputError(f"--timeout {self.timeout:g} s is no time", mend="give for example 1h")

    @classmethod
    def read(cls, layout: Layout) -> Plan:
        """The plan of a batch.

        Raises
        ------
        InputError
            If there is none, or it cannot be read.
        """
        try:
            found = json.loads(layout.plan.read_text(encoding="utf-8"))
            return cls(**{**found, "command": tuple(found["command"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError(
                f"{layout.plan} cannot be read: {error}", mend="run the batch's own line again to write it anew"
            ) from None

    def write(self, layout: Layout) -> None:
        """Make this the folder's batch.

        Raises
        ------
        InputError
            If the folder belongs to a batch with other settings.
        """
        layout.make()
        text = json.dumps(asdict(self), indent=1)
        if create_once(layout.plan, text):
            return
        self.require_same(layout)
        write_whole(layout.plan, text)

    def require_same(self, layout: Layout) -> None:
        """Raise InputError if the folder belongs to a batch with other settings."""
        if layout.plan.exists() and Plan.read(layout).settings_sha256 != self.settings_sha256:
            raise InputError(
                f"{layout.out} holds a batch with other settings or another network; results are never mixed",
                mend="choose another --out, or give the earlier batch up: "
                + shell("wbtools", "batch", "clean", "--all", layout.out),
            )


def add_subjects(layout: Layout, subjects: Iterable[str]) -> None:
    """Put subjects on the batch's list, after those who are on it already."""
    known = list_subjects(layout)
    merged = list(dict.fromkeys([*known, *subjects]))
    if merged != known:
        write_whole(layout.subjects, "".join(f"{one}\n" for one in merged))


def list_subjects(layout: Layout) -> list[str]:
    """Everybody on the batch's list."""
    try:
        return layout.subjects.read_text(encoding="utf-8").split()
    except FileNotFoundError:
        return []
