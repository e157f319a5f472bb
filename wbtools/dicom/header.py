"""What is read of a DICOM file: a few attributes of its header, never its pixels, whatever the file holds.

Headers are untrusted and name people: nothing of them is logged, and what pydicom remarks on them is dropped.
"""

from __future__ import annotations

import re
import stat
import struct
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

from wbtools.dicom.bounded import Bounded

if TYPE_CHECKING:
    from pydicom import Dataset

T = TypeVar("T")

_MAGIC, _MAGIC_AT = b"DICM", 128
_WITHOUT = re.compile(
    rb"\x02\x00\x00\x00UL\x04\x00|\x08\x00[\x00\x01\x05\x08]\x00(UL|CS|[\x04-\x40]\x00\x00\x00)", re.DOTALL
)
"""How files begin that lack the preamble, as before the standard had one, or cut off: with the group's length, the
character set or the kind of image, explicit or implicit."""
_BEGINNING = 1024
_PIXELS = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
"""Pixel Data, and its kinds of floating point numbers."""
_DEFLATED = b"1.2.840.10008.1.2.1.99"
"""A transfer syntax whose whole file has to be inflated before anything is known of it; no scanner writes it."""
_MEDIUM = "1.2.840.10008.1.3.10"
"""The class of a list of what is on a medium."""
_ENCAPSULATED = "1.2.840.10008.1.2.4", "1.2.840.10008.1.2.5"
"""How transfer syntaxes of compressed pixels begin: JPEG of all kinds, and RLE (PS3.5 A.4)."""

_ODD = (ValueError, TypeError, AttributeError, LookupError, ArithmeticError, NotImplementedError, struct.error)
"""What pydicom raises for values that are none."""

