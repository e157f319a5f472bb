"""Find `wb_command`, ask what it can do, run it, record what ran."""

from __future__ import annotations

import logging
import os
import re
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from wbtools.errors import CommandError, CommandFailed, CommandMissing, CommandNotStarted, MissingFile, ending
from wbtools.errors.system import from_os_error
from wbtools.search_path import find_program
from wbtools.workbench.command import Command

_log = logging.getLogger(__name__)

_INSTALL = "run: sudo apt install connectome-workbench, or give the program with --wb-command PATH"
_LONGEST_SENTENCE = 400
_ALLOCATION = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {"mxfast": 0, "hugetlb": 1, "mmap_threshold": 2**30, "trim_threshold": 2**32}.items()
)
"""Workbench frees millions of small objects before it ends, and asks for large ones again that it has just freed, page
by page: two fifths of the time that a picture takes. Where there is no glibc, this means nothing."""


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


@dataclass(eq=False)
class Workbench:
    """An installed `wb_command`.

    Parameters
    ----------
    program : Path
    completed : list of Completed
        What has run so far, for the provenance.
    """

    program: Path
    completed: list[Completed] = field(default_factory=list)
    _commands: frozenset[str] = frozenset()
    _version: str = ""

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
        return cls(Path(found))

    def version(self) -> str:
        """Its version, for example `1.5.0`."""
        if not self._version:
            found = re.search(r"^Version: *(\S+)", self._ask("-version"), re.MULTILINE)
            if found is None:
                raise CommandMissing(f"{self.program} is not Connectome Workbench", hint=_INSTALL)
            self._version = found[1]
        return self._version

    def commands(self) -> frozenset[str]:
        """The names of the operations it has, those it calls deprecated included."""
        if not self._commands:
            lists = self._ask("-list-commands") + "\n" + self._ask("-list-deprecated-commands")
            self._commands = frozenset(re.findall(r"^(-\S+)", lists, re.MULTILINE))
        return self._commands

    def run(self, command: Command, threads: int = 1, cwd: Path | None = None) -> Completed:
        """Run a command; its outputs exist afterwards, or it raises and leaves none of them.

        Files that are already there under the names of its outputs are removed first.

        Parameters
        ----------
        command : Command
        threads : int
            Most cores to use (Workbench takes all by default).
        cwd : Path, optional
            Where it runs; relative paths of the command are meant from there.

        Raises
        ------
        InputError
            If an input does not exist.
        CommandMissing
            If this version lacks the command.
        CommandError
            If it fails, in the words of Workbench, or an output is absent or empty.
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
            completed = self._run(command, threads, cwd)
            for path in outputs:
                if not path.is_file() or path.stat().st_size == 0:
                    raise CommandError(f"{command.name} wrote no {path.name}", argv=command.argv, status=0)
        except BaseException:  # an interruption as well: no half-written file may pass for a result
            _remove(outputs)
            raise
        self.completed.append(completed)
        return completed

    def _run(self, command: Command, threads: int, cwd: Path | None) -> Completed:
        # Provenance would put absolute paths and every parent's history into each output.
        argv = (str(self.program), "-disable-provenance", "-logging", "WARNING", *command.argv)
        started = time.perf_counter()
        status, stdout, stderr = _execute(argv, threads, cwd)
        seconds = time.perf_counter() - started
        if status != 0:
            raise CommandFailed(command.name, argv, status, stderr, said=sentence(stderr or stdout))
        _log.debug("%s took %.1f s", command.name, seconds)
        return Completed(_bare(command), round(seconds, 2), stdout, stderr)

    def _ask(self, option: str) -> str:
        status, stdout, stderr = _execute((str(self.program), option), 1, None)
        if status != 0:
            raise CommandMissing(f"{self.program} does not answer to {option}: {ending(status)}", hint=_INSTALL)
        return stdout + stderr


def _execute(argv: tuple[str, ...], threads: int, cwd: Path | None) -> tuple[int, str, str]:
    """Exit status, standard output and error of a program without a shell, without input, and never left behind."""
    environment = {"GLIBC_TUNABLES": _ALLOCATION, **os.environ, "OMP_NUM_THREADS": str(threads)}
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=environment,
            cwd=cwd,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise CommandNotStarted(argv, error, hint=_INSTALL) from None
    except OSError as error:
        raise from_os_error(error) from None
    try:
        stdout, stderr = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process.returncode, stdout, stderr


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
