"""A file's bytes, unpacked where they are packed, from first to last, and never more than was asked for."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from wbtools.errors import InputError
from wbtools.images import diagnosis
from wbtools.images.diagnosis import COPY_AGAIN

GZIP = b"\x1f\x8b"
_BLOCK = 2**18  # bytes read from disk at a time
_PIECE = 2**22  # bytes unpacked at a time, at most and at least
_LEAST = 2**16
_RATIO = 1040  # deflate packs 1032 equal bytes into one at best


class Content:
    """One pass over a file.

    Whether it is packed with gzip is told by its first bytes, not by its name: a plain file named `.nii.gz` and a
    packed one named `.nii` are both read. Checksums are verified. Who has seen that the file is of the wanted kind sets
    `recognised`: what is wrong afterwards is damage, and no other kind is looked for.

    Parameters
    ----------
    path : Path
    wanted : str
        What the file should be, for messages: "NIfTI file".
    hint : str
        What to do about a damaged one.

    Raises
    ------
    InputError
        If there is no such file, or it may not be read; by every method if the file ends too early or is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "packed"
    ...     _ = path.write_bytes(zlib.compress(b"seven bytes", wbits=31))
    ...     with Content(path, "file") as content:
    ...         content.packed, content.read(5), content.rest(100)
    (True, b'seven', b' bytes')
    """

    def __init__(self, path: Path, wanted: str, hint: str = COPY_AGAIN) -> None:
        self.path, self.wanted, self.hint = path, wanted, hint
        self.size = diagnosis.require_file(path).st_size
        self.position = 0
        self.recognised = False
        self._stream = path.open("rb", buffering=0)
        self._pending = b""
        self._head = b""
        self._waiting = self._stream.read(_BLOCK)
        self._ended = False
        self.packed = self._waiting[:2] == GZIP
        self._unpacker = zlib.decompressobj(wbits=31) if self.packed else None

    def __enter__(self) -> Content:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def peek(self, count: int) -> bytes:
        """The next bytes, fewer at the end, which stay to be read."""
        while len(self._pending) < count and (piece := self._piece(count)):
            self._pending += piece
        if not self.position:
            self._head = self._pending[: diagnosis.HEAD]
        return self._pending[:count]

    def read(self, count: int) -> bytes:
        """The next `count` bytes."""
        buffer = bytearray(count)
        self.read_into(memoryview(buffer))
        return bytes(buffer)

    def read_into(self, target: memoryview) -> None:
        """Fill a writable buffer of bytes."""
        filled = 0
        while filled < len(target):
            piece = self._take(len(target) - filled)
            if not piece:
                raise self.too_short(self.position + len(target) - filled)
            target[filled : filled + len(piece)] = piece
            filled += len(piece)

    def skip(self, count: int) -> None:
        """Pass over `count` bytes."""
        end = self.position + count
        while self.position < end:
            if not self._take(end - self.position):
                raise self.too_short(end)

    def rest(self, limit: int) -> bytes:
        """All that is left, at most `limit` bytes."""
        return b"".join(self.pieces(limit))

    def pieces(self, limit: int) -> Iterator[bytes]:
        """All that is left, some at a time, at most `limit` bytes."""
        start = self.position
        while piece := self._take(_LEAST):
            if self.position - start > limit:
                raise self.too_long(start + limit)
            yield piece

    def finish(self, limit: int) -> None:
        """Read to the end, so that checksums are compared, and refuse a file that goes on for more than `limit` bytes.

        Of a plain file only the size is looked at.
        """
        if not self.packed:
            if self.size - self.position > limit:
                raise self.too_long(self.position + limit)
            return
        start = self.position
        while self._take(_PIECE):
            if self.position - start > limit:
                raise self.too_long(start + limit)

    def require_size(self, count: int) -> None:
        """Refuse a file that cannot hold `count` bytes, before memory is taken for them."""
        most = self.size * _RATIO if self.packed else self.size
        if most < count:
            have = f" packed as {self.size:,} bytes" if self.packed else f" in {self.size:,} bytes"
            raise self.damaged(f"its header announces {count:,} bytes{have}, more than they can hold")

    def too_short(self, need: int) -> InputError:
        """The refusal of a file that ends here."""
        return diagnosis.truncated(self.path, self.wanted, self.position, need, self.hint)

    def too_long(self, most: int) -> InputError:
        """The refusal of a file that goes on and on."""
        return InputError(
            f"{self.path} goes on after the {most:,} bytes that a {self.wanted} of its kind may have",
            hint="write the file again with the program that made it, or download it again",
        )

    def damaged(self, reason: str = "") -> InputError:
        """The refusal of a file whose content is not what it should be; what it is, if that can be told."""
        head = b"" if self.recognised else self._head or (b"" if self.packed else None)
        return diagnosis.refusal(self.path, self.wanted, reason, self.hint, head)

    def _take(self, count: int) -> bytes:
        """Some of the next `count` bytes; none at the end."""
        piece = self._pending or self._piece(count)
        if not self.position:
            self._head = piece[: diagnosis.HEAD]
        piece, self._pending = piece[:count], piece[count:]
        self.position += len(piece)
        return piece

    def _piece(self, count: int) -> bytes:
        """New bytes: from the disk, or unpacked; none at the end."""
        if self._unpacker is None:
            piece, self._waiting = self._waiting, b""
            return piece or self._stream.read(min(max(count, _BLOCK), _PIECE))
        while not self._ended:
            if not self._waiting:
                self._waiting = self._stream.read(_BLOCK)
            if self._unpacker.eof and not self._next_member():
                break
            piece = self._unpacked(min(max(count, _LEAST), _PIECE))
            if piece:
                return piece
        return b""

    def _unpacked(self, count: int) -> bytes:
        """What the waiting bytes unpack to, at most `count` bytes."""
        assert self._unpacker is not None
        try:
            piece = self._unpacker.decompress(self._waiting, count)
        except zlib.error as error:
            differs = "incorrect data check" in str(error) or "length check" in str(error)
            what = "its checksum differs" if differs else "its packed stream is damaged"
            raise InputError(f"{self.path} is not a complete {self.wanted}: {what}", hint=self.hint) from None
        if not (piece or self._waiting or self._unpacker.eof):
            unpacked = self.position + len(self._pending)
            raise self.damaged(f"its packed stream is cut after {self.size:,} bytes, {unpacked:,} unpacked")
        self._waiting = self._unpacker.unused_data if self._unpacker.eof else self._unpacker.unconsumed_tail
        return piece

    def _next_member(self) -> bool:
        """Go on to the next packed stream; False at the end, which zeros may pad."""
        while not (rest := self._waiting.lstrip(b"\0")):
            self._waiting = self._stream.read(_BLOCK)
            if not self._waiting:
                self._ended = True
                return False
        self._waiting = rest
        if len(rest) == 1:
            self._waiting += self._stream.read(_BLOCK)
        if self._waiting[:2] != GZIP:
            raise self.damaged("something else follows its packed stream")
        self._unpacker = zlib.decompressobj(wbits=31)
        return True
