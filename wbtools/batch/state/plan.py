"""What a batch does to every subject, and the refusal to mix two batches in one folder."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from wbtools.batch.state.folder import BatchFiles, create_once, write_whole
from wbtools.batch.state.records import read_text, whole
from wbtools.batch.subjects import is_id
from wbtools.errors import InputError, OutOfRange
from wbtools.text import counted, line, shell

logger = logging.getLogger(__name__)

_DROPPED = {"command"}
"""What plans of earlier versions hold and nobody reads any more."""


class DamagedPlan(InputError):
    """The plan of a batch is there and cannot be used; what was published does not depend on it."""


@dataclass(frozen=True)
class Plan:
    """A batch, as far as it does not depend on the subject.

    Parameters
    ----------
    settings_sha256 : str
        As in every published record; decides whether a published subject is this batch's.
    options : mapping
        The options of `wbtools export-subject`, or what a job is made of, as JSON values.
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
    work : str
        What is done: `export`, or the job whose pieces are made (`wbtools.batch.pieces`).
    unit : str
        What an entry of the list is, in words.

    Raises
    ------
    InputError
        If a number is out of range.
    """

    settings_sha256: str
    options: Mapping[str, object] = field(default_factory=dict)
    max_attempts: int = 3
    timeout: float = 3600.0
    grace: float = 10.0
    threads: int | None = None
    scratch: str | None = None
    engine: Mapping[str, object] = field(default_factory=dict)
    line: str = ""
    work: str = "export"
    unit: str = "subject"

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise OutOfRange("--max-attempts", self.max_attempts, of="attempts")
        if self.timeout <= 0:
            raise InputError(f"--timeout {self.timeout:g} s is no time", hint="give for example 1h")

    @classmethod
    def read(cls, files: BatchFiles) -> Plan:
        """The plan of a batch.

        Raises
        ------
        DamagedPlan
            If it is there and is no plan.
        InputError
            If there is none.
        """
        hint = "run the batch's own line again to write it anew"
        try:
            text = read_text(files.plan)
        except OSError as error:
            raise DamagedPlan(f"{files.plan} cannot be read: {error.strerror}", hint=hint) from None
        if text is None:
            raise InputError(f"{files.plan} is missing", hint=hint)
        try:
            found = json.loads(text)
            plan = cls(**{name: value for name, value in found.items() if name not in _DROPPED})
            plan._require_plain()
        except (ValueError, TypeError, AttributeError, RecursionError, InputError) as error:
            raise DamagedPlan(f"{files.plan} is damaged ({line(error)})", hint=hint) from None
        return plan

    @classmethod
    def read_for_show(cls, files: BatchFiles) -> tuple[Plan, str]:
        """The plan of a batch, and what is wrong with it: of a damaged one, the usual limits and no settings."""
        try:
            return cls.read(files), ""
        except DamagedPlan as error:
            return cls(""), f"{error}: {error.hint}"

    def _require_plain(self) -> None:
        """Raise ValueError for values of kinds that no plan is written with."""
        texts = [
            self.settings_sha256,
            self.line,
            self.work,
            self.unit,
            *([] if self.scratch is None else [self.scratch]),
        ]
        kinds = {
            "texts": all(isinstance(text, str) for text in texts),
            "mappings": isinstance(self.options, dict) and isinstance(self.engine, dict),
            "numbers": all(isinstance(n, (int, float)) and math.isfinite(n) for n in (self.timeout, self.grace)),
            "counts": all(whole(count, 1, 1 << 31) for count in (self.max_attempts, self.threads or 1)),
        }
        wrong = [kind for kind, sound in kinds.items() if not sound]
        if wrong:
            raise ValueError(f"its {wrong[0]} are none")

    def write(self, files: BatchFiles) -> None:
        """Make this the folder's batch.

        Raises
        ------
        InputError
            If the folder belongs to a batch with other settings.
        """
        files.make()
        text = json.dumps(asdict(self), indent=1)
        if create_once(files.plan, text):
            return
        self.require_same(files)
        write_whole(files.plan, text)

    def require_same(self, files: BatchFiles) -> None:
        """Raise InputError if the folder belongs to a batch with other settings.

        A damaged plan forbids nothing: every published subject carries the hash of its own settings.
        """
        try:
            same = not files.plan.exists() or Plan.read(files).settings_sha256 == self.settings_sha256
        except DamagedPlan as error:
            logger.warning("%s; it is written anew", error)
            return
        if not same:
            raise InputError(
                f"{files.out} holds a batch with other settings or another network; results are never mixed",
                hint="choose another --out, or give the earlier batch up: "
                + shell("wbtools", "batch", "clean", "--all", files.out),
            )


def add_subjects(files: BatchFiles, subjects: Iterable[str]) -> None:
    """Put subjects on the batch's list, after those who are on it already."""
    known = list_subjects(files)
    merged = list(dict.fromkeys([*known, *subjects]))
    if merged != known:
        write_whole(files.subjects, "".join(f"{subject}\n" for subject in merged))


def list_subjects(files: BatchFiles) -> list[str]:
    """Everybody on the batch's list; lines that name nobody, as a damaged list has, do not count."""
    try:
        text = read_text(files.subjects) or ""
    except OSError as error:
        logger.warning("%s cannot be read: %s", files.subjects, error.strerror)
        return []
    lines = [line for line in text.split("\n") if line.strip()]
    found = [line for line in lines if is_id(line)]
    if len(found) < len(lines):
        logger.warning("%s is damaged: %s without an id", files.subjects, counted(len(lines) - len(found), "line"))
    return list(dict.fromkeys(found))
