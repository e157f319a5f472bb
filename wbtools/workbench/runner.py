"""Find `wb_command`, ask what it can do, run it, record what ran."""

from __future__ import annotations

import errno
import functools
import logging
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from wbtools.errors import CommandError, CommandFailed, CommandMissing, CommandNotStarted, MissingFile, ending
from wbtools.errors.system import from_os_error
from wbtools.search_path import find_program, without_working_directory
from wbtools.text import line
from wbtools.workbench.command import Command

_log = logging.getLogger(__name__)

_INSTALL = "run: sudo apt install connectome-workbench, or give the program with --wb-command PATH"
_LONGEST_SENTENCE = 400
_LONGEST_OUTPUT = 1 << 24
_LONGEST_ANSWER = 120.0
"""Seconds until a program tells its version: where it lies in a container on a network, the first start is slow."""
_ALLOCATION = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {"mxfast": 0, "mmap_threshold": 2**30, "trim_threshold": 2**32}.items()
)
"""Workbench frees millions of small objects before it ends, and asks for large ones again that it has just freed, page
by page: a quarter of the time that a picture takes. Huge pages (`hugetlb`) gain nothing, and cost up to two seconds
where memory is fragmented. Where there is no glibc, this means nothing."""


@dataclass(frozen=True)
class Completed:
    """A command that has run.

    Parameters
    ----------
    argv : tuple of str
        The words of the command; files by their bare names, so that the record tells nothing about the machine.
    seconds : float
        Wall time.
    stdout, stderr : str
        What it printed.
    """

    argv: tuple[str, ...]
    seconds: float
    stdout: str = field(default="", repr=False)
    stderr: str = field(default="", repr=False)


@dataclass(frozen=True)
class Drawing:
    """How an installed Workbench draws scenes without a window, found out by drawing one (`wbtools.workbench.probe`).

    Parameters
    ----------
    how : str
        The operation that draws, for example `-show-scene`; empty where none does.
    problem, hint : str
        Where none does: why, without folders of this machine; what the user can do about it.
    usual : tuple of str
        What is printed here with every picture, and is no sign that something is wrong.
    """

    how: str
    problem: str = ""
    hint: str = ""
    usual: tuple[str, ...] = ()


@dataclass
class Known:
    """What a program has answered so far; empty, or None, where it was not asked."""

    version: str = ""
    commands: frozenset[str] = frozenset()
    drawing: Drawing | None = None


@functools.cache
def known_of(program: Path, changed: int) -> Known:
    """What this process knows of a program that was last changed at a time, ns: one value, for whoever asks again."""
    return Known()


@dataclass(eq=False)
class Workbench:
    """An installed `wb_command`.

    Parameters
    ----------
    program : Path
    completed : list of Completed
        What has run so far, for the provenance.
    known : Known
        What it is and can do; shared by all that this process finds at the same place.
    """

    program: Path
    completed: list[Completed] = field(default_factory=list)
    known: Known = field(default_factory=Known, repr=False)

    @classmethod
    def find(cls, path: Path | None = None) -> Workbench:
        """The program at `path`, else the one on PATH.

        Raises
        ------
        CommandMissing
            If there is none, or the file is not a program.
        """
        name = str(path) if path else "wb_command"
        found = find_program(name)
        if found is None:
            where = "is not a program" if path else "is not installed (not on PATH)"
            raise CommandMissing(f"{name} {where}", hint=_INSTALL)
        try:
            resolved = Path(found).resolve()
            return cls(Path(found), known=known_of(resolved, resolved.stat().st_mtime_ns))
        except (OSError, RuntimeError):  # links in a circle; it will tell when it is started
            return cls(Path(found))

    def version(self) -> str:
        """Its version, for example `1.5.0`."""
        if not self.known.version:
            found = re.search(r"^Version: *(\S+)", self._ask("-version"), re.MULTILINE)
            if found is None:
                raise CommandMissing(f"{self.program} is not Connectome Workbench", hint=_INSTALL)
            self.known.version = line(found[1], 40)
        return self.known.version

    @property
    def compared(self) -> bool:
        """Whether short ways to a picture were found to give the same pixels by this version; others take the long."""
        return self.version().startswith(("1.5.", "2.1."))

    def commands(self) -> frozenset[str]:
        """The names of the operations it has, those it calls deprecated included."""
        if not self.known.commands:
            lists = self._ask("-list-commands") + "\n" + self._ask("-list-deprecated-commands")
            self.known.commands = frozenset(re.findall(r"^(-\S+)", lists, re.MULTILINE))
        return self.known.commands

    def run(
        self, command: Command, threads: int = 1, cwd: Path | None = None, *, limit: float | None = None
    ) -> Completed:
        """Run a command; its outputs exist afterwards, or it raises and leaves none of them.

        Files that are already there under the names of its outputs are removed first.

        Parameters
        ----------
        command : Command
        threads : int
            Most cores to use (Workbench takes all by default).
        cwd : Path, optional
            Where it runs; relative paths of the command are meant from there.
        limit : float, optional
            Seconds after which it is ended.

        Raises
        ------
        InputError
            If an input does not exist.
        CommandMissing
            If this version lacks the command.
        CommandError
            If it fails, in the words of Workbench, takes longer than `limit`, or an output is absent or empty.
        """
        place = cwd or Path()
        for path in command.inputs:
            if not (place / path).exists():
                raise MissingFile(path, needed_by=command.name)
        if command.name not in self.commands():
            raise CommandMissing(f"Workbench {self.version()} has no {command.name}", hint="install a newer version")
        outputs = [place / path for path in command.outputs]
        try:
            _remove(outputs)
            completed = self._run(command, threads, cwd, limit)
            for path in outputs:
                if not path.is_file() or path.stat().st_size == 0:
                    raise CommandError(f"{command.name} wrote no {path.name}", argv=command.argv, status=0)
        except BaseException:  # an interruption as well: no half-written file may pass for a result
            _remove(outputs)
            raise
        self.completed.append(completed)
        return completed

    def _run(self, command: Command, threads: int, cwd: Path | None, limit: float | None) -> Completed:
        # Provenance would put absolute paths and every parent's history into each output.
        argv = (str(self.program), "-disable-provenance", "-logging", "WARNING", *command.argv)
        started = time.perf_counter()
        try:
            status, stdout, stderr = _execute(argv, threads, cwd, limit)
        except subprocess.TimeoutExpired:
            raise CommandFailed(command.name, argv, -signal.SIGKILL, said=_late(limit)) from None
        seconds = time.perf_counter() - started
        if status != 0:
            raise CommandFailed(command.name, argv, status, stderr, said=sentence(stderr or stdout))
        _log.debug("%s took %.1f s", command.name, seconds)
        return Completed(_bare(command), round(seconds, 2), stdout, stderr)

    def _ask(self, option: str) -> str:
        try:
            status, stdout, stderr = _execute((str(self.program), option), 1, None, _LONGEST_ANSWER)
            said = "" if status == 0 else line(sentence(stderr)) or ending(status)  # a missing library is named there
        except subprocess.TimeoutExpired:
            said = _late(_LONGEST_ANSWER)
        if said:
            raise CommandMissing(f"{self.program} does not answer to {option}: {said}", hint=_INSTALL)
        return stdout + stderr


