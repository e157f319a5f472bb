"""A file that is read no further than a header can go."""

from __future__ import annotations

from typing import BinaryIO

_LONGEST = 1 << 26  # bytes of a header that are read; those of many frames have some MiB
_MOST_ZEROS = 16  # readings of nothing but zeros, one after the other; between values there are tags


class Bounded:
    """A file of which no more is read than headers have: a damaged one may go on for gigabytes of zeros."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._left, self._zeros = stream, _LONGEST, 0
        self.tell, self.seek = stream.tell, stream.seek

    def read(self, size: int = -1) -> bytes:
        """As a file's; EOFError where a header ought to have ended."""
        content = self._stream.read(min(size, self._left) if size >= 0 else self._left)
        self._left -= len(content)
        self._zeros = 0 if content.strip(b"\0") else self._zeros + 1
        if self._left <= 0 or self._zeros > _MOST_ZEROS:
            raise EOFError
        return content
