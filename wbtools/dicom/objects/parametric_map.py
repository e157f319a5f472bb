"""Relevance as a Parametric Map: 32-bit floating point numbers, so that nothing is scaled (PS3.3 A.75)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from wbtools.dicom.objects import research
from wbtools.dicom.objects.research import NewSeries
from wbtools.dicom.objects.source_series import SourceSeries
from wbtools.space.grid import Array, Volume

if TYPE_CHECKING:
    from pydicom import Dataset

_BRIGHTEST = 98.0  # percentile of magnitudes that is shown brightest, as in pictures of scenes


def relevance_map(source: SourceSeries, relevance: Volume, series: NewSeries, *, whole_head: bool = False) -> Dataset:
    """Relevance density in the frame of reference, and on the slices, of the series that the scan came from.

    Parameters
    ----------
    source : SourceSeries
    relevance : Volume
        Density, 1/mm3, on the grid of the converted image.
    series : NewSeries
    whole_head : bool
        Whether it shows more than the brain.

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
    from highdicom import VOILUTTransformation
    from highdicom.pm import ParametricMap

    frames = source.frames(relevance).astype(np.float32, copy=False)
    width = _window(frames)
    window = VOILUTTransformation(
        window_center=width / 2,
        window_width=width,
        window_explanation="Relevance",
        voi_lut_function="LINEAR_EXACT",  # LINEAR allows no window narrower than 1
    )
    try:
        made = ParametricMap(
            source_images=source.headers,
            pixel_array=frames,
            contains_recognizable_visual_features=whole_head,
            real_world_value_mappings=[_mapping(frames)],
            voi_lut_transformations=[window],
            content_label="RELEVANCE",
            coding_schemes=[research.coding_scheme()],
            **series.identification(source),
            **series.equipment(),
        )
    except research.REFUSALS as error:
        raise research.refused(error) from None
    return research.finished(made, source, series)


def _window(frames: Array) -> float:
    """The highest value that viewers tell from higher ones; 1 for an empty map."""
    shown = np.abs(frames[frames != 0])
    return float(np.percentile(shown, _BRIGHTEST)) if shown.size else 1.0


def _mapping(frames: Array) -> object:
    """Stored values are real ones: what they measure, and in which unit."""
    from highdicom.pm import RealWorldValueMapping
    from highdicom.sr import CodedConcept

    return RealWorldValueMapping(
        lut_label="RELEVANCE",
        lut_explanation="Relevance density of a neural network",
        unit=CodedConcept("1/mm3", "UCUM", "1/mm3"),
        value_range=(float(frames.min()), float(frames.max())),
        slope=1.0,
        intercept=0.0,
        quantity_definition=CodedConcept("RELEVANCE", research.SCHEME, "Relevance density of a neural network"),
    )
