"""Exports as a user runs them, what they cost, and what they wrote."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from heads.people import Files
from wbtools.images import nifti
from wbtools.space.grid import Unit, Volume, canonical

MAPS_ALONE = ("--no-render", "--no-report", "--null", "0", "--also", "none")
"""Options of an export of which only maps, areas and ranks are wanted."""


@dataclass(frozen=True)
class Way:
    """A way to get areas into a head.

    Parameters
    ----------
    title : str
    image : {"truth", "head", "brain"}
        What is exported.
    options : tuple of str
        Of `wbtools export-subject`.
    timed : bool
        Whether it is run as it is without options, twice, with a folder for --work.
    """

    title: str
    image: str
    options: tuple[str, ...] = ()
    timed: bool = False

    def input(self, person: Files) -> Path | None:
        """The image or folder to export; None where a person lacks it."""
        return {"truth": person.truth, "head": person.head, "brain": person.brain}[self.image]


TRUTH = Way("own surfaces", "truth")
AFFINE = Way("affine", "head", ("--registration", "affine"))
SYN = Way("SyN, own grey matter", "head", ("--registration", "syn"), timed=True)
STRIPPED = Way("the same, brain-extracted image", "brain", ("--registration", "syn"))
WAYS = (TRUTH, AFFINE, SYN, STRIPPED)


@dataclass(frozen=True)
class Cost:
    """Seconds on the clock and of the processor, and peak memory, GB, of a command."""

    seconds: float
    processor: float
    memory: float

    def __str__(self) -> str:
        return f"{self.seconds:.0f} s ({self.processor:.0f} s of processor), {self.memory:.1f} GB"


class Failed(Exception):
    """A command failed; the message is the end of what it printed."""


def run(command: list[str], log: Path) -> Cost:
    """Run a command and return what it cost.

    Raises
    ------
    Failed
        If it exits with another code than 0.
    """
    start = time.perf_counter()
    with log.open("w", encoding="utf-8") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise Failed(log.read_text(encoding="utf-8", errors="replace")[-2000:])
    return Cost(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 2**20)


@dataclass(frozen=True)
class Export:
    """What an export wrote.

    Parameters
    ----------
    folder : Path
    name : str
        The person's.
    """

    folder: Path
    name: str

    @cached_property
    def atlas(self) -> Volume:
        """Areas and subcortical structures; of an atlas without the latter, areas alone."""
        names = (f"{self.name}.HCP-MMP1{end}.T1w.nii.gz" for end in ("+subcortex", ""))
        path = next(path for path in (self.folder / name for name in names) if path.exists())
        return canonical(nifti.read_volume(path, Unit.LABEL))

    @cached_property
    def relevance(self) -> Volume:
        """The map of relevance."""
        return canonical(nifti.read_volume(next(self.folder.glob(f"{self.name}.*.relevance.T1w.nii.gz"))))

    @cached_property
    def mask(self) -> Volume:
        """The brain that was found in a head."""
        return canonical(nifti.read_volume(self.folder / f"{self.name}.brain_mask.T1w.nii.gz", Unit.LABEL))

    @cached_property
    def scores(self) -> dict[str, float]:
        """Scores by which regions are ranked, by name."""
        import pandas

        table = pandas.read_csv(next(self.folder.glob(f"{self.name}.*.regions.tsv")), sep="\t", na_values="n/a")
        ranked = table[table["rank"].notna()]
        return dict(zip(ranked["region"], ranked["score"].astype(float), strict=True))


def work_of(folder: Path, way: Way) -> Path:
    """The folder that a timed way's exports have as --work."""
    return _out(folder, way) / "work"


def _out(folder: Path, way: Way) -> Path:
    return folder / way.title.replace(" ", "-").replace(",", "")


def export(person: Files, way: Way, folder: Path, threads: int) -> tuple[Export, list[Cost]]:
    """Export a person in one way, unless FOLDER holds the result already; costs are those of this call.

    Parameters
    ----------
    person : Files
    way : Way
    folder : Path
    threads : int

    Returns
    -------
    Export
    list of Cost
        Of the first and the second run where both are timed, else empty.
    """
    given = way.input(person)
    assert given is not None  # the caller asked
    out = _out(folder, way)
    done = Export(out / person.name, person.name)
    if done.folder.exists():
        return done, []
    out.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-m", "wbtools.cli", "export-subject", str(given), "--id", person.name]
    command = [*program, "--out", str(out), *way.options, "--threads", str(threads)]
    if not way.timed:
        run([*command, *MAPS_ALONE], out / "log.txt")
        return done, []
    command += ["--work", str(work_of(folder, way))]
    return done, [run([*command, *again], out / "log.txt") for again in ((), ("--overwrite",))]
