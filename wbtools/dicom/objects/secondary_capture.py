"""Pictures as Secondary Captures, with a notice burnt in (PS3.3 A.8.1)."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.dicom.objects import research
from wbtools.dicom.objects.research import RESEARCH, NewSeries
from wbtools.dicom.objects.source_series import SourceSeries
from wbtools.version import __version__

if TYPE_CHECKING:
    from pydicom import Dataset

_HEADING, _WORDS, _NEXT_LINE, _EDGE = 36, 22, 1.4, 12  # pixels
_BACKGROUND, _WARNING, _INK = (0, 0, 0), (255, 210, 0), (235, 235, 235)


@dataclass(frozen=True)
class Captured:
    """A picture that is to be captured.

    Parameters
    ----------
    png : Path
    sides : tuple of str
        Which side of the patient is where, in sentences.
    """

    png: Path
    sides: tuple[str, ...]


def captures(
    source: SourceSeries, pictures: Sequence[Captured], series: NewSeries, *, whole_head: bool, identifying: bool
) -> list[Dataset]:
    """Pictures as one series, in their order.

    Parameters
    ----------
    source : SourceSeries
    pictures : sequence of Captured
    series : NewSeries
        Its notice is burnt in.
    whole_head : bool
        Whether they show more than the brain.
    identifying : bool
        Whether their words identify the patient.

    Returns
    -------
    list of Dataset
        To be written with `save_as`.

    Raises
    ------
    InputError
        If the header of the source allows no objects.
    """
    from highdicom.sc import SCImage

    made = []
    shared = series.identification(source)
    for number, picture in enumerate(pictures, 1):
        own = {**series.identification(source), "series_instance_uid": shared["series_instance_uid"]}
        try:
            image = SCImage.from_ref_dataset(
                source.headers[0],
                pixel_array=burnt_in(picture, series.notice),
                photometric_interpretation="RGB",
                bits_allocated=8,
                coordinate_system="PATIENT",
                patient_orientation=("L", "F"),  # which the constructor wants; taken back below
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                **{**own, "instance_number": number},
            )
        except research.REFUSALS as error:
            raise research.refused(error) from None
        image.PatientOrientation = None  # several views stand in one picture
        image.ConversionType = "WSD"
        image.BurnedInAnnotation = "YES" if identifying else "NO"
        image.RecognizableVisualFeatures = "YES" if whole_head else "NO"
        image.SecondaryCaptureDeviceManufacturer = "wbtools"
        image.SecondaryCaptureDeviceSoftwareVersions = image.SoftwareVersions = __version__
        made.append(research.finished(image, source, series))
    return made


def burnt_in(picture: Captured, notice: str) -> NDArray[np.uint8]:
    """A picture below a band that says RESEARCH, which side is where, and what every reader must know.

    Returns
    -------
    ndarray, (rows, columns, 3), uint8
        The picture's own pixels are its last rows.
    """
    from PIL import Image

    with Image.open(picture.png) as file:
        pixels = np.asarray(file.convert("RGB"))
    band = _band(pixels.shape[1], [(RESEARCH, _HEADING), *((text, _WORDS) for text in (*picture.sides, notice))])
    return np.concatenate([band, pixels])


def _band(width: int, texts: Sequence[tuple[str, int]]) -> NDArray[np.uint8]:
    """Lines of text, the first one in the colour of a warning; letters so many pixels high."""
    from PIL import Image, ImageDraw, ImageFont

    lines = [
        (words, letters)
        for text, letters in texts
        for words in textwrap.wrap(research.plain(text, 2000), int((width - 2 * _EDGE) / (0.53 * letters)))
    ]
    heights = [round(_NEXT_LINE * letters) for _, letters in lines]
    band = Image.new("RGB", (width, sum(heights) + 2 * _EDGE), _BACKGROUND)
    draw, top = ImageDraw.Draw(band), _EDGE
    for (words, letters), height in zip(lines, heights, strict=True):
        ink = _WARNING if letters == _HEADING else _INK
        draw.text((width / 2, top + height / 2), words, fill=ink, font=ImageFont.load_default(letters), anchor="mm")
        top += height
    return np.asarray(band)
