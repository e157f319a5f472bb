"""Standard output and error that no reader, encoding or text can turn into a failure of the command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from wbtools.errors import TransientError
from wbtools.errors.system import from_os_error

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Outlet(io.RawIOBase):
    """Writes to a file descriptor until its reader leaves, and to nobody from then on.

    A command whose output is read by `head` goes on to its end, and ends with its own exit code.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self.open_ended = descriptor, True

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Buffer, /) -> int:
        if self.open_ended:
            try:
                return os.write(self._descriptor, data)
            except BrokenPipeError:
                self.open_ended = False
        return memoryview(data).nbytes


@contextmanager
def lasting() -> Iterator[None]:
    r"""Let a command write to streams that take every text and outlive their readers.

    What the terminal's encoding lacks is written as an escape such as `\xeb`. Streams without a file descriptor, such
    as those of a test, stay as they are.
    """
    before = sys.stdout, sys.stderr
    made = [_outliving(stream) for stream in before]
    sys.stdout, sys.stderr = made
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
        for stream in made:
            _finish(stream)


def _outliving(stream: TextIO | None) -> TextIO:
    """The stream under another wrapper; nowhere, if it was closed before the program began (`>&-`)."""
    if stream is None:
        return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")
    try:
        stream.flush()
        raw = _Outlet(stream.fileno())
    except (AttributeError, OSError, ValueError):
        return stream
    at_once = getattr(stream, "line_buffering", False)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding=stream.encoding, errors="backslashreplace", line_buffering=at_once
    )


def _finish(stream: TextIO) -> None:
    """Write out what is left; exit if there is no room for it, as on a full disk."""
    try:
        stream.flush()
    except OSError as error:
        raw = getattr(getattr(stream, "buffer", None), "raw", None)
        if isinstance(raw, _Outlet):
            raw.open_ended = False
        known = from_os_error(error)
        print(f"Error: what was printed could not be written: {known}", file=sys.stderr)
        raise SystemExit(TransientError.exit_code) from None
    except ValueError:  # closed by somebody else
        return
