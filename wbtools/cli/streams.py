"""Standard output and error that no reader, encoding or text can turn into a failure of the command."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn, TextIO

from wbtools.errors import TransientError

if TYPE_CHECKING:
    from typing_extensions import Buffer


class _Outlet(io.RawIOBase):
    """Writes to a file descriptor until its reader leaves or its disk is full, and to nobody from then on.

    A command whose output is read by `head`, or fills a disk, goes on to its end: what it prints decides nothing.

    Attributes
    ----------
    failure : OSError or None
        Why something could not be written; None if all was, or nobody was there to read it.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._open = descriptor, True
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Buffer, /) -> int:
        if self._open:
            try:
                return os.write(self._descriptor, data)
            except BrokenPipeError:
                self._open = False
            except OSError as error:
                self._open, self.failure = False, error
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
    done = False
    try:
        yield
        done = True
    except SystemExit as end:
        done = not end.code
        raise
    finally:
        sys.stdout, sys.stderr = before
        failures = [failure for stream in made if (failure := _finished(stream))]
        if done and failures:
            _exit(failures[0])


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


def _finished(stream: TextIO) -> OSError | None:
    """Write out what is left; gives why something could not be written."""
    try:
        stream.flush()
    except OSError as error:
        return error
    except ValueError:  # closed by somebody else
        return None
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.failure if isinstance(raw, _Outlet) else None


def _exit(failure: OSError) -> NoReturn:
    """End a command that was done, but whose words could not be written, as on a full disk."""
    reason = failure.strerror or str(failure)
    with suppress(OSError):
        print(f"Error: what was printed could not be written: {reason}", file=sys.stderr)
        print("Hint: the command itself was done; the files that it made are whole", file=sys.stderr)
    raise SystemExit(TransientError.exit_code)
