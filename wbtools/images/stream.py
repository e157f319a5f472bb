"""Sequential reading of a file, decompressed on the fly by ISA-L (three times as fast as zlib), with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from isal import isal_zlib
from isal.igzip_lib import IsalError

from wbtools.errors import InputError
from wbtools.images import diagnosis
from wbtools.images.diagnosis import COPY_AGAIN

GZIP = b"\x1f\x8b"
_DAMAGED: type[Exception] = IsalError  # type: ignore[assignment]  # its stub names no base class
_BLOCK = 2**18  # bytes read from disk at a time
_CHUNK = 2**22  # bytes decompressed at a time, at most
_SMALLEST = 2**16  # and at least
_RATIO = 1040  # the best that deflate can do is 1032 equal bytes to one


class InputStream:
    """A file that is read once, from the first byte to the last, with gzip decompressed.

    The first bytes decide whether the file is compressed, not its name: an uncompressed file named `.nii.gz` and a
    compressed one named `.nii` are both read. Checksums are verified. A reader that has identified the format sets
    `recognised`: any later error is then reported as damage, without looking for another format.

    Parameters
    ----------
    path : Path
    wanted : str
        What the file should be, for messages: "NIfTI file".
    hint : str
        What the user can do if the file is damaged.

    Raises
    ------
    InputError
        If the file does not exist or may not be read. Every method raises it if the file ends too early or is damaged.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "file.gz"
    ...     _ = path.write_bytes(isal_zlib.compress(b"seven bytes", wbits=31))
    ...     with InputStream(path, "file") as stream:
    ...         stream.compressed, stream.read(5), stream.rest(100)
    (True, b'seven', b' bytes')
    """

    def __init__(self, path: Path, wanted: str, hint: str = COPY_AGAIN) -> None:
        self.path, self.wanted, self.hint = path, wanted, hint
        self.size = diagnosis.require_file(path).st_size
        self.position = 0
        self.recognised = False
        self._stream = path.open("rb", buffering=0)
        self._buffered = b""
        self._head = b""
        self._raw = self._stream.read(_BLOCK)
        self._ended = False
        self.compressed = self._raw[:2] == GZIP
        self._decompressor = isal_zlib.decompressobj(wbits=31) if self.compressed else None

    def __enter__(self) -> InputStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def peek(self, count: int) -> bytes:
        """The next `count` bytes (fewer at the end of the file), without consuming them."""
        while len(self._buffered) < count and (chunk := self._chunk(count)):
            self._buffered += chunk
        if not self.position:
            self._head = self._buffered[: diagnosis.HEAD]
        return self._buffered[:count]

    def read(self, count: int) -> bytes:
        """The next `count` bytes."""
        buffer = bytearray(count)
        self.read_into(memoryview(buffer))
        return bytes(buffer)

    def read_into(self, target: memoryview) -> None:
        """Fill a writable buffer with the next bytes."""
        filled = 0
        while filled < len(target):
            chunk = self._next(len(target) - filled)
            if not chunk:
                raise self.too_short(self.position + len(target) - filled)
            target[filled : filled + len(chunk)] = chunk
            filled += len(chunk)

    def skip(self, count: int) -> None:
        """Skip `count` bytes."""
        end = self.position + count
        while self.position < end:
            if not self._next(end - self.position):
                raise self.too_short(end)

    def rest(self, limit: int) -> bytes:
        """The rest of the file, at most `limit` bytes."""
        return b"".join(self.chunks(limit))

    def chunks(self, limit: int) -> Iterator[bytes]:
        """The rest of the file in chunks, at most `limit` bytes in all."""
        start = self.position
        while chunk := self._next(_SMALLEST):
            if self.position - start > limit:
                raise self.too_long(start + limit)
            yield chunk

    def finish(self, limit: int) -> None:
        """Read to the end, which verifies the checksum, and reject a file with more than `limit` further bytes.

        For an uncompressed file only the size is checked.
        """
        if not self.compressed:
            if self.size - self.position > limit:
                raise self.too_long(self.position + limit)
            return
        start = self.position
        while self._next(_CHUNK):
            if self.position - start > limit:
                raise self.too_long(start + limit)

    def require_size(self, count: int) -> None:
        """Reject a file that cannot hold `count` bytes, before memory is allocated for them."""
        most = self.size * _RATIO if self.compressed else self.size
        if most < count:
            have = f" packed as {self.size:,} bytes" if self.compressed else f" in {self.size:,} bytes"
            raise self.damaged(f"its header announces {count:,} bytes{have}, more than they can hold")

    def too_short(self, need: int) -> InputError:
        """The error for a file that ends at the current position."""
        return diagnosis.truncated(self.path, self.wanted, self.position, need, self.hint)

    def too_long(self, most: int) -> InputError:
        """The error for a file with data after its end."""
        return InputError(
            f"{self.path} is longer than the {most:,} bytes that a {self.wanted} of its kind can have",
            hint="write the file again with the program that made it, or download it again",
        )

    def damaged(self, reason: str = "") -> InputError:
        """The error for a file with unexpected content; it names the actual format where that is known."""
        head = b"" if self.recognised else self._head or (b"" if self.compressed else None)
        return diagnosis.refusal(self.path, self.wanted, reason, self.hint, head)

    def _next(self, count: int) -> bytes:
        """Between 1 and `count` of the next bytes; none at the end of the file."""
        chunk = self._buffered or self._chunk(count)
        if not self.position:
            self._head = chunk[: diagnosis.HEAD]
        chunk, self._buffered = chunk[:count], chunk[count:]
        self.position += len(chunk)
        return chunk

    def _chunk(self, count: int) -> bytes:
        """New bytes from disk, decompressed; none at the end of the file."""
        if self._decompressor is None:
            chunk, self._raw = self._raw, b""
            return chunk or self._stream.read(min(max(count, _BLOCK), _CHUNK))
        while not self._ended:
            if not self._raw:
                self._raw = self._stream.read(_BLOCK)
            if self._decompressor.eof and not self._next_member():
                break
            chunk = self._decompress(min(max(count, _SMALLEST), _CHUNK))
            if chunk:
                return chunk
        return b""

    def _decompress(self, count: int) -> bytes:
        """Decompress the raw bytes, to at most `count` bytes."""
        assert self._decompressor is not None
        try:
            chunk = self._decompressor.decompress(self._raw, count)
        except _DAMAGED as error:
            differs = "checksum" in str(error)
            what = "its checksum differs" if differs else "its packed stream is damaged"
            raise InputError(f"{self.path} is not a complete {self.wanted}: {what}", hint=self.hint) from None
        if not (chunk or self._raw or self._decompressor.eof):
            unpacked = self.position + len(self._buffered)
            raise self.damaged(f"its packed stream is cut after {self.size:,} bytes, {unpacked:,} unpacked")
        self._raw = self._decompressor.unused_data if self._decompressor.eof else self._decompressor.unconsumed_tail
        return chunk

    def _next_member(self) -> bool:
        """Start the next member of the gzip file; False at the end of the file, which may be padded with zeros."""
        while not (rest := self._raw.lstrip(b"\0")):
            self._raw = self._stream.read(_BLOCK)
            if not self._raw:
                self._ended = True
                return False
        self._raw = rest
        if len(rest) == 1:
            self._raw += self._stream.read(_BLOCK)
        if self._raw[:2] != GZIP:
            raise self.damaged("something else follows its packed stream")
        self._decompressor = isal_zlib.decompressobj(wbits=31)
        return True
