"""What an atlas of the cortex has to offer, so that exports can be named by it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Hemisphere, Region
from wbtools.atlas.deep.label_source import LabelSource


@dataclass(frozen=True, eq=False)
class CorticalAtlas:
    """Areas of both hemispheres on the standard 32k mesh; they are carried to each person from there.

    Parameters
    ----------
    name : str
        In names of files and in records: letters, digits and hyphens.
    title : str
        In titles of pictures.
    regions : callable
        Gives all areas in the order of their keys, 1 to the number of areas; keys below `SUBCORTEX_OFFSET`
        (`wbtools.atlas.subcortex`).
    labels_32k : callable
        Gives a hemisphere's keys, (32492,), int32, 0 on the medial wall; read-only.
    acknowledgement : str
        What those who publish with the atlas have to cite; in every record.
    remarks : mapping of str to str
        What a reader of the record must know of its areas, by subject.
    deep : tuple of LabelSource
        Further sources of labels below the cortex that it is joined with, besides a person's segmentation.
    """

    name: str
    title: str
    regions: Callable[[], tuple[Region, ...]]
    labels_32k: Callable[[Hemisphere], NDArray[np.int32]]
    acknowledgement: str
    remarks: Mapping[str, str] = field(default_factory=dict)
    deep: tuple[LabelSource, ...] = ()
