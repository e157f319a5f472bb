"""The marker of a folder that is not finished: which process makes it, and whether that one has ended."""

from __future__ import annotations

import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

from wbtools.output.ownership import MARKER

_LARGEST = 4096
_KINDS: dict[str, type] = {"pid": int, "whole": bool}


@dataclass(frozen=True)
class Marker:
    """What a marker says: which process made the folder, and under which name.

    A copy of the folder under another name, or a published folder, is not what its marker says, and does not count.
    `whole` is a folder that was finished: it has not its name yet, or has had it.
    """

    tool: str
    folder: str
    host: str
    boot: str
    processes: str
    pid: int
    start: str
    whole: bool = False

    @classmethod
    def of(cls, folder: Path, *, whole: bool = False) -> Marker:
        """The marker that this process gives a folder."""
        pid = os.getpid()
        return cls("wbtools", folder.name, socket.gethostname(), _boot(), _namespace(), pid, _start(pid) or "", whole)

    @classmethod
    def read(cls, folder: Path) -> Marker | None:
        """The marker of a folder; None without a sound one that is about this folder."""
        found = cls.lying_in(folder)
        return found if found is not None and found.folder == folder.name else None

    @classmethod
    def lying_in(cls, folder: Path) -> Marker | None:
        """A sound marker that lies in a folder, whichever folder it is about."""
        try:
            if folder.is_symlink():
                return None
            handle = os.open(folder / MARKER, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with open(handle, "rb") as stream:  # noqa: PTH123, an open file
                found = cls(**json.loads(stream.read(_LARGEST)))
        except (OSError, ValueError, TypeError, RecursionError):
            return None
        sound = all(type(value) is _KINDS.get(name, str) for name, value in asdict(found).items())
        return found if sound and found.tool == "wbtools" else None

    def write(self, folder: Path) -> None:
        """Put it into the folder."""
        with (folder / MARKER).open("x", encoding="utf-8") as stream:
            stream.write(json.dumps(asdict(self)))

    def rewrite(self, folder: Path) -> None:
        """Put it into the folder in place of the one that is there; at no moment is there none."""
        beside = folder / f"{MARKER}.new"
        beside.write_text(json.dumps(asdict(self)), encoding="utf-8")
        beside.replace(folder / MARKER)

    @property
    def gone(self) -> bool | None:
        """Whether the process that wrote it has ended; None of another machine's, of which nothing is known."""
        if self.host != socket.gethostname():
            return None
        if self.boot != _boot():
            return True
        if self.processes != _namespace():
            return None  # another container on this machine
        start = _start(self.pid)
        return start is None or (start != "" and start != self.start)


def _boot() -> str:
    """What is different after every start of the machine."""
    return _text("/proc/sys/kernel/random/boot_id")


def _namespace() -> str:
    """Which numbers of processes these are: containers have their own."""
    try:
        return os.readlink("/proc/self/ns/pid")  # noqa: PTH115, no path
    except OSError:
        return ""


def _start(pid: int) -> str | None:
    """When a process began, in the kernel's ticks, so that a number that was given again is noticed; None if it ended.

    Empty of a process that is there, but not shown to this user.

    Examples
    --------
    >>> _start(os.getpid()) == _start(os.getpid()), _start(2**22 + 1)
    (True, None)
    """
    words = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
    if words and words[0] != "Z":
        return words[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except (PermissionError, OverflowError):
        pass
    return None if words else ""


def _text(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
