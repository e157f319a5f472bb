"""A piece of one large result as a worker's payload."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from wbtools.batch import pieces
from wbtools.batch.pieces import Job
from wbtools.batch.state.names import PublishedName
from wbtools.cli.console import set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.errors.system import WriteFailure

JOBS: Mapping[str, str] = {
    "prepare": "wbtools.datasets.piecewise",
    "index": "wbtools.asking.piecewise",
    "evaluate": "wbtools.evaluating.piecewise",
}
"""By the command's name, the module whose `job` makes a job of what its plan keeps."""


@dataclass(frozen=True)
class PiecePayload:
    """Pieces of a command's work.

    Parameters
    ----------
    kind : str
        A key of `JOBS`.
    options : mapping
        What the job is made of, as JSON values.
    out : Path
        Folder of the pieces.
    """

    kind: str
    options: Mapping[str, object]
    out: Path

    @functools.cached_property
    def _job(self) -> Job:
        found: Job = import_module(JOBS[self.kind]).job(self.options)
        return found

    def warm(self) -> str:
        """Load what every piece needs; gives the settings' hash."""
        return pieces.identity(self._job.settings())

    def name(self, subject: str) -> PublishedName:
        """A piece is called as the list has it."""
        return PublishedName(subject, subject)

    def inputs(self, subject: str) -> None:
        """A job looks after its inputs itself."""

    def described(self, subject: str) -> str:
        """A piece in words."""
        units = pieces.units_of(subject)
        return f"numbers {units.start} to {units.stop - 1}"

    def work(self, subject: str) -> int:
        """Make and publish a piece; failures end in a sentence and their exit code, as on the command line."""
        set_up_logging(0)
        self._publish(subject)
        return 0

    def _publish(self, subject: str) -> None:
        @reports_errors
        def publish() -> None:
            try:
                pieces.publish(self._job, subject, self.out)
            except WriteFailure as error:  # the folder could be written when the work began: the machine is at fault
                raise WriteFailure(error, begun=True) from None

        publish()
