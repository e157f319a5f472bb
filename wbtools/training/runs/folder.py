"""The folder of a run: what was asked for, a line for every epoch, and the state that the next epoch begins with.

The order in which an epoch's files are written makes any moment a good one to be killed: checkpoints, then the log,
then the state. Whatever is newer than the state is written again, and the same, by the run that resumes.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbtools import atomic
from wbtools.errors import InputError, UnreadableFile
from wbtools.errors.system import writing
from wbtools.output.destination import require_writable
from wbtools.output.ownership import read_plain
from wbtools.subject.containment import RUN
from wbtools.subject.training_record import FORMAT
from wbtools.training.runs import records

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

    from wbtools.training.loop.fitting import Epoch, State

RECORD, LOG, STATE, CURVES = RUN, "log.jsonl", "state.pt", "tensorboard"
"""Names in the folder of a run."""

_OWN = tuple(f".{name}" for name in (RECORD, LOG, STATE, "best-", "last.", "reference"))
"""How hidden names of files of a run begin while they are written."""

_OTHER = "choose another --out"
_AWAY = f"move {LOG} away: a run can be resumed without it"


@dataclass(frozen=True)
class RunFolder:
    """Where a run is kept.

    Parameters
    ----------
    path : Path
    """

    path: Path

    def require_new(self) -> None:
        """Require that a run can begin here.

        Raises
        ------
        InputError
            If the folder holds anything, or cannot be written.
        """
        require_writable(self.path, "--out")
        if (self.path / RECORD).exists():
            raise InputError(
                f"{self.path} holds a run already, and training replaces none",
                hint=f"add --resume to go on with it; to train anew, {_OTHER}, or remove that folder yourself",
            )
        if self.path.exists() and any(not _unfinished(path) for path in self.path.iterdir()):
            raise InputError(f"{self.path} is not empty, and training replaces nothing", hint=_OTHER)

    def record(self, otherwise: str = f"train anew: {_OTHER}") -> dict[str, Any]:
        """What a run was asked for.

        Parameters
        ----------
        otherwise : str
            What to do if the record is of no use.

        Raises
        ------
        InputError
            If there is no run, or its record is damaged.
        """
        path = self.path / RECORD
        try:
            found = json.loads(read_plain(path))
        except FileNotFoundError:
            raise InputError(f"{self.path} holds no run to resume", hint="leave out --resume") from None
        except RecursionError:
            raise UnreadableFile(path, ValueError("it is nested too deeply"), hint=otherwise) from None
        except (OSError, ValueError) as error:
            raise UnreadableFile(path, error, hint=otherwise) from None
        if not isinstance(found, dict) or found.get("run") != FORMAT:
            raise InputError(f"{path} is no record of a run of this version of wbtools", hint=otherwise)
        if wrong := records.wrong_in(found):
            raise InputError(f"{path} is damaged at {wrong!r}", hint=otherwise)
        return found

    def make(self) -> None:
        """Make the folder, if it is not there."""
        with writing(self.path, begun=False):
            self.path.mkdir(parents=True, exist_ok=True)

    def rewrite(self, record: Mapping[str, Any]) -> None:
        """Write the record anew."""
        text = json.dumps({"run": FORMAT, **record}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
        with writing(self.path):
            atomic.write(self.path / RECORD, text, durable=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from training here, for the block.

        Raises
        ------
        InputError
            If another process does.
        """
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(
                    f"another process is training in {self.path}", hint=f"wait for it, or {_OTHER}"
                ) from None
            except OSError:  # a file system without locks
                pass
            for path in filter(_unfinished, list(self.path.iterdir())):
                path.unlink(missing_ok=True)  # left by a run that was killed while it wrote
            yield
        finally:
            os.close(handle)

    def state(self) -> State | None:
        """What the next epoch begins with; None if no epoch was finished.

        Raises
        ------
        InputError
            If it is damaged.
        """
        import torch

        path = self.path / STATE
        if not os.path.lexists(path):
            return None
        if not path.is_file():  # a pipe would be waited for
            raise InputError(f"{path} is no plain file", hint=f"train anew: {_OTHER}")
        try:
            found = torch.load(path, map_location="cpu", weights_only=True)
        except PermissionError as error:
            raise UnreadableFile(path, error) from None
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError) as error:
            raise InputError(f"{path} is damaged ({type(error).__name__})", hint=f"train anew: {_OTHER}") from None
        except Exception as error:  # of pickle, whose errors share no other class
            if type(error).__name__ != "UnpicklingError":
                raise
            raise InputError(f"{path} is damaged, or holds code", hint=f"train anew: {_OTHER}") from None
        if not records.is_state(found):
            raise InputError(f"{path} is no state of a run", hint=f"train anew: {_OTHER}")
        state: State = found
        return state

    def keep_state(self, state: State) -> None:
        """Replace the state, whole or not at all."""
        save(self.path / STATE, state)

    def epochs(self) -> list[dict[str, Any]]:
        """The lines of the log; one that a crash cut off is left out.

        Raises
        ------
        InputError
            If it is damaged.
        """
        path = self.path / LOG
        try:
            lines = read_plain(path).decode().split("\n")
            found = [json.loads(line) for line in lines[:-1]]  # nothing, or a line that was cut off, follows the last
        except FileNotFoundError:
            return []
        except RecursionError:
            raise UnreadableFile(path, ValueError("it is nested too deeply"), hint=_AWAY) from None
        except (OSError, ValueError) as error:
            raise UnreadableFile(path, error, hint=_AWAY) from None
        for number, line in enumerate(found, 1):
            if not records.is_epoch(line):
                raise InputError(f"{path} is damaged in line {number}", hint=_AWAY)
        return found

    def forget_after(self, epoch: int) -> None:
        """Remove lines of the log that are newer than the state."""
        kept = [json.dumps(line) + "\n" for line in self.epochs() if line["epoch"] <= epoch]
        with writing(self.path):
            atomic.write(self.path / LOG, "".join(kept))

    def note(self, epoch: Epoch) -> None:
        """Add an epoch's line to the log."""
        line = {
            "epoch": epoch.number + 1,
            "rate": epoch.rate,
            "seconds": round(epoch.seconds, 3),
            "train": _plain(epoch.training),
            "val": _plain(epoch.validation),
            "best": list(epoch.best),
        }
        with writing(self.path), (self.path / LOG).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")

    def curves(self, epoch: int) -> SummaryWriter | None:
        """Where TensorBoard reads curves; None where it is not installed.

        Parameters
        ----------
        epoch : int
            The first that is written; what is there of it and later ones is hidden.
        """
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return None
        return SummaryWriter(str(self.path / CURVES), purge_step=epoch + 1)


def _unfinished(path: Path) -> bool:
    """Whether a file of a run was being written when the run was killed."""
    found = re.fullmatch(atomic.BESIDE, path.name)
    return found is not None and path.name.startswith(_OWN) and path.is_file() and not path.is_symlink()


def _plain(figures: Mapping[str, float]) -> dict[str, float | None]:
    """Figures as JSON has them, which knows no infinity."""
    return {name: float(f"{value:.7g}") if abs(value) < float("inf") else None for name, value in figures.items()}


def save(path: Path, content: object) -> None:
    """Write tensors and plain values as a file of `torch.save`, whole or not at all.

    In memory first: torch's own writer says of a full disk only that it failed.
    """
    import torch

    stream = io.BytesIO()
    torch.save(content, stream)
    with writing(path.parent):
        atomic.write(path, lambda file: file.write(stream.getbuffer()), durable=True)
