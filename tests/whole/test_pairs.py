"""Two people compared: the cosine of their embeddings, divided among pairs of their regions."""

import json
import shutil
import sys
from xml.etree import ElementTree as ET

import nibabel
import numpy as np
import pytest
import torch

from wbtools.attribution import reference
from wbtools.model import Card
from wbtools.model import card as cards
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.model.input import field_over

pytestmark = [pytest.mark.slow, pytest.mark.workbench]
T1W = "T1w_acpc_dc_restore_brain.nii.gz"


class Opened:
    """Why the files of a folder are opened: the functions of wbtools that are at work then, innermost first."""

    def __init__(self, folder):
        self.folder, self.reasons, self.watching = str(folder), {}, True
        sys.addaudithook(self)  # Python has no way to take it off again

    def __call__(self, event, arguments):
        if self.watching and event == "open" and str(arguments[0]).startswith(self.folder):
            frame, names = sys._getframe(1), []
            while frame:
                if "/wbtools/" in frame.f_code.co_filename:
                    names.append(frame.f_code.co_name)
                frame = frame.f_back
            self.reasons.setdefault(str(arguments[0]), []).append(names)

    def to_read(self, path):
        """Of each time that more of a file was wanted than whether it can be opened, the reason."""
        purposes = {"read_grid", "read_scan", "sha256"}
        wanted = [names for names in self.reasons[str(path)] if "require_file" not in names]
        return sorted(next((name for name in names if name in purposes), names[0]) for names in wanted)


@pytest.fixture(scope="module")
def compared(small_study, run_export, tmp_path_factory):
    """An export of a person compared with a twin: what was printed, the folder, why files of the twin were opened, and
    how many brains were registered: to the field of view, and the reference to them."""
    tmp_path = tmp_path_factory.mktemp("pair")
    study = tmp_path / "study"
    shutil.copytree(small_study("LAS"), study)
    person = study / "100307"
    twin = study / "twin"
    shutil.copytree(person, twin)
    for file in sorted(twin.rglob("100307*")):
        file.rename(file.with_name(file.name.replace("100307", "twin")))
    image = nibabel.load(twin / "T1w" / T1W)
    noise = np.random.default_rng(0).normal(1, 0.2, image.shape)
    noisy = nibabel.Nifti1Image((image.get_fdata() * noise).astype(np.float32), image.affine)
    nibabel.save(noisy, twin / "T1w" / T1W)
    torch.manual_seed(0)
    torch.save(UNet(UNetArchitecture((8, 8, 16), attention=(2,), embedding=16)).state_dict(), tmp_path / "small.pt")
    cards.write(tmp_path / "small.json", Card("small", "small", "unet", shape=(30, 36, 30)))
    opened = Opened(twin)
    before = [field_over.computed, reference.registered.cache_info().misses]
    output, folder = run_export(
        study, tmp_path / "out", "--target", "pair", "--other", "twin", "--no-render",
        "--model", str(tmp_path / "small.pt"),
    )  # fmt: skip
    opened.watching = False
    after = [field_over.computed, reference.registered.cache_info().misses]
    registered = [now - so_far for now, so_far in zip(after, before, strict=True)]
    return output, folder, opened, registered


def test_each_of_two_people_is_read_hashed_and_registered_once(compared):
    _, _, opened, registered = compared
    (t1w,) = (path for path in opened.reasons if path.endswith(T1W))
    assert opened.to_read(t1w) == ["read_grid", "read_scan", "sha256"]
    assert registered == [2, 2]


def test_a_pair_of_people_is_explained_by_pairs_of_regions(compared):
    output, folder, _, _ = compared
    record = json.loads((folder / "provenance.json").read_text())
    (pairs,) = record["pairs_of_regions"].values()
    assert -1 < pairs["cosine"] < 1
    assert pairs["conservation"] == pytest.approx(1, abs=0.01)
    (network,) = record["networks"].values()
    assert network["attribution"]["score"] == pytest.approx(pairs["cosine"], abs=1e-4)
    assert "cosine" in network["attribution"]["target"]
    (compared,) = network["decision"]["comparisons"]
    assert compared["other"] == "twin" and compared["verdict"] == "none"
    assert compared["distance"] == pytest.approx(1 - pairs["cosine"], abs=1e-4)
    assert "distance to twin" in output and "the checkpoint has no threshold" in output
    (table,) = folder.glob("*.pairs.tsv")
    header, *rows = (line.split("\t") for line in table.read_text().splitlines())
    assert header[1:] == [row[0] for row in rows]
    assert len(rows) == 379 + 2
    values = np.array([row[1:] for row in rows], float)
    assert values.sum() == pytest.approx(pairs["cosine"], rel=0.01)
    matrix = nibabel.load(next(folder.glob("*.pconn.nii")))
    names = list(matrix.header.get_axis(0).name)
    place = [header.index(str(name)) - 1 for name in names]
    np.testing.assert_allclose(matrix.get_fdata(), values[np.ix_(place, place)], rtol=1e-4, atol=1e-9)
    assert len(names) >= 375  # a few areas have no vertex of their own at this resolution
    _assert_the_scene_shows_a_row(folder, matrix, names)
    spec = (folder / "100307.32k_fs_LR.wb.spec").read_text()
    assert "pconn.nii" in spec
    assert "twin" not in output.split("Wrote")[1]


def _assert_the_scene_shows_a_row(folder, matrix, names):
    """The map of the picture is the row, as Workbench counts them, that the scene chooses, of the heaviest area."""
    scalars = nibabel.load(next(folder.glob("*.pscalar.nii")))
    title = str(scalars.header.get_axis(0).name[-1])
    seed = title.removeprefix("pairs with ")
    row = names.index(seed)
    areas = [names.index(str(name)) for name in scalars.header.get_axis(1).name]
    values = matrix.get_fdata()
    np.testing.assert_array_equal(scalars.get_fdata()[-1], values[areas, row])
    assert np.abs(values[np.ix_(areas, areas)]).sum(axis=0).argmax() == areas.index(row)
    scene = ET.parse(next(folder.glob("*.scene"))).getroot().findall("Scene")[-1]
    assert scene.findtext("Name") == f"small: pairs with {seed} of the other person"
    assert [each.text for each in scene.iter("Object") if each.get("Name") == "m_rowIndex"] == [str(row)]
    assert f"area {seed} of the other" in scene.findtext("Description")
    (file,) = folder.glob("*.pconn.nii")
    assert "PaletteColorMapping" in matrix.header.matrix.metadata and file.name in ET.tostring(scene, "unicode")
