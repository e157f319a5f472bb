"""Other people's brains as references: registered once each, kept on disk, laid in a person's place by composition."""

import resource
from dataclasses import replace

import numpy as np
import pytest
import torch
from engine_networks import FAMILIES
from random_networks import random_network
from scipy.ndimage import affine_transform, map_coordinates
from test_reference_sets import GRID, SEVERAL, Linear

from wbtools.anatomy import Atlas, Kind, Region
from wbtools.attribution import Target
from wbtools.attribution.reference import registered, template_on
from wbtools.attribution.references import made_up
from wbtools.attribution.references.people import OtherBrain, of_people, other_brain
from wbtools.errors import CheckError, InputError
from wbtools.exporting import comparison_people
from wbtools.exporting.references import conforming
from wbtools.exporting.references.place import ReferencePerson
from wbtools.exporting.region_pairs import ParcellatedImage, pair
from wbtools.images import nifti
from wbtools.model import Card, Model, ModelInput
from wbtools.space.grid import Unit, Volume


def turned(degrees, scale, shift):
    """A turn about the left-right axis and a scale, about the middle of the MNI brain, then a shift."""
    matrix = np.diag([scale, scale, scale, 1.0])
    cosine, sine = scale * np.cos(np.deg2rad(degrees)), scale * np.sin(np.deg2rad(degrees))
    matrix[1:3, 1:3] = [[cosine, -sine], [sine, cosine]]
    middle = np.array([0, -18, 10])
    matrix[:3, 3] = middle - matrix[:3, :3] @ middle + shift
    return matrix


def brain_with(seed, matrix=np.eye(4)):  # noqa: B008
    """A deformed template in some place, in [0, 1], (X, Y, Z)."""
    fine = GRID.covering((72, 88, 72))
    moved = made_up.displacement(fine, template_on(fine) > 0, seed) / fine.voxel_sizes[0]
    to_index = np.linalg.inv(matrix @ fine.affine) @ fine.affine
    whole = template_on(fine)
    index = np.indices(fine.shape) + moved
    shaped = map_coordinates(whole, index, order=1)
    placed = affine_transform(shaped, to_index[:3, :3], to_index[:3, 3], fine.shape, order=1)
    coarse = placed.reshape(36, 2, 44, 2, 36, 2).mean((1, 3, 5))
    return (coarse / coarse.max()).astype(np.float32)


def image_of(brain):
    return ModelInput(brain[None, None], GRID)


@pytest.fixture(scope="module")
def model():
    card = Card("linear", "linear", "none", shape=GRID.shape)
    return Model(random_network(Linear).eval(), card, {}, "0" * 64)


@pytest.fixture(scope="module")
def person():
    return image_of(np.sqrt(brain_with(1, turned(10, 0.95, (4, 6, -5)))))


@pytest.fixture(scope="module")
def others():
    """Three people who lie and are as large as they like."""
    places = (turned(-8, 1.05, (0, 0, 6)), turned(5, 0.9, (-5, 4, 0)), turned(0, 1.0, (3, -6, 2)))
    return [image_of(brain_with(seed, matrix)) for seed, matrix in enumerate(places, 11)]


@pytest.fixture(scope="module")
def brains(model, others):
    return [other_brain(model, image) for image in others]


def test_people_lie_where_the_person_does_in_the_persons_intensities(model, person, brains):
    found = of_people(brains)(model, person)
    assert len(found.brains) == 3 and found.as_record()["count"] == 3
    assert found.as_record()["source"] == "3 other people" and not found.as_record()["note"]
    mine = person.data[0, 0]
    inside = mine > 0
    for brain in found.brains:
        theirs = brain.data[0, 0]
        assert ((theirs > 0) & inside).sum() > 0.85 * inside.sum()  # a quarter of these voxels are at the rim
        both = inside & (theirs > 0)
        levels = np.linspace(0.05, 0.95, 19)
        np.testing.assert_allclose(np.quantile(theirs[both], levels), np.quantile(mine[both], levels), atol=0.02)
    first, second = (brain.data[0, 0][inside] for brain in found.brains[:2])
    assert np.corrcoef(first, second)[0, 1] < 0.95


def test_the_composed_place_is_the_one_of_both_registrations(model, person, others, brains):
    """Against scipy's affine transformation by matrices composed here, from the alignments on record."""
    mine, theirs = (registered(image, None, "LAS", GRID.shape) for image in (person, others[0]))
    whole = mine.matrix @ np.linalg.inv(theirs.matrix)
    to_index = np.linalg.inv(whole @ theirs.person.grid.affine) @ mine.person.grid.affine
    expected = affine_transform(theirs.person.data, to_index[:3, :3], to_index[:3, 3], GRID.shape, order=3)
    found = of_people(brains[:1])(model, person).brains[0].data[0, 0]
    core = expected > 0.3
    expected = mine.given(expected.clip(0, 1).astype(np.float32), "", "").data[0, 0]
    np.testing.assert_allclose(found[core], expected[core], atol=0.02)  # the rim takes part in the quantiles


