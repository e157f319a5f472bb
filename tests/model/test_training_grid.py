"""A card whose shape the network could take and was not trained on: refused where a file on disk says otherwise."""

import json
import shutil

import numpy as np
import pytest
from click.testing import CliRunner

from wbtools.cli import main
from wbtools.errors import CheckpointError
from wbtools.images import nifti
from wbtools.images.template import mni152
from wbtools.model import built_in_file, load
from wbtools.model.input import FIELD_OF_VIEW
from wbtools.space.grid import Volume


@pytest.fixture
def copied(tmp_path):
    """Copies the built-in network, which takes images of every size, with fields of its card changed."""

    def copy(**changed):
        for file in built_in_file().parent.glob("demo_unet*"):
            shutil.copy(file, tmp_path)
        card = tmp_path / "demo_unet.json"
        card.write_text(json.dumps({**json.loads(card.read_text()), **changed}))
        return tmp_path / "demo_unet.pt"

    return copy


@pytest.mark.parametrize(
    "changed", [{"shape": [64, 64, 64]}, {"shape": [86, 103, 86]}, {"shape": [32, 38, 32]}, {"orientation": "RAS"}]
)
def test_a_reference_that_was_made_for_other_images_than_the_cards_is_refused(copied, changed):
    path = copied(**changed)
    with pytest.raises(CheckpointError) as caught:
        load(path, tried=False)
    assert caught.value.exit_code == 3 and "shape" in caught.value.hint
    assert "demo_unet_reference.nii.gz was made for images of 43 x 51 x 43 in LAS" in str(caught.value)


def test_a_reference_on_any_other_grid_says_nothing_of_the_networks_images(copied):
    path = copied(shape=[64, 64, 64])
    scans = Volume(np.ones(FIELD_OF_VIEW.shape, np.float32), FIELD_OF_VIEW)
    for brain in (mni152(), scans):
        nifti.write_volume(path.parent / "demo_unet_reference.nii.gz", brain)
        assert load(path, tried=False).card.shape == (64, 64, 64)


@pytest.mark.parametrize("words", [("export-subject",), ("compare",)])
def test_commands_refuse_it_before_they_write_anything(copied, small_study, tmp_path, words):
    study, out = small_study("LAS"), tmp_path / "out"
    words = (*words, "100307", *(("--out", out) if "compare" not in words else (study / "100307",)))
    words = (*words, "--study-folder", study, "--model", copied(shape=[64, 64, 64]))
    result = CliRunner().invoke(main, list(map(str, words)))
    assert result.exit_code == 3, result.output
    assert "was made for images of 43 x 51 x 43" in " ".join(result.output.split())
    assert not out.exists()
