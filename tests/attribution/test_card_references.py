"""References that come with a network: brains, or variations drawn from principal components."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from random_networks import random_network, random_unet
from scipy.ndimage import map_coordinates
from sklearn.decomposition import PCA
from test_reference_sets import GRID, Linear

from wbtools.attribution import Target, method
from wbtools.attribution.reference import registered, template_on
from wbtools.attribution.references import made_up
from wbtools.attribution.references.of_card import drawn, of_card, principal_components
from wbtools.attribution.references.sources import usual
from wbtools.cli.models import _several
from wbtools.errors import CheckpointError, InputError
from wbtools.exporting.references import planned
from wbtools.images import nifti
from wbtools.model import Card, Model, ModelInput, load
from wbtools.model import card as cards
from wbtools.model.convert import convert
from wbtools.space.grid import Volume


@pytest.fixture(scope="module")
def person():
    brain = np.sqrt(template_on(GRID))
    changed = brain / brain.max() * np.random.default_rng(0).normal(1, 0.05, brain.shape)
    return ModelInput(changed.clip(0, 1)[None, None].astype(np.float32), GRID)


@pytest.fixture(scope="module")
def shapes():
    """Seven deformed templates, (7, X, Y, Z)."""
    brain = template_on(GRID)
    moved = [made_up.displacement(GRID, brain > 0, seed) / 5 for seed in range(7)]
    index = np.indices(GRID.shape)
    return np.stack([map_coordinates(brain, index + part, order=1) for part in moved])


def written(folder, name, data):
    path = folder / f"{name}.nii.gz"
    nifti.write_volume(path, Volume(np.asarray(data, np.float32), GRID))
    return path


@pytest.fixture(scope="module")
def files(shapes, tmp_path_factory):
    """The mean, two brains and two components."""
    folder = tmp_path_factory.mktemp("set")
    mean, components = principal_components(shapes, 2)
    names = {"mean": mean, "a": shapes[0], "b": shapes[1], "c0": components[0], "c1": components[1]}
    return {name: written(folder, name, data) for name, data in names.items()}


def saved(folder, **card):
    """A checkpoint with a card."""
    torch.save(random_unet().state_dict(), folder / "x.pt")
    cards.write(folder / "x.json", Card(name="x", title="x", **card))
    return folder / "x.pt"


def model_with(files, **lists):
    names = {field: tuple(files[name].name for name in chosen) for field, chosen in lists.items()}
    card = Card("linear", "linear", "none", shape=GRID.shape, reference="mean.nii.gz", **names)
    chosen = tuple(files[name] for name in next(iter(lists.values())))
    return Model(random_network(Linear).eval(), card, {}, "0" * 64, files["mean"], reference_set=chosen)


# ---------------------------------------------------------------------------------------------------------- components


def test_components_are_those_of_scikit_learn_times_their_standard_deviations(shapes):
    mean, components = principal_components(shapes, 3)
    found = PCA(3, svd_solver="full").fit(shapes.reshape(7, -1).astype(np.float64))
    expected = found.components_ * np.sqrt(found.explained_variance_)[:, None]
    np.testing.assert_allclose(mean.ravel(), found.mean_, atol=1e-6)
    for ours, theirs in zip(components.reshape(3, -1), expected, strict=True):
        sign = np.sign(ours @ theirs)
        np.testing.assert_allclose(ours, sign * theirs, atol=1e-5 * np.abs(theirs).max())
        assert ours[np.abs(ours).argmax()] > 0


def test_more_components_than_half_of_the_people_are_refused_as_they_would_show_single_people(shapes):
    for count, people in ((4, 7), (1, 2), (0, 7)):
        with pytest.raises(InputError, match=f"{count} components? of {people} people"):
            principal_components(shapes[:people], count)


def test_drawn_brains_vary_about_the_mean_as_the_components_say(files, shapes):
    model = model_with(files, reference_components=("c0", "c1"))
    brains = np.stack([brain.data for brain in drawn(model, 200)])
    mean, components = principal_components(shapes, 2)
    core = mean > 0.6 * mean.max()
    spread = np.sqrt((components**2).sum(0))[core]
    # 200 draws know a standard deviation to 5 %; deviates beyond 2.5 are cut, which takes 2 to 3 % off.
    assert np.median(brains.std(0)[core] / spread) == pytest.approx(0.97, abs=0.08)
    np.testing.assert_allclose(brains.mean(0)[core], mean[core], atol=0.35 * spread.max())
    again = [brain.data for brain in drawn(model, 2)]
    np.testing.assert_array_equal(brains[:2], again)


# ------------------------------------------------------------------------------------------------------ as references


def test_a_card_with_components_gives_eight_brains_and_their_seeds(files, person):
    found = usual(model_with(files, reference_components=("c0", "c1")), person)
    record = found.as_record()
    assert len(found.brains) == 8 == record["count"]
    assert record["source"] == "8 brains drawn from 2 components of the network's card"
    assert record["seeds"] == [made_up.FIRST_SEED, made_up.FIRST_SEED + 7]
    assert not np.array_equal(found.brains[0].data, found.brains[1].data)


def test_a_card_with_brains_gives_them_in_the_place_of_its_reference(files, person, shapes):
    model = model_with(files, references=("a", "b"))
    found = usual(model, person)
    assert found.as_record()["source"] == "2 brains of the network's card"
    place = registered(person, files["mean"], "LAS", GRID.shape)
    assert place.alignment is not None and np.allclose(place.matrix[:3, :3], np.eye(3), atol=0.1)
    inside = (person.data[0, 0] > 0) & (shapes[0] > 0)
    own, other = (np.corrcoef(found.brains[0].data[0, 0][inside], shape[inside])[0, 1] for shape in shapes[:2])
    assert own > 0.9 > other


def test_methods_for_several_references_take_the_cards(files, person):
    question = method("deviation-magnitude").ask(
        model_with(files, references=("a", "b")), [person], Target("embedding")
    )
    assert len(question.references) == 2


def test_components_on_another_grid_than_the_reference_are_refused(files, person, tmp_path):
    odd = tmp_path / "c0.nii.gz"
    nifti.write_volume(odd, Volume(np.ones((4, 4, 4), np.float32), GRID.covering((4, 4, 4))))
    with pytest.raises(InputError, match="does not lie on the grid of mean"):
        of_card(model_with({**files, "c0": odd}, reference_components=("c0", "c1")), person)


# --------------------------------------------------------------------------------------------------------------- cards


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"references": ["/data/a.nii"]}, "without any folder|is not the name"),
        ({"references": ["a.nii", "a.nii"]}, "twice"),
        ({"references": ["a.nii", 3]}, "is not the name"),
        ({"references": ["a.nii"], "reference": ""}, "no reference"),
        ({"references": ["a.nii"], "reference_components": ["b.nii"]}, "leave one|has references and"),
        ({"references": [f"{n}.nii" for n in range(65)]}, "65 files"),
        ({"reference_components": ["../a.nii"]}, "is not the name"),
        ({"references": ["a\n.nii"]}, "is not the name"),
    ],
)
def test_a_set_that_cannot_be_meant_is_refused(change, word):
    with pytest.raises(CheckpointError, match=word):
        Card("x", "x", "unet", **{"reference": "mean.nii.gz", **change})


def test_files_of_a_set_lie_beside_the_checkpoint_and_decide_results(tmp_path):
    lists = {"family": "unet", "reference": "mean.nii", "references": ("a.nii", "b.nii")}
    path = saved(tmp_path, **lists)
    (tmp_path / "mean.nii").write_bytes(b"mean")
    (tmp_path / "a.nii").write_bytes(b"a")
    with pytest.raises(CheckpointError, match=r"b\.nii does not exist"):
        load(path)
    (tmp_path / "b.nii").write_bytes(b"b")
    before, hashes = load(path), load(path).hashes
    assert before.reference_set == (tmp_path / "a.nii", tmp_path / "b.nii") and len(hashes) == 5
    (tmp_path / "b.nii").write_bytes(b"other")
    assert load(path).hashes != hashes


def test_a_set_is_no_link_to_a_file_elsewhere(tmp_path):
    home = tmp_path / "networks"
    home.mkdir()
    (tmp_path / "elsewhere.nii").write_bytes(b"another person")
    (home / "mean.nii").write_bytes(b"mean")
    (home / "a.nii").symlink_to(tmp_path / "elsewhere.nii")
    lists = {"family": "unet", "reference": "mean.nii", "references": ("a.nii",)}
    with pytest.raises(CheckpointError, match="outside its folder"):
        load(saved(home, **lists))


def test_a_converted_checkpoint_takes_its_set_along(tmp_path):
    lists = {"family": "unet", "reference": "mean.nii", "reference_components": ("c.nii",)}
    path = saved(tmp_path, **lists)
    for name in ("mean.nii", "c.nii"):
        (tmp_path / name).write_bytes(name.encode())
    away = tmp_path / "away"
    away.mkdir()
    convert(path, away / "x.safetensors")
    assert (away / "c.nii").read_bytes() == b"c.nii" and load(away / "x.safetensors").reference_set == (away / "c.nii",)


@pytest.mark.parametrize(("count", "said"), [(1, "1 component"), (2, "2 components")])
def test_a_single_component_is_singular_wherever_it_is_told(count, said):
    names = tuple(f"c{n}.nii" for n in range(count))
    card = Card("one", "One", "unet", shape=(4, 4, 4), reference="mean.nii", reference_components=names)
    network = SimpleNamespace(reference_set=card.reference_components, card=card)
    assert f"drawn from {said} of" in planned._of_card(network)
    assert _several(card) == f"drawn from {said}"