def test_one_registration_is_enough_for_any_number_of_references(model, person, brains, monkeypatch):
    from wbtools.attribution import reference

    calls = []
    real = reference.affine_between
    monkeypatch.setattr(reference, "affine_between", lambda *images: calls.append(1) or real(*images))
    of_people(brains)(model, replace(person))
    assert len(calls) == 1


def test_the_persons_own_brain_is_left_out_and_that_is_said(model, person, brains):
    own = other_brain(model, replace(person))
    found = of_people([own, *brains])(model, person)
    assert len(found.brains) == 3
    assert found.as_record()["note"] == "References: 1 of 4 show this very brain."
    named = of_people([own, *brains], labels=["me", "A", "B", "C"])(model, person).as_record()
    assert named["brains"] == ["A", "B", "C"] and "brains" not in found.as_record()
    with pytest.raises(InputError, match="1 of 1 show this very brain"):
        of_people([own])(model, person)


def test_a_brain_that_lies_elsewhere_is_left_out(model, person, brains):
    far = np.eye(4)
    far[2, 3] = 90
    found = of_people([OtherBrain(brains[0].brain, far @ brains[0].matrix), brains[1]])(model, person)
    assert len(found.brains) == 1 and "do not lie where" in found.as_record()["note"]


def test_an_image_without_a_brain_is_no_reference(model):
    noise = np.random.default_rng(0).random(GRID.shape).astype(np.float32)
    with pytest.raises(CheckError, match="could not be registered"):
        other_brain(model, image_of(noise))


def test_networks_trained_on_whole_heads_may_be_given_heads_of_people(model, person, brains):
    head = replace(model, card=replace(model.card, skull_stripped=False))
    assert len(of_people(brains)(head, person).brains) == 3


def test_a_method_is_given_people_as_references(model, person, brains):
    question = SEVERAL.ask(model, [person], Target("embedding"), references=of_people(brains))
    assert len(question.references) == 3
    attribution = SEVERAL.attribute(question, person)
    assert attribution.conservation == pytest.approx(1, abs=1e-3)  # gradient x difference in a linear network
    assert attribution.reference["source"] == "3 other people"


# ---------------------------------------------------------------------------------------------------------- the cache


def file_of(brain, path):
    nifti.write_volume(path, Volume((1000 * brain).astype(np.float32), GRID))
    return ReferencePerson(path, label=path.name.partition(".")[0])


@pytest.fixture
def people(tmp_path, others):
    """Files of two of the people, without the rim that deepbet, which takes seconds, would have to remove."""
    brains = [image.data[0, 0] for image in others[1:]]
    return [file_of(brain * (brain > 0.05), tmp_path / f"P{number}.nii.gz") for number, brain in enumerate(brains)]


@pytest.fixture
def head(tmp_path, others):
    """The file of one who is taken for a head."""
    return file_of(others[0].data[0, 0], tmp_path / "head.nii.gz")


def same(first, second):
    assert len(first.brains) == len(second.brains)
    for a, b in zip(first.brains, second.brains, strict=True):
        np.testing.assert_array_equal(a.brain.data, b.brain.data)
        np.testing.assert_array_equal(a.matrix, b.matrix)
        assert a.brain.grid.same_as(b.brain.grid)


def test_people_are_conformed_once_and_the_file_is_as_good_as_the_image(model, people, head, tmp_path, monkeypatch):
    work, people = tmp_path / "work", [head, people[0]]
    without = conforming.conformed(people, {"linear": model}, None)["linear"]
    first = conforming.conformed(people, {"linear": model}, work)["linear"]
    assert len(list(work.glob("reference-*"))) == 2  # beside the mask of a head, if deepbet made it
    assert all(path.stat().st_mode & 0o077 == 0 for path in work.iterdir())
    monkeypatch.setattr(comparison_people, "show", None)  # nothing is read again
    again = conforming.conformed([replace(person) for person in people], {"linear": model}, work)["linear"]
    same(first, again)
    same(without, again)


@pytest.mark.parametrize("damage", [b"", b"\x93NUMPY" + b"x" * 300, None])
def test_damaged_files_of_the_cache_are_made_again(model, people, tmp_path, damage):
    work = tmp_path / "work"
    first = conforming.conformed(people[:1], {"linear": model}, work)["linear"]
    [path] = work.glob("reference-*")
    if damage is None:
        np.save(path, np.full(np.load(path).shape, np.nan, np.float32))
    else:
        path.write_bytes(damage)
    same(first, conforming.conformed(people[:1], {"linear": model}, work)["linear"])
    assert np.isfinite(np.load(path)).all()


