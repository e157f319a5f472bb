"""Two people compared: the cosine of their embeddings, divided among pairs of their regions."""

import json
import shutil

import nibabel
import numpy as np
import pytest
import torch

from wbtools.model import Card
from wbtools.model import card as cards
from wbtools.model.families.unet import UNet, UNetArchitecture


@pytest.mark.slow
@pytest.mark.workbench
def test_a_pair_of_people_is_explained_by_pairs_of_regions(small_study, run_export, tmp_path):
    study = tmp_path / "study"
    shutil.copytree(small_study("LAS"), study)
    person = study / "100307"
    twin = study / "twin"
    shutil.copytree(person, twin)
    for file in sorted(twin.rglob("100307*")):
        file.rename(file.with_name(file.name.replace("100307", "twin")))
    for path in (twin / "T1w").glob("T1w_acpc_dc_restore_brain.nii.gz"):
        image = nibabel.load(path)
        noise = np.random.default_rng(0).normal(1, 0.2, image.shape)
        nibabel.save(nibabel.Nifti1Image((image.get_fdata() * noise).astype(np.float32), image.affine), path)
    torch.manual_seed(0)
    torch.save(UNet(UNetArchitecture((8, 8, 16), attention=(2,), embedding=16)).state_dict(), tmp_path / "small.pt")
    cards.write(tmp_path / "small.json", Card("small", "small", "unet", shape=(30, 36, 30)))
    output, folder = run_export(
        study, tmp_path / "out", "--target", "pair", "--other", "twin", "--no-render",
        "--model", str(tmp_path / "small.pt"),
    )  # fmt: skip
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
    spec = (folder / "100307.32k_fs_LR.wb.spec").read_text()
    assert "pconn.nii" in spec
    assert "twin" not in output.split("Wrote")[1]
