"""A folder belongs to one batch; another one with other settings is refused, however close the race."""

import multiprocessing

import pytest

from wbtools.batch.state.folder import BatchFiles, create_once
from wbtools.batch.state.plan import Plan, add_subjects, list_subjects
from wbtools.errors import InputError


def test_the_same_settings_may_come_again_with_other_limits_and_others_may_not(tmp_path):
    files = BatchFiles(tmp_path / "out")
    Plan("a" * 64).write(files)
    Plan("a" * 64, max_attempts=5).write(files)
    assert Plan.read(files) == Plan("a" * 64, max_attempts=5)
    with pytest.raises(InputError, match="other settings") as caught:
        Plan("b" * 64).write(files)
    assert "--out" in caught.value.hint
    assert Plan.read(files).settings_sha256 == "a" * 64


def _create(arguments):
    path, text = arguments
    return create_once(path, text)


def test_of_many_that_create_a_plan_at_once_exactly_one_does(tmp_path):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        made = pool.map(_create, [(tmp_path / "plan", f"{number:04d}" * 1000) for number in range(40)])
    assert sum(made) == 1
    winner = made.index(True)
    assert (tmp_path / "plan").read_text() == f"{winner:04d}" * 1000
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_a_damaged_plan_is_named(tmp_path):
    files = BatchFiles(tmp_path)
    files.make()
    files.plan.write_text("{}")
    with pytest.raises(InputError, match=r"batch\.json"):
        Plan.read(files)


def test_the_list_grows_and_keeps_its_order(tmp_path):
    files = BatchFiles(tmp_path)
    files.make()
    add_subjects(files, ["b", "a"])
    add_subjects(files, ["c", "a"])
    assert list_subjects(files) == ["b", "a", "c"]


@pytest.mark.parametrize("wrong", [{"max_attempts": 0}, {"timeout": 0.0}])
def test_limits_that_cannot_be_meant_are_refused(wrong):
    with pytest.raises(InputError):
        Plan("a", **wrong)
