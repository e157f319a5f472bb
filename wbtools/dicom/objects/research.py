"""What every object says of itself: research only, by wbtools, in a new series of the source's study."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from wbtools.dicom.objects.source_series import SourceSeries
from wbtools.errors import InputError
from wbtools.text import line, shortened
from wbtools.version import __version__

if TYPE_CHECKING:
    from pydicom import Dataset

RESEARCH = "RESEARCH ONLY - not for diagnosis"
"""What every object says first."""
SCHEME = "99WBTOOLS"
"""Designator of the coding scheme for what no standard scheme has."""

_SOFTWARE = "wbtools"
_LONGEST_NAME, _LONGEST_COMMENT = 64, 10240  # characters of LO and LT (PS3.5 6.2)


@dataclass(frozen=True)
class NewSeries:
    """A series that is to be made.

    Parameters
    ----------
    place : int
        Among those made of one source series, from 1.
    title : str
        What it shows.
    notice : str
        What every reader must know.
    """

    place: int
    title: str
    notice: str

    @property
    def description(self) -> str:
        """Its description.

        Examples
        --------
        >>> NewSeries(1, "relevance, unet", "").description
        'RESEARCH relevance, unet'
        """
        return name(f"RESEARCH {self.title}")

    @property
    def comment(self) -> str:
        """The comment on each of its images."""
        return plain(f"{RESEARCH}. {self.notice}", _LONGEST_COMMENT)

    def identification(self, source: SourceSeries) -> dict[str, Any]:
        """The arguments by which highdicom says what series this is, and by whom: with new UIDs at each call."""
        from pydicom.uid import generate_uid

        return {
            "series_instance_uid": generate_uid(prefix=None),
            "series_number": source.series_number(self.place),
            "sop_instance_uid": generate_uid(prefix=None),
            "instance_number": 1,
            "series_description": self.description,
            "manufacturer": _SOFTWARE,
            "content_qualification": "RESEARCH",
        }

    def equipment(self) -> dict[str, str]:
        """The arguments of enhanced objects, which name their equipment in full."""
        return {
            "manufacturer_model_name": _SOFTWARE,
            "software_versions": __version__,
            "device_serial_number": __version__,
            "content_description": name(f"RESEARCH: {self.title}"),
        }


def name(text: object) -> str:
    """A text as a value of a name's length."""
    return plain(text, _LONGEST_NAME)


def plain(text: object, longest: int) -> str:
    r"""A text in letters that every character set has, without the backslash, which separates values.

    Examples
    --------
    >>> plain("Zürich\\Bern", 64), plain("abcdef", 4)
    ('Z?rich/Bern', 'abc.')
    """
    ascii_only = line(text).encode("ascii", "replace").decode().replace("\\", "/")
    return shortened(ascii_only, longest).replace("\u2026", ".")


def coding_scheme() -> Any:
    """Who is responsible for the private codes (PS3.3 C.12.1.1.1)."""
    from highdicom.coding_schemes import CodingSchemeIdentificationItem

    return CodingSchemeIdentificationItem(
        SCHEME, name="wbtools", version=__version__, responsible_organization="The wbtools developers"
    )


def refused(error: Exception) -> InputError:
    """What is said where the header of a series, which may hold anything, allows no object; its values are not told."""
    return InputError(
        f"the header of the DICOM series allows no objects derived from it ({type(error).__name__})",
        hint="repair the header, as dciodvfy finds it, or leave out --dicom-out",
    )


REFUSALS = (AttributeError, KeyError, TypeError, ValueError)
"""What highdicom raises for headers that break the standard."""


def finished(dataset: Dataset, source: SourceSeries, series: NewSeries) -> Dataset:
    """An object with the identity of the source's study, and the marks that highdicom does not set."""
    dataset.copy_patient_and_study_information(source.study)
    if "SpecificCharacterSet" in source.study:
        dataset.SpecificCharacterSet = source.study.SpecificCharacterSet
    dataset.ImageComments = series.comment
    dataset.ContentQualification = "RESEARCH"
    dataset.BodyPartExamined = "BRAIN"  # without a part that has no side, validators miss a laterality
    return dataset
