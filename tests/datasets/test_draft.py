"""A data set that is being made: resumed after a crash with the same bytes, and nothing of anybody else's replaced."""

import json

import numpy as np
import pytest
from made_data import made_items

from wbtools.datasets import Draft, Kind, Plan, open_data
from wbtools.datasets.draft import DONE, ROWS
from wbtools.datasets.plan import Row, write_row
from wbtools.datasets.remarks import collected
from wbtools.errors import InputError

SHAPE = (1, 3, 4, 5)
IMAGES = np.random.default_rng(1).random((6, *SHAPE), np.float32)


def plan_of(count=6, **changes):
    return Plan(**{"kind": Kind.VOLUMES, "shape": SHAPE, "count": count, "card": {}, "inputs_sha256": "a"} | changes)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def made(folder, order=range(6), refused=()):
    with Draft(folder, plan_of()) as draft:
        for place in order:
            if place in refused:
                draft.note([Row(place, refused="it is damaged")])
            else:
                draft.put(place, IMAGES[place])
        return draft.finish(made_items(6))


def test_bytes_do_not_depend_on_the_order_of_rows_or_on_interruptions(tmp_path):
    whole = made(tmp_path / "whole")
    with Draft(tmp_path / "parts", plan_of()) as draft:
        draft.put(4, IMAGES[4])
    with Draft(tmp_path / "parts", plan_of()) as draft:
        assert draft.missing == [0, 1, 2, 3, 5]
        for place in (5, 0, 3):
            draft.put(place, IMAGES[place])
    with (tmp_path / "parts" / DONE).open("a") as stream:
        stream.write('[1, "cut o')  # a crash in the middle of a line
    with Draft(tmp_path / "parts", plan_of()) as draft:
        assert draft.missing == [1, 2]
        for place in draft.missing:
            draft.put(place, IMAGES[place])
        draft.finish(made_items(6))
    assert contents(whole.folder) == contents(tmp_path / "parts")
    assert np.array_equal(whole.images, IMAGES)


def test_a_row_that_was_written_but_not_noted_is_made_again(tmp_path):
    with Draft(tmp_path / "data", plan_of()) as draft:
        write_row(draft.rows, draft.plan, 0, IMAGES[1])
    assert made(tmp_path / "data").images[0].tolist() == IMAGES[0].tolist()


def test_rows_that_were_left_out_are_not_in_the_data_set(tmp_path):
    data = made(tmp_path / "data", refused=(0, 3))
    assert np.array_equal(data.images, IMAGES[[1, 2, 4, 5]])
    assert [item.person for item in data.items] == ["p1", "p2", "p4", "p5"]
    assert [item.row for item in data.items] == [0, 1, 2, 3]
    data.verify()
    assert data.manifest.left_out == {"p0/0.nii.gz": "it is damaged", "p3/3.nii.gz": "it is damaged"}
    assert sorted(contents(data.folder)) == ["dataset.json", "images.npy", "items.tsv"]


@pytest.mark.parametrize("refused", [(), (2,)])
@pytest.mark.parametrize("crash", ["items.tsv", "dataset.json"])
def test_a_crash_while_it_is_finished_is_resumed(tmp_path, monkeypatch, refused, crash):
    from wbtools import atomic

    whole = made(tmp_path / "whole", refused=refused)
    write = atomic.write_new

    def crashing(path, *content, **options):
        if path.name == crash:
            raise KeyboardInterrupt
        write(path, *content, **options)

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write_new", crashing)
        with pytest.raises(KeyboardInterrupt):
            made(tmp_path / "data", refused=refused)
    with pytest.raises(InputError, match="is not finished"):
        open_data(tmp_path / "data")
    with Draft(tmp_path / "data", plan_of()) as draft:
        assert draft.missing == []
        draft.finish(made_items(6))
    assert contents(whole.folder) == contents(tmp_path / "data")


@pytest.mark.parametrize("change", [{"inputs_sha256": "b"}, {"count": 5}, {"settings": {"a": 1}}])
def test_a_draft_of_something_else_is_not_resumed(tmp_path, change):
    with Draft(tmp_path / "data", plan_of()) as draft:
        draft.put(0, IMAGES[0])
    before = contents(tmp_path / "data")
    with pytest.raises(InputError, match="holds an unfinished data set of other inputs, settings or code"):
        Draft(tmp_path / "data", plan_of(**change))
    assert contents(tmp_path / "data") == before


def test_rows_of_files_that_have_changed_are_made_again(tmp_path):
    with Draft(tmp_path / "data", plan_of(), list("aaaaaa")) as draft:
        for place in range(4):
            draft.put(place, IMAGES[place])
    with Draft(tmp_path / "data", plan_of(), list("abaaaa")) as draft:
        assert draft.missing == [1, 4, 5]


def test_rows_that_were_left_out_can_be_tried_again(tmp_path):
    with Draft(tmp_path / "data", plan_of()) as draft:
        draft.note([Row(0, refused="it is damaged")])
    with Draft(tmp_path / "data", plan_of()) as draft:
        assert draft.missing == [1, 2, 3, 4, 5]
        draft.forget_refused()
        assert draft.missing == [0, 1, 2, 3, 4, 5]


