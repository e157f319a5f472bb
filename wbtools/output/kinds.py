"""What files an export has: the kinds, and which file of a kind is meant."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wbtools.anatomy import Hemisphere


class OutputKind(Enum):
    """The kinds of file that an export consists of; each naming convention has a pattern for every one."""

    T1W = "the subject's T1w, so that the folder stands alone"
    BRAIN_MASK = "the brain in a T1w of a head, where wbtools had to find it"
    SURFACE = "one of the subject's surfaces in T1w space"
    SULC = "sulcal depth, the grey underlay of inflated surfaces"
    LABEL = "areas on one hemisphere's mesh"
    DLABEL = "areas of both hemispheres as CIFTI"
    CORTEX_VOLUME = "cortical areas on the T1w grid"
    ATLAS_VOLUME = "cortical areas and subcortical structures on the T1w grid"
    LUT = "names and colours of the atlas volume, for viewers that do not read Workbench's label table"
    RELEVANCE = "relevance density on the T1w grid"
    RELEVANCE_MNI = "relevance density on the 2 mm grid of MNI152, by the affine of the person's standard mesh"
    HEATMAP = "every region painted with its score"
    HEATMAP_SMOOTH = "the heatmap, Gaussian-smoothed within the atlas"
    METRIC = "maps of one network on one hemisphere's mesh"
    DSCALAR = "maps of one network over cortex and subcortical voxels"
    PSCALAR = "one value per cortical area"
    REGIONS = "the ranked table of regions"
    LEVELS = "each region's level in the map of the network, and in those of randomised networks"
    PAIRS = "the table of pairs of regions of two people"
    PCONN = "one value per pair of regions of two people"
    FIGURE = "a rendered scene"
    INPUT = "a picture of what a network was shown, beside its reference"
    SIDECAR = "what another file holds, beside it"
    SCENE = "the prepared scenes"
    SPEC = "the files of one mesh, for wb_view"
    REPORT = "all of it as one page"
    DICOM_RELEVANCE = "relevance density as a DICOM parametric map, in the study that the scan came from"
    DICOM_REGIONS = "the first regions of the ranking as a DICOM segmentation"
    DICOM_PICTURE = "a rendered scene as a DICOM secondary capture"


@dataclass(frozen=True)
class Output:
    """One file of an export, whatever its name.

    Parameters
    ----------
    kind : OutputKind
    network : str
        Name of the network in file names; empty where the file is not about one, as are the following.
    hemisphere : Hemisphere or None
    mesh : str
        `native`, `32k_fs_LR`, ...
    surface : str
        `white`, `pial`, `inflated`, ...
    atlas : str
    scene : str
        What a figure shows.
    whole_head : bool
        Whether a T1w shows more than the brain; a name that says otherwise is not given to it.
    by : str
        The method of a network's second map, in files of that map alone.
    """

    kind: OutputKind
    network: str = ""
    hemisphere: Hemisphere | None = None
    mesh: str = ""
    surface: str = ""
    atlas: str = ""
    scene: str = ""
    whole_head: bool = False
    by: str = ""
