"""From a T1w image to a folder with surfaces: run beside its place, looked at, published whole or not at all."""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from wbtools.errors import CommandError, InputError, SubjectError
from wbtools.images import diagnosis
from wbtools.output import publishing
from wbtools.output.destination import require_writable
from wbtools.provenance import sha256
from wbtools.reconstructing import long_process
from wbtools.reconstructing.installed import Call, Installed, Tool
from wbtools.reconstructing.long_process import Tell
from wbtools.subject import containment, find, identity, require_plain_name
from wbtools.subject.identity import IMAGES, image_stem, typed
from wbtools.text import line
from wbtools.version import __version__

RECORD = "wbtools-reconstruction.json"
"""Name of the record in the published folder."""
LOG = "wbtools-reconstruction.log"
"""Name of what the program printed, in the published folder."""

_MADE = "made"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_STAGING = ".staging"


@dataclass(frozen=True)
class Reconstruction:
    """What is to be made of whom, and by what.

    Parameters
    ----------
    t1w : Path
    tool : Tool
    installed : Installed
    out : Path
        Receives a folder of the person's name.
    name : str
    threads : int
    """

    t1w: Path
    tool: Tool
    installed: Installed
    out: Path
    name: str
    threads: int

    @property
    def folder(self) -> Path:
        """The folder to publish."""
        return self.out / self.name

    def command(self, t1w: Path, made: Path) -> tuple[str, ...]:
        """The program's command line, with the image and the folder that it writes to."""
        return self.tool.command(self.installed, Call(t1w, made, self.name, self.threads))

    @property
    def planned(self) -> tuple[str, ...]:
        """The command line as a dry run shows it: what is made lies in a hidden folder until it is whole."""
        return self.command(typed(self.t1w), typed(self.out) / f".{self.name}{_STAGING}" / _MADE)


def default_out(t1w: Path, tool: Tool) -> Path:
    """Where the output goes if nothing is said: among the derivatives of the study, where exports find it.

    Examples
    --------
    >>> from wbtools.reconstructing.installed import TOOLS
    >>> default_out(Path("/no such study/P1.nii.gz"), TOOLS["t1prep"]).as_posix()
    '/no such study/derivatives/t1prep'
    """
    return containment.default_out(typed(t1w).parent).parent / tool.name


def name_of(t1w: Path, given: str | None = None) -> str:
    """The person's name: as given, else what the path says.

    Raises
    ------
    InputError
        If it is no plain name, if a shell may read it otherwise, or if the path names nobody.
    """
    if given is not None:
        require_plain_name(given, "--id")
    name = identity(t1w) if given is None else given
    if not _SAFE.fullmatch(name):
        raise InputError(
            f"{line(name)} is no name for programs that are shell scripts",
            hint="give one of letters, digits, . _ - by --id",
        )
    return name


def require_image(t1w: Path, tool: Tool) -> None:
    """Require an image that a program reads.

    Raises
    ------
    InputError
        If it is none.
    """
    if not t1w.name.endswith(tool.suffixes):
        raise InputError(
            f"{t1w} is no image that {tool.title} reads ({', '.join(tool.suffixes)})",
            hint="give one T1w image; of DICOM files, dcm2niix makes one",
        )
    diagnosis.require_file(t1w)


def require(job: Reconstruction) -> None:
    """Require an image that the program reads, and a place that is nobody's.

    Raises
    ------
    InputError
        Naming what is in the way.
    """
    require_image(job.t1w, job.tool)
    containment.require_outside_inputs(job.out, "--out")
    publishing.require_absent(job.out, job.name, overwrite=False)
    require_writable(job.out, "--out")


def reconstruct(job: Reconstruction, tell: Tell) -> Path:
    """Run the program, and publish the person's folder.

    Returns
    -------
    Path
        The folder, with a record and the log; `wbtools.subject.find` accepts it.

    Raises
    ------
    InputError
        As `require`.
    CommandError
        If the program fails, or makes less than an export needs; the log stays beside the place of the folder.
    """
    require(job)
    with publishing.publishing(job.out, job.name, overwrite=False) as staging, _log(job) as log:
        made = staging / _MADE
        made.mkdir()
        with _named(job) as t1w:
            seconds = long_process.run(job.command(t1w, made), made, log, job.installed.environment(), tell)
        _require_complete(job, made, log)
        _settle(made / job.name, staging)
        shutil.rmtree(made)
        (staging / RECORD).write_text(_record(job, seconds), encoding="utf-8")
        log.rename(staging / LOG)
    return job.folder


@contextmanager
def _named(job: Reconstruction) -> Iterator[Path]:
    """The image under the person's name, in a folder of its own: programs call their files after it and look around."""
    with TemporaryDirectory(prefix="wbtools-") as folder:
        suffix = next(end for end in IMAGES if job.t1w.name.endswith(end))
        link = Path(folder) / f"{job.name}{suffix}"
        link.symlink_to(typed(job.t1w))
        yield link


@contextmanager
def _log(job: Reconstruction) -> Iterator[Path]:
    """A new log beside the folder to publish; without a word in it, it does not stay."""
    path = job.out / f"{job.name}.{job.tool.name}.{secrets.token_hex(4)}.log"
    path.touch(exist_ok=False)
    try:
        yield path.absolute()
    finally:
        if path.exists() and not path.stat().st_size:
            path.unlink()


def _require_complete(job: Reconstruction, made: Path, log: Path) -> None:
    """Require that an export can read what was made."""
    try:
        if not (made / job.name).is_dir():
            raise SubjectError("it made no folder")
        find(made, job.name, layout=job.tool.layout)
    except InputError as error:
        raise CommandError(
            f"{job.tool.title} ended without an error and without what an export needs: {error}",
            hint=f"look at the whole log: {log}",
        ) from None


def _settle(folder: Path, staging: Path) -> None:
    """Move what a program made to where it is published."""
    for path in folder.iterdir():
        path.rename(staging / path.name)


def _record(job: Reconstruction, seconds: float) -> str:
    """What was run on what, as JSON; no folder of this machine is in it."""
    call = job.command(Path(job.t1w.name), Path())
    words = [Path(word).name if Path(word).is_absolute() else word for word in call]
    facts = {
        "wbtools": __version__,
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "subject": {"id": job.name, "layout": job.tool.layout},
        "program": job.tool.title,
        "command": [line(word) for word in words],
        "seconds": round(seconds, 1),
        "inputs_sha256": {image_stem(job.t1w.name): sha256(job.t1w)},
    }
    return json.dumps(facts, indent=2, ensure_ascii=False) + "\n"
