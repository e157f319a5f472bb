"""Splits keep people, twins and families together; one that does not is refused with who is in two parts."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_data import made_items, made_volumes

from wbtools.datasets import PARTS, DataSet, Item, Split, check_leaks, folds_of, split_of
from wbtools.datasets.split import _placed
from wbtools.errors import InputError


def data_of(items):
    """A data set of which nothing but the items is looked at."""
    return DataSet(Path("data"), None, tuple(items), np.zeros(len(items)))


def parts_by(data, split, value):
    """For every person, family or pair, in how many parts it is."""
    found = {}
    for part, rows in split.parts.items():
        for row in rows:
            for name in value(data.items[row]):
                found.setdefault(name, set()).add(part)
    return found


def bonds(item):
    return [(kind, name) for kind, name in (
        ("person", item.person), ("family", item.family), ("twin", item.labels.get("twin", "")),
    ) if name]  # fmt: skip


@st.composite
def families(draw):
    """Images of people in families and twin pairs that overlap in any way."""
    count = draw(st.integers(12, 40))
    number = st.integers(0, 30)
    items = []
    for row in range(count):
        person, family, twin = draw(number), draw(number), draw(number)
        items.append(
            Item(row, f"p{person}", f"{row}.nii", f"f{family}" if family < 10 else "",
                 labels={"twin": f"t{twin}" if twin < 10 else "", "sex": draw(st.sampled_from("FM"))})
        )  # fmt: skip
    return items


@given(families(), st.integers(0, 5))
@settings(deadline=None)
def test_nobody_no_pair_and_no_family_is_in_two_parts_and_everybody_is_in_one(items, seed):
    data = data_of(items)
    try:
        split = split_of(data, seed=seed, stratify="sex")
    except InputError as error:
        assert "too few for 3 parts" in str(error)
        return
    assert sorted(row for rows in split.parts.values() for row in rows) == list(range(len(items)))
    assert all(len(parts) == 1 for parts in parts_by(data, split, bonds).values())
    assert all(split.parts.values())


@given(families())
@settings(deadline=None)
def test_moving_a_member_of_a_group_to_another_part_is_a_leak(items):
    data = data_of(items)
    try:
        split = split_of(data)
    except InputError:
        return
    counts = Counter(name for item in items for name in bonds(item))
    shared = [row for row in split.parts["train"] if any(counts[name] > 1 for name in bonds(items[row]))]
    if not shared:
        return
    row = shared[0]
    moved = {**split.parts, "train": tuple(r for r in split.parts["train"] if r != row)}
    moved["test"] = (*split.parts["test"], row)
    with pytest.raises(InputError, match="is in two parts of the split"):
        check_leaks(data, Split(moved))


def test_parts_have_the_sizes_and_the_labels_that_were_asked_for():
    labels = [{"sex": "F" if row % 4 else "M"} for row in range(200)]
    data = data_of(made_items(200, labels=labels))
    split = split_of(data, (0.6, 0.3, 0.1), seed=4, stratify="sex")
    assert [len(split.parts[part]) for part in PARTS] == [120, 60, 20]
    assert [Counter(data.items[row].labels["sex"] for row in split.parts[part])["M"] for part in PARTS] == [30, 15, 5]


def test_a_seed_decides_the_split():
    data = data_of(made_items(60, per_person=2))
    assert split_of(data, seed=1) == split_of(data, seed=1) != split_of(data, seed=2)


def test_the_smallest_part_is_never_left_empty():
    data = data_of(made_items(9, per_person=3))
    split = split_of(data, (0.9, 0.05, 0.05))
    assert [len(split.parts[part]) for part in PARTS] == [3, 3, 3]
    with pytest.raises(InputError, match="has 2 groups of people who belong together, too few for 3 parts"):
        split_of(data_of(made_items(6, per_person=3)))


def test_a_part_that_nobody_asked_for_is_empty():
    split = split_of(data_of(made_items(10)), (0.8, 0.2, 0))
    assert [len(split.parts[part]) for part in PARTS] == [8, 2, 0]


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1), (0, 0.5, 0.5)])
def test_fractions_that_are_none_are_refused(fractions):
    with pytest.raises(InputError, match="are no split"):
        split_of(data_of(made_items(9)), fractions)


def test_the_parts_of_the_source_are_taken():
    items = [replace(item, split=PARTS[item.row % 3]) for item in made_items(9)]
    split = split_of(data_of(items), seed=7)
    assert split.how == "source"
    assert split.parts == {"train": (0, 3, 6), "val": (1, 4, 7), "test": (2, 5, 8)}


def test_a_source_whose_parts_leak_is_refused_with_the_name_of_who_is_in_two():
    items = [replace(item, split=PARTS[item.row % 3]) for item in made_items(9, per_person=2)]
    with pytest.raises(InputError, match="the person p0 is in two parts of the split, train and val"):
        split_of(data_of(items))


def test_equal_images_under_two_names_do_not_get_into_two_parts():
    items = [replace(item, split=PARTS[item.row % 3], sha256=f"{item.row // 2}") for item in made_items(6)]
    with pytest.raises(InputError, match="the image with SHA-256 0 is in two parts"):
        split_of(data_of(items))
    split = split_of(data_of([replace(item, split="") for item in items]))
    assert parts_by(data_of(items), split, lambda item: [item.sha256]).keys() == {"0", "1", "2"}
    assert all(len(parts) == 1 for parts in parts_by(data_of(items), split, lambda item: [item.sha256]).values())


def test_a_source_without_a_validation_part_gets_one_out_of_its_training_part():
    items = [replace(item, split="test" if item.row >= 80 else "train") for item in made_items(100)]
    split = split_of(data_of(items), (0.75, 0.25, 0))
    assert split.parts["test"] == tuple(range(80, 100))
    assert [len(split.parts[part]) for part in ("train", "val")] == [60, 20]


def test_a_source_that_names_a_part_for_some_images_only_is_refused():
    items = [replace(item, split="train" if item.row else "") for item in made_items(3)]
    with pytest.raises(InputError, match=r"names a part for 2 of 3 images; p0/0\.nii\.gz has none"):
        split_of(data_of(items))


def test_every_image_is_tested_once_and_validates_once_in_cross_validation():
    labels = [{"sex": "FM"[row % 2]} for row in range(40)]
    data = data_of(made_items(40, per_person=2, labels=[labels[row // 2] for row in range(40)]))
    folds = folds_of(data, 5, seed=3, stratify="sex")
    for part in ("val", "test"):
        assert sorted(row for fold in folds for row in fold.parts[part]) == list(range(40))
    for fold in folds:
        assert sorted(row for rows in fold.parts.values() for row in rows) == list(range(40))
        assert all(len(parts) == 1 for parts in parts_by(data, fold, bonds).values())
        assert Counter(data.items[row].labels["sex"] for row in fold.parts["test"]) == {"F": 4, "M": 4}


def test_cross_validation_needs_as_many_groups_as_folds():
    with pytest.raises(InputError, match="has 4 groups"):
        folds_of(data_of(made_items(8, per_person=2)), 5)
    with pytest.raises(InputError, match="2 folds cannot be split"):
        folds_of(data_of(made_items(8)), 2)


def test_a_record_that_is_none_and_rows_that_are_not_there_are_refused():
    for record in ({}, {"parts": [], "seed": 0, "how": ""}, {"parts": {"train": ["a"]}, "seed": 0, "how": ""}):
        with pytest.raises(InputError, match="damaged"):
            Split.from_record(record)
    with pytest.raises(InputError, match="has the image in row 1 twice"):
        Split({"train": (0, 1), "val": (1,), "test": ()})
    with pytest.raises(InputError, match="the split has row 9"):
        check_leaks(data_of(made_items(3)), Split({"train": (0, 9), "val": (), "test": ()}))


def test_many_pictures_are_split_in_seconds():
    counts = np.eye(10)[np.random.default_rng(0).integers(10, size=20_000)]
    chosen = np.array(_placed(counts, np.array([0.7, 0.15, 0.15])))
    shares = np.stack([counts[chosen == part].sum(0) for part in range(3)]) / counts.sum(0)
    assert np.abs(shares - np.array([[0.7], [0.15], [0.15]])).max() < 0.001


def test_a_written_data_set_can_be_split(tmp_path):
    data = made_volumes(tmp_path / "data", made_items(12, per_person=2))
    assert split_of(data).how == "random"


def test_an_id_with_and_without_sub_is_one_person():
    items = [Item(row, f"{'sub-' * (row % 2)}{row // 2:02}", f"{row}.nii.gz") for row in range(8)]
    split = split_of(data_of(items), (0.5, 0.25, 0.25))
    assert sorted(tuple(row // 2 for row in rows) for rows in split.parts.values()) == sorted(
        tuple(sorted([row // 2 for row in rows[::2]] * 2)) for rows in split.parts.values()
    )
    with pytest.raises(InputError, match="the person 00 is in two parts"):
        check_leaks(items, Split({"train": (0,), "val": (1,), "test": ()}))


@pytest.mark.parametrize("fractions", [(np.nan, 1, 1), (1, np.nan, 0), (np.inf, 0, 0)])
def test_fractions_that_are_no_numbers_are_refused(fractions):
    with pytest.raises(InputError, match="are no split"):
        split_of(data_of(made_items(9)), fractions)