def test_two_processes_do_not_make_the_same_data_set(tmp_path):
    with (
        Draft(tmp_path / "data", plan_of()),
        pytest.raises(InputError, match="another process is making the data set"),
    ):
        Draft(tmp_path / "data", plan_of())


def test_nothing_that_is_there_is_replaced(tmp_path):
    data = made(tmp_path / "data")
    before = contents(data.folder)
    with pytest.raises(InputError, match="holds a data set already"):
        Draft(data.folder, plan_of())
    assert contents(data.folder) == before
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_text("precious")
    with pytest.raises(InputError, match=r"other is not empty: it holds thesis\.txt"):
        Draft(tmp_path / "other", plan_of())
    (tmp_path / "file").write_text("precious")
    with pytest.raises(InputError, match="is no folder"):
        Draft(tmp_path / "file", plan_of())


def test_room_is_reserved_before_anything_is_computed(tmp_path):
    with Draft(tmp_path / "data", plan_of()) as draft:
        assert draft.rows.stat().st_blocks * 512 >= IMAGES.nbytes
        assert draft.rows.name == ROWS


def test_an_unfinished_data_set_is_not_finished(tmp_path):
    with Draft(tmp_path / "data", plan_of()) as draft, pytest.raises(ValueError, match="6 of 6 rows are missing"):
        draft.finish(made_items(6))


def test_a_data_set_of_nothing_is_refused(tmp_path):
    with pytest.raises(InputError, match="no image is left"):
        made(tmp_path / "data", refused=range(6))


@pytest.mark.parametrize("name", ["images.npy", "items.tsv"])
def test_a_file_that_somebody_put_into_an_unfinished_data_set_is_not_replaced(tmp_path, name):
    with Draft(tmp_path / "data", plan_of()) as draft:
        draft.put(0, IMAGES[0])
    (tmp_path / "data" / name).write_bytes(b"somebody's own")
    before = contents(tmp_path / "data")
    with pytest.raises(InputError, match=f"{name} was not made by the unfinished data set in this folder"):
        made(tmp_path / "data")
    assert contents(tmp_path / "data") == before


@pytest.mark.parametrize("name", ["images.npy", "items.tsv", "dataset.json"])
@pytest.mark.parametrize("refused", [(), (2,)])
def test_a_file_that_somebody_puts_there_meanwhile_is_not_replaced(tmp_path, name, refused):
    with Draft(tmp_path / "data", plan_of()) as draft:
        for place in range(6):
            if place in refused:
                draft.note([Row(place, refused="it is damaged")])
            else:
                draft.put(place, IMAGES[place])
        (tmp_path / "data" / name).write_bytes(b"somebody's own")
        with pytest.raises(InputError, match=f"{name} was not made"):
            draft.finish(made_items(6))
    assert (tmp_path / "data" / name).read_bytes() == b"somebody's own"
    (tmp_path / "data" / name).unlink()
    assert contents(made(tmp_path / "data", (), refused).folder) == contents(
        made(tmp_path / "whole", refused=refused).folder
    )


# ------------------------------------------------------------------------------------------------------------ remarks


def test_remarks_name_their_images_and_what_is_said_of_many_is_said_once(tmp_path):
    unit = "the header gives no unit of length; mm are assumed"
    with Draft(tmp_path / "data", plan_of()) as draft:
        items = made_items(6)
        for place, (degrees, item) in enumerate(zip((9, 67, 3, 12, 40, 8), items, strict=True)):
            turned = f"For the network, the head was turned by {degrees} degrees (ACPC, rigid)."
            draft.put(place, IMAGES[place], (f"{item.source[3:]}: {unit}", turned) if place else (turned,))
        remarks = draft.finish(items).manifest.remarks
    assert remarks[unit] == tuple(item.source for item in items[1:])
    assert remarks["For the network, the head was turned by 67 degrees (ACPC, rigid)."] == (items[1].source,)
    assert dict(collected(remarks)) == {
        "For the network, the head was turned by 3 to 67 degrees (ACPC, rigid).": 6,
        unit: 5,
    }


def test_numbers_in_names_are_no_numbers_and_equal_ones_are_no_range():
    said = {"MNI152 at 2.50 mm": ["a"], "MNI305 at 2.5 mm": ["b"], "sub-01 at 3 mm": ["c"], "sub-02 at 3 mm": ["d"]}
    assert collected(said) == [(text, 1) for text in said]
    assert collected({"at 2.50 mm, 4 of 8": ["a"], "at 2.5 mm, 3 of 8": ["a"]}) == [("at 2.50 mm, 3 to 4 of 8", 1)]


def test_a_data_set_that_counted_its_remarks_still_opens(tmp_path):
    data = made(tmp_path / "data")
    record = json.loads((data.folder / "dataset.json").read_text())
    record["remarks"] = {"a remark": 3}
    (data.folder / "dataset.json").write_text(json.dumps(record))
    assert open_data(data.folder).manifest.remarks == {"a remark": ()}
