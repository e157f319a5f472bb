"""Regions as a Segmentation: a binary one, which validators and viewers of all years know (PS3.3 A.51)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from wbtools.anatomy import Hemisphere, Kind, Region
from wbtools.dicom.objects import research
from wbtools.dicom.objects.research import NewSeries
from wbtools.dicom.objects.source_series import SourceSeries
from wbtools.space.grid import Volume
from wbtools.version import __version__

if TYPE_CHECKING:
    from pydicom import Dataset

_LONGEST_TEXT = 1024  # characters of ST (PS3.5 6.2)
_STRUCTURES = {
    "ACCUMBENS": "NucleusAccumbens",
    "AMYGDALA": "Amygdala",
    "BRAIN_STEM": "BrainStem",
    "CAUDATE": "CaudateNucleus",
    "CEREBELLUM": "Cerebellum",
    "HIPPOCAMPUS": "Hippocampus",
    "PALLIDUM": "GlobusPallidus",
    "PUTAMEN": "Putamen",
    "THALAMUS": "Thalamus",
}
"""What SNOMED CT calls structures, by their names without the side; the other ones are parts of the brain."""


@dataclass(frozen=True)
class Segment:
    """A region that becomes a segment.

    Parameters
    ----------
    region : Region
    about : str
        What is to be said of it.
    """

    region: Region
    about: str = ""


def segmentation(
    source: SourceSeries, labels: Volume, segments: Sequence[Segment], atlas: str, series: NewSeries
) -> Dataset:
    """Regions in the frame of reference, and on the slices, of the series that the scan came from.

    Parameters
    ----------
    source : SourceSeries
    labels : Volume
        Keys of regions, on the grid of the converted image.
    segments : sequence of Segment
        Numbered 1, 2, ..., in this order; each region has a voxel at least.
    atlas : str
        Where the regions come from.
    series : NewSeries

    Returns
    -------
    Dataset
        To be written with `save_as`.

    Raises
    ------
    InputError
        If the header of the source allows no objects.
    CheckError
        If the volume's voxels are not those of the source.
    """
    from highdicom.seg import Segmentation, SegmentationTypeValues

    keys = source.frames(labels)
    numbers = np.zeros(keys.shape, np.uint8)
    for number, segment in enumerate(segments, 1):
        numbers[keys == segment.region.key] = number
    try:
        made = Segmentation(
            source_images=source.headers,
            pixel_array=numbers,
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=[_described(number, each, atlas) for number, each in enumerate(segments, 1)],
            content_label="REGIONS",
            **series.identification(source),
            **series.equipment(),
        )
    except research.REFUSALS as error:
        raise research.refused(error) from None
    return research.finished(made, source, series)


def _described(number: int, segment: Segment, atlas: str) -> Any:
    """What a segment is: its name, its nearest concept of SNOMED CT with the side, its colour, who drew it."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom.sr.codedict import codes

    region = segment.region
    described = SegmentDescription(
        number,
        research.name(region.name),
        segmented_property_category=codes.SCT.AnatomicalStructure,
        segmented_property_type=getattr(codes.SCT, _concept(region)),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            research.name(f"wbtools, {atlas}"), codes.cid7162.DeformableModels, __version__, source="wbtools"
        ),
        anatomic_regions=[codes.SCT.Brain],
        display_color=CIELabColor.from_rgb(*(round(255 * part) for part in region.colour[:3])),
    )
    described.SegmentDescription = research.plain(segment.about, _LONGEST_TEXT)
    if region.hemisphere:
        side = codes.SCT.Left if region.hemisphere is Hemisphere.LEFT else codes.SCT.Right
        kind = described.SegmentedPropertyTypeCodeSequence[0]
        kind.SegmentedPropertyTypeModifierCodeSequence = [CodedConcept.from_code(side)]
    return described


def _concept(region: Region) -> str:
    """The nearest concept of SNOMED CT, as pydicom spells it.

    Examples
    --------
    >>> _concept(Region(410, "THALAMUS_LEFT", Hemisphere.LEFT, Kind.SUBCORTEX, (1, 0, 0, 1)))
    'Thalamus'
    """
    if region.kind is Kind.CORTEX:
        return "CerebralCortex"
    return _STRUCTURES.get(region.name.removesuffix("_LEFT").removesuffix("_RIGHT"), "Brain")
