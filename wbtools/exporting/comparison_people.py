"""What is kept of the people that a target compares with: each is read once, whatever asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from wbtools.anatomy import Atlas
from wbtools.exporting.explanation import ShownPerson, seen_by
from wbtools.images import nifti
from wbtools.model import Model, ModelInput
from wbtools.native.defacing import with_mask
from wbtools.native.person import read_scan
from wbtools.placement.options import USUAL, PlacementOptions
from wbtools.space.foreground import Scan, is_stripped
from wbtools.space.grid import canonical
from wbtools.subject import Subject, prepared
from wbtools.subject.selection import FoundPerson


@dataclass(frozen=True, eq=False)
class ComparedPerson:
    """What is kept of a person that the exported one is compared with.

    Parameters
    ----------
    name : str
    images : mapping of str to ModelInput
        What each network is shown, by the network's name.
    atlas : Atlas or None
        The person's regions, where they are needed and known.
    remarks : tuple of str
        What had to be decided to read and show the image.
    """

    name: str
    images: Mapping[str, ModelInput]
    atlas: Atlas | None
    remarks: tuple[str, ...] = ()

    def shown_to(self, network: Model) -> ShownPerson:
        """What one network is shown."""
        return ShownPerson(self.name, self.images[network.name])


Regions = Callable[[Subject, Scan], Atlas]


def show(
    person: FoundPerson,
    networks: Mapping[str, Model],
    regions: Regions | None = None,
    placing: PlacementOptions = USUAL,
) -> ComparedPerson:
    """What networks are shown of a person; the T1w image itself is not kept.

    Parameters
    ----------
    person : FoundPerson
    networks : mapping of str to Model
        By name.
    regions : callable, optional
        Carries the atlas to a subject whose scan was read; without, or of a plain image, there is none.
    placing : PlacementOptions
        How a brain is found in a head, and a template laid over it.

    Raises
    ------
    InputError
        If a file cannot be read, or the image shows a skull that a network must not see and nothing removes.
    """
    if person.subject is None:
        bare = any(network.card.skull_stripped for network in networks.values())
        scan, atlas = plain_scan(person.t1w, bare, placing), None
    else:
        with prepared(person.subject, replace(placing, mask_only=regions is None)) as ready:
            scan = read_scan(ready, placing)
            atlas = regions(ready, scan) if regions else None
    images = {name: seen_by(network, scan) for name, network in networks.items()}
    remarks = dict.fromkeys([*scan.remarks, *(remark for image in images.values() for remark in image.remarks)])
    return ComparedPerson(person.name, images, atlas, tuple(remarks))


def plain_scan(path: Path, bare: bool, placing: PlacementOptions = USUAL) -> Scan:
    """A plain image; one of a whole head gets a brain mask where a network is shown bare brains.

    Raises
    ------
    InputError
        If the image cannot be read.
    """
    t1w, remarks = nifti.read_with_remarks(path)
    scan = Scan(canonical(t1w), stored=t1w.grid, remarks=remarks)
    return with_mask(scan, placing=placing) if bare and not is_stripped(scan.t1w) else scan