def _late(limit: float | None) -> str:
    return f"it did not end within {limit:g} s"


def _execute(argv: tuple[str, ...], threads: int, cwd: Path | None, limit: float | None = None) -> tuple[int, str, str]:
    """Exit status, standard output and error of a program without a shell, without input, and never left behind.

    With a limit, it runs in a session of its own, so that what a script has started ends with it.
    """
    known = without_working_directory(os.environ)  # a program that uses wbtools may have imported what adds it
    with _temporary() as temporary:
        variables = {"GLIBC_TUNABLES": _ALLOCATION, **known, **temporary, "OMP_NUM_THREADS": str(threads)}
        process = _started(argv, variables, cwd, alone=limit is not None)
        try:
            stdout, stderr = _printed(process, limit)
        except BaseException:
            if limit is None:
                process.kill()
            else:
                with suppress(ProcessLookupError):  # it may just have ended
                    os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
    return process.returncode, stdout, stderr


@contextmanager
def _temporary() -> Iterator[dict[str, str]]:
    """A folder for temporary data, as a variable: whatever it is asked, Workbench makes one for films and leaves it.

    Where the folder of `TMPDIR` is missing, it would make it in the working directory.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="wbtools-workbench-", ignore_cleanup_errors=True)
    except OSError:  # where wbtools may write nowhere, neither may Workbench
        yield {}
        return
    with made as folder:
        yield {"TMPDIR": folder}


def _started(
    argv: tuple[str, ...], environment: Mapping[str, str], cwd: Path | None, *, alone: bool
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=cwd,
            start_new_session=alone,
        )
    except OSError as error:
        if error.errno in {errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOEXEC}:
            raise CommandNotStarted(argv, error, hint=_INSTALL) from None
        raise from_os_error(error) from None


def _printed(process: subprocess.Popen[bytes], limit: float | None) -> tuple[str, str]:
    """What a program prints until it ends, the beginning only of a program that prints without end."""
    assert process.stdout and process.stderr
    end = None if limit is None else time.monotonic() + limit
    kept = [bytearray(), bytearray()]
    streams = zip((process.stdout, process.stderr), kept, strict=True)
    readers = [threading.Thread(target=_keep, args=pair, daemon=True) for pair in streams]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(end and max(0.0, end - time.monotonic()))
        if limit is not None and reader.is_alive():
            raise subprocess.TimeoutExpired(process.args, limit)
    process.wait(end and max(0.0, end - time.monotonic()))
    stdout, stderr = (each.decode("utf-8", "replace") for each in kept)
    return stdout, stderr


def _keep(stream: IO[bytes], kept: bytearray) -> None:
    """Read a stream to its end, and keep its beginning."""
    with stream:
        while chunk := os.read(stream.fileno(), 1 << 16):
            if len(kept) < _LONGEST_OUTPUT:
                kept += chunk


def sentence(printed: str) -> str:
    r"""The useful words of what Workbench prints when it fails: those after ERROR, on one line.

    Examples
    --------
    >>> sentence("\nWhile running:\nwb_command -x a\n\nERROR: NAME OF FILE: a.func.gii\n\nFile does not exist.\n")
    'a.func.gii: File does not exist.'
    """
    _, found, words = printed.rpartition("ERROR:")
    if not found:
        lines = [line for line in printed.splitlines() if line.strip()]
        words = lines[-1] if lines else ""
    words = re.sub(r"NAME OF FILE: *(\S.*?) *\n", r"\1: ", words)
    return " ".join(words.split())[:_LONGEST_SENTENCE]


def _bare(command: Command) -> tuple[str, ...]:
    names = {str(path): path.name for path in (*command.inputs, *command.outputs)}
    words = (names.get(word, word) for word in command.argv)
    return tuple(Path(word).name if Path(word).is_absolute() else word for word in words)


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