_READ = (
    *("SOPClassUID", "SOPInstanceUID", "Modality", "StudyInstanceUID", "SeriesInstanceUID", "PatientID"),
    *("SeriesNumber", "SeriesDescription", "ProtocolName", "ImageType", "InstanceNumber", "Rows", "Columns"),
    *("ScanningSequence", "EchoPulseSequence", "PulseSequenceName", "SequenceName", "MRAcquisitionType"),
    *("RepetitionTime", "EchoTime", "InversionTime", "FlipAngle", "EchoPlanarPulseSequence"),
    *("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "NumberOfFrames"),
    *("BitsAllocated", "SamplesPerPixel", "PhotometricInterpretation", "PixelRepresentation"),
    *("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"),
)


@dataclass(frozen=True)
class Frame:
    """Where a slice lies, as its header says it (PS3.3 C.7.6.2): LPS, mm.

    Parameters
    ----------
    position : tuple of float, (3,)
        The centre of its first voxel.
    directions : tuple of float, (6,)
        Of a row and of a column.
    spacing : tuple of float, (2,)
        Between rows, and between columns.
    echo : float
        Echo time, ms; 0 if it is not said.
    """

    position: tuple[float, ...]
    directions: tuple[float, ...]
    spacing: tuple[float, ...]
    echo: float = 0.0

    @property
    def is_placed(self) -> bool:
        """Whether all is said that places it."""
        return (len(self.position), len(self.directions), len(self.spacing)) == (3, 6, 2) and min(self.spacing) > 0


@dataclass(frozen=True)
class ImageHeader:
    """What a DICOM file says of itself, as far as it matters here; what is not said is empty or 0.

    Parameters
    ----------
    path : Path
    sop_class, instance, study, series : str
        UIDs.
    modality : str
    number : int or None
        Of the series.
    names : tuple of str
        Description of the series, protocol, and sequence; may hold anything.
    kinds : tuple of str
        The values of Image Type.
    sequence : tuple of str
        Codes of the scanning sequence: SE, IR, GR, EP, RM.
    times : tuple of float, (3,)
        Repetition, echo and inversion time, ms.
    flip : float
        Degrees.
    dimensions : str
        2D or 3D.
    place : int
        The image's number in the series.
    size : tuple of int, (2,)
        Columns and rows.
    frames : tuple of Frame
        Empty if the header does not have as many as it says.
    is_whole : bool
        Whether the file is as long as its pixels need, as far as that can be told.
    is_signed : bool
        Whether its pixels may be negative.
    shown_as : str
        Photometric Interpretation: MONOCHROME2 of what is brighter the larger its values are.
    patient : str
        The patient's id.
    """

    path: Path
    sop_class: str
    instance: str
    study: str
    series: str
    modality: str
    number: int | None
    names: tuple[str, ...] = field(repr=False)
    kinds: tuple[str, ...]
    sequence: tuple[str, ...]
    times: tuple[float, float, float]
    flip: float
    dimensions: str
    place: int
    size: tuple[int, int]
    frames: tuple[Frame, ...]
    is_whole: bool
    is_signed: bool
    shown_as: str
    patient: str = field(repr=False)


class DamagedHeader(Exception):
    """A DICOM file whose header cannot be read, is deflated, or lacks the preamble."""


def is_dicom(path: Path) -> bool:
    """Whether a regular file begins as DICOM files do (PS3.10 7.1), or did; False if it cannot be read.

    Files of the kernel, which say that they are empty, are not opened: some wait for messages (`/proc/kmsg`).

    Examples
    --------
    >>> is_dicom(Path("/dev/null"))
    False
    """
    try:
        about = path.stat()
        if not (stat.S_ISREG(about.st_mode) and about.st_size):
            return False
        with path.open("rb") as stream:
            return _begins(stream.read(_BEGINNING))
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False


def read_header(path: Path) -> ImageHeader | None:
    """Read a file's header.

    Returns
    -------
    ImageHeader or None
        None if it is no DICOM file, or the list of a medium.

    Raises
    ------
    DamagedHeader
        If it begins as one and goes on otherwise.
    OSError
        If it cannot be read.
    """
    with path.open("rb") as stream:
        beginning = stream.read(_BEGINNING)
        if not _begins(beginning):
            return None
        if _DEFLATED in beginning or not _has_preamble(beginning):
            raise DamagedHeader
        stream.seek(0)
        with silenced():
            return _header(path, stream)


def _begins(beginning: bytes) -> bool:
    return _has_preamble(beginning) or _WITHOUT.match(beginning) is not None


def _has_preamble(beginning: bytes) -> bool:
    return beginning[_MAGIC_AT : _MAGIC_AT + len(_MAGIC)] == _MAGIC


def _ends(tag: int, vr: str | None, length: int) -> bool:
    """Whether the header ends before an element: with pixels."""
    return tag in _PIXELS


@contextmanager
def silenced() -> Iterator[None]:
    """Without warnings, log and checks of values, whose texts would repeat the header's."""
    from pydicom import config

    before, config.logger.disabled = config.logger.disabled, True
    try:
        with warnings.catch_warnings(), config.disable_value_validation():
            warnings.simplefilter("ignore")
            yield
    finally:
        config.logger.disabled = before


def _header(path: Path, stream: BinaryIO) -> ImageHeader | None:
    from pydicom.errors import BytesLengthException, InvalidDicomError
    from pydicom.filereader import read_partial
    from pydicom.tag import Tag

    try:
        bounded = cast("BinaryIO", Bounded(stream))
        found = read_partial(bounded, _ends, specific_tags=[Tag(keyword) for keyword in _READ])
        pixels_at = stream.tell()
        syntax, sop_class = (
            _text(found.file_meta, f"{name}UID") for name in ("TransferSyntax", "MediaStorageSOPClass")
        )
    except (*_ODD, BytesLengthException, InvalidDicomError, EOFError, RecursionError):
        raise DamagedHeader from None
    except OSError as error:
        if error.errno is None:  # pydicom's own, of what the file holds
            raise DamagedHeader from None
        raise
    if sop_class == _MEDIUM:
        return None
    if not _text(
        found, "Modality"
    ):  # every image has it (type 1); pydicom says nothing of a header that ends too early
        raise DamagedHeader
    groups = _Groups.of(found)
    size = (_integer(found, "Columns"), _integer(found, "Rows"))
    frames = groups.frames()
    declared = max(_integer(found, "NumberOfFrames"), 1)
    return ImageHeader(
        path,
        sop_class=_text(found, "SOPClassUID"),
        instance=_text(found, "SOPInstanceUID"),
        study=_text(found, "StudyInstanceUID"),
        series=_text(found, "SeriesInstanceUID"),
        modality=_text(found, "Modality"),
        number=_integer(found, "SeriesNumber") if _text(found, "SeriesNumber") else None,
        names=tuple(
            _text(found, name) for name in ("SeriesDescription", "ProtocolName", "SequenceName", "PulseSequenceName")
        ),
        kinds=_texts(found, "ImageType"),
        sequence=_sequence(found, groups),
        times=(
            groups.number("RepetitionTime"),
            frames[0].echo if frames else 0.0,
            groups.number("InversionTimes", "InversionTime"),
        ),
        flip=groups.number("FlipAngle"),
        dimensions=_text(found, "MRAcquisitionType"),
        place=_integer(found, "InstanceNumber"),
        size=size,
        frames=frames if len(frames) == declared else (),
        is_whole=path.stat().st_size - pixels_at >= _pixel_bytes(found, size, declared, syntax),
        is_signed=_integer(found, "PixelRepresentation") == 1,
        shown_as=_text(found, "PhotometricInterpretation"),
        patient="\\".join(_texts(found, "PatientID")),  # a backslash separates values, and is in no plain name
    )


def _pixel_bytes(found: Dataset, size: tuple[int, int], frames: int, syntax: str) -> int:
    """How many bytes a file's pixels have at least; of compressed ones that is not known."""
    if syntax.startswith(_ENCAPSULATED):
        return 1
    samples = max(_integer(found, "SamplesPerPixel"), 1) * frames
    return size[0] * size[1] * samples * max(_integer(found, "BitsAllocated"), 1) // 8


def _sequence(found: Dataset, groups: _Groups) -> tuple[str, ...]:
    """The codes of the classic image, also of an enhanced one (PS3.3 C.8.13.4)."""
    if classic := _texts(found, "ScanningSequence"):
        return classic
    pulses = _text(found, "EchoPulseSequence")
    said = {
        "SE": pulses in {"SPIN", "BOTH"},
        "GR": pulses in {"GRADIENT", "BOTH"},
        "IR": groups.text("InversionRecovery") == "YES",
        "EP": _text(found, "EchoPlanarPulseSequence") == "YES",
    }
    return tuple(code for code, holds in said.items() if holds)


@dataclass(frozen=True, eq=False)
class _Groups:
    """A header, and the functional groups of an enhanced one (PS3.3 C.7.6.16): those of all frames, and of each."""

    top: Dataset
    shared: tuple[Dataset, ...]
    each: tuple[tuple[Dataset, ...], ...]

    @classmethod
    def of(cls, top: Dataset) -> _Groups:
        shared = tuple(macro for item in _items(top, "SharedFunctionalGroupsSequence") for macro in _macros(item))
        each = tuple(tuple(_macros(item)) for item in _items(top, "PerFrameFunctionalGroupsSequence"))
        return cls(top, shared, each)

    def frames(self) -> tuple[Frame, ...]:
        """Every frame; a classic image has one."""
        return tuple(self._frame((*own, *self.shared, self.top)) for own in self.each or ((),))

    def _frame(self, places: Sequence[Dataset]) -> Frame:
        return Frame(
            position=_first(places, "ImagePositionPatient"),
            directions=_first(places, "ImageOrientationPatient"),
            spacing=_first(places, "PixelSpacing"),
            echo=next(iter(_first(places, "EffectiveEchoTime") or _first(places, "EchoTime")), 0.0),
        )

    def _places(self) -> tuple[Dataset, ...]:
        return (self.top, *self.shared, *(self.each[0] if self.each else ()))

    def number(self, *keywords: str) -> float:
        """The first number of the first attribute that is there."""
        found = (_first(self._places(), keyword) for keyword in keywords)
        return next((numbers[0] for numbers in found if numbers), 0.0)

    def text(self, keyword: str) -> str:
        """The first text that is there."""
        return next(filter(None, (_text(place, keyword) for place in self._places())), "")


def _items(dataset: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """The items of a sequence; none if it is not there, or is something else."""
    return _tried(lambda: tuple(item for item in dataset[keyword].value if hasattr(item, "file_tell")), ())


def _macros(group: Dataset) -> Iterator[Dataset]:
    """What a functional group says: the first item of each of its sequences."""
    for name in (
        *("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence", "MREchoSequence"),
        *("MRTimingAndRelatedParametersSequence", "MRModifierSequence"),
    ):
        yield from _items(group, name)[:1]


def _first(places: Sequence[Dataset], keyword: str) -> tuple[float, ...]:
    """The numbers of an attribute in the first place that has it."""
    return next(filter(None, (_numbers(place, keyword) for place in places)), ())


def _numbers(dataset: Dataset, keyword: str) -> tuple[float, ...]:
    def read() -> tuple[float, ...]:
        numbers = tuple(map(float, _listed(dataset[keyword].value)))
        return numbers if all(abs(number) < 1e7 for number in numbers) else ()  # also not of infinity, nor of NaN

    return _tried(read, ())


def _integer(dataset: Dataset, keyword: str) -> int:
    return int(next(iter(_numbers(dataset, keyword)), 0.0))


def _texts(dataset: Dataset, keyword: str) -> tuple[str, ...]:
    return _tried(lambda: tuple(str(word).strip() for word in _listed(dataset[keyword].value)), ())


def _text(dataset: Dataset, keyword: str) -> str:
    return " ".join(_texts(dataset, keyword))


def _listed(value: Any) -> list[Any]:
    """The values of an attribute, which may have several or none."""
    if value is None or value == "":
        return []
    return [value] if isinstance(value, str | bytes | int | float) or not hasattr(value, "__iter__") else list(value)


def _tried(read: Callable[[], T], otherwise: T) -> T:
    """What is read, or something else if it is not there or makes no sense."""
    from pydicom.errors import BytesLengthException

    try:
        return read()
    except (*_ODD, BytesLengthException):
        return otherwise