def test_other_networks_other_images_and_other_reference_brains_have_files_of_their_own(model, people, tmp_path):
    file = tmp_path / "mean.nii.gz"
    nifti.write_volume(file, Volume(template_on(GRID), GRID))
    others = (
        model,
        replace(model, card=replace(model.card, shape=(30, 40, 30))),
        replace(model, card=replace(model.card, skull_stripped=False)),
        replace(model, reference=file),
    )
    keys = {conforming._key(person, network) for person in people for network in others}
    assert len(keys) == 8
    renamed = replace(model, card=replace(model.card, name="another", intensity="zscore"))
    assert conforming._key(people[0], renamed) == conforming._key(people[0], model)


def test_whoever_cannot_be_registered_is_left_out_unless_nobody_remains(model, people, tmp_path):
    path = tmp_path / "t2w.nii.gz"
    brain = template_on(GRID)
    values = np.where(brain > 0, 1.1 * brain.max() - brain, 0)  # as in a T2w image
    nifti.write_volume(path, Volume(values.astype(np.float32), GRID))
    other, work = ReferencePerson(path, label="t2w"), tmp_path / "work"
    found = conforming.conformed([*people, other], {"linear": model}, work)["linear"]
    assert len(found.brains) == 2
    assert found.remarks[0] == "References: 1 of 3 were left out, who could not be registered."
    with pytest.raises(InputError, match="none of 1 reference could be registered"):
        conforming.conformed([other], {"linear": model}, work)  # where deepbet's mask is kept


def test_a_mask_among_images_is_no_reference(model, people, tmp_path):
    path = tmp_path / "mask.nii.gz"
    nifti.write_volume(path, Volume((template_on(GRID) > 0).astype(np.float32), GRID))
    with pytest.raises(InputError, match=r"mask\.nii\.gz has the same value nearly everywhere in the brain"):
        conforming.conformed([*people, ReferencePerson(path)], {"linear": model}, None)


def test_a_disk_without_room_is_said_to_be_the_reason_and_leaves_no_part_of_a_file(model, people, tmp_path, caplog):
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, usual[1]))
    try:
        found = conforming.conformed(people[:1], {"linear": model}, tmp_path / "work")["linear"]
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert len(found.brains) == 1 and "File too large" in caplog.text
    assert [path.name for path in (tmp_path / "work").iterdir() if not path.name.startswith("brain-")] == []


def test_a_cache_that_cannot_be_written_is_no_failure(model, people, tmp_path, caplog):
    (tmp_path / "work").write_text("a file")
    found = conforming.conformed(people[:1], {"linear": model}, tmp_path / "work")["linear"]
    assert len(found.brains) == 1 and "could not be cached" in caplog.text


# ---------------------------------------------------------------------------------------------------- pairs of regions


def test_pairs_of_regions_are_the_mean_over_the_references_and_sum_to_the_cosine(person, others, brains):
    card = Card("resnet", "resnet", "none", shape=GRID.shape)
    model = Model(random_network(FAMILIES["ResNet 10"]), card, {}, "0" * 64)
    labels = (1 + np.arange(GRID.shape[1]) * 3 // GRID.shape[1]).astype(np.int32)
    volume = Volume(np.ascontiguousarray(np.broadcast_to(labels[None, :, None], GRID.shape)), GRID, Unit.LABEL)
    regions = tuple(Region(key, f"R{key}", None, Kind.CORTEX, (1, 1, 1, 1)) for key in (1, 2, 3))
    first, second = (ParcellatedImage(image, Atlas("thirds", regions, volume)) for image in (person, others[0]))
    sources = [of_people(chosen) for chosen in (brains[1:2], brains[2:], brains[1:])]
    first_alone, second_alone, both = (pair(model, first, second, 1, source) for source in sources)
    with torch.no_grad():
        answers = [model.network.raw(torch.from_numpy(image.data)) for image in (person, others[0])]
    cosine = torch.nn.functional.cosine_similarity(*answers).item()
    for found in (first_alone, second_alone, both):
        # The rank that is kept is right to 1e-3 (`bilrp._ENERGY`).
        assert found.table.sum() == pytest.approx(cosine, abs=2e-3) and found.cosine == pytest.approx(cosine, abs=1e-5)
    assert (first_alone.references, both.references) == (1, 2)
    assert both.as_record()["references"] == 2
    sizes = [np.abs(found.between_regions).max() for found in (first_alone, second_alone)]
    assert np.abs(first_alone.between_regions - second_alone.between_regions).max() > 0.1 * max(sizes)
