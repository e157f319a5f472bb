"""A finished folder appears whole, or not at all."""

import os
from typing import get_args

import pytest

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.outputs import OutputFolder, publishing
from wbtools.subject import MeshName


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


def test_the_folder_appears_when_the_block_ends_and_not_before(tmp_path):
    out = tmp_path / "derivatives" / "wbtools"
    with publishing(out, "100307", overwrite=False) as made:
        made.regions("unet").write_text("whole")
        assert not (out / "100307").exists()
    assert names(out) == ["100307"]
    assert (out / "100307" / "100307.unet.regions.tsv").read_text() == "whole"


def test_every_mesh_has_a_folder_of_its_own(tmp_path):
    out = OutputFolder(tmp_path, "100307")
    folders = {mesh: out.surface(Hemisphere.LEFT, "pial", mesh).parent.name for mesh in get_args(MeshName)}
    assert folders == {
        "native": "Native",
        "32k_fs_LR": "fsaverage_LR32k",
        "59k_fs_LR": "fsaverage_LR59k",
        "164k_fs_LR": "fsaverage_LR164k",
    }
    assert {out.sulc(Hemisphere.RIGHT, mesh).parent.name for mesh in folders} == set(folders.values())


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_nothing_behind_not_even_folders(tmp_path, failure):
    with pytest.raises(failure), publishing(tmp_path / "a" / "b", "100307", overwrite=False) as made:
        made.scene().write_text("half")
        raise failure
    assert names(tmp_path) == []


def test_a_failed_replacement_keeps_the_old_export(tmp_path):
    with publishing(tmp_path, "100307", overwrite=False) as made:
        made.scene().write_text("old")
    with pytest.raises(RuntimeError), publishing(tmp_path, "100307", overwrite=True) as made:
        made.scene().write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["100307"]
    assert (tmp_path / "100307" / "100307.wbtools.scene").read_text() == "old"


def test_an_existing_export_is_only_replaced_when_asked(tmp_path):
    for text in ("old", "new"):
        with publishing(tmp_path, "100307", overwrite=text == "new") as made:
            made.scene().write_text(text)
    assert names(tmp_path) == ["100307"]
    assert (tmp_path / "100307" / "100307.wbtools.scene").read_text() == "new"
    with pytest.raises(InputError, match="exists already") as caught, publishing(tmp_path, "100307", overwrite=False):
        pass
    assert "--overwrite" in caught.value.mend


def test_two_exports_of_one_subject_at_once_publish_only_one(tmp_path):
    with pytest.raises(InputError, match="exists"), publishing(tmp_path, "100307", overwrite=False) as first:
        first.scene().write_text("first")
        with publishing(tmp_path, "100307", overwrite=False) as second:
            second.scene().write_text("second")
    assert names(tmp_path) == ["100307"]
    assert (tmp_path / "100307" / "100307.wbtools.scene").read_text() == "second"


def test_the_published_folder_is_readable_as_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        with publishing(tmp_path, "100307", overwrite=False):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "100307").stat().st_mode & 0o777 == 0o755
