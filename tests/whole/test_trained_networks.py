"""Networks that `wbtools train` made go through a whole export."""

import json
import shutil

import numpy as np
import pytest
import torch
from made_learning import made_pictures, made_slices, train

from wbtools.datasets import Item, Kind, write_data
from wbtools.images import nifti
from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.families.contrastive import Contrastive, ContrastiveArchitecture
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins, mni_template

pytestmark = pytest.mark.slow
QUICK = ("--mesh", "native", "--no-render", "--no-report", "--threads", "2")

SHAPE = (22, 24, 22)
CARD = {"orientation": "LAS", "intensity": "minmax", "skull_stripped": True, "shape": list(SHAPE)}


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Twelve pairs of synthetic twins, of two sexes."""
    template = mni_template(Card(name="small", title="small", family="unet", shape=SHAPE))
    drawn = SyntheticTwins(template, Conditions(spacing=6, identity=0.6, per_scan=0.1, degrees=1, shift=0.2), seed=3)
    people = drawn.people(12)
    images = np.asarray(drawn.scans(torch.cat((people, people))))
    items = []
    for row in range(24):
        labels = {"twin": str(row % 12), "sex": "FM"[row % 2]}
        items.append(Item(row, f"p{row}", f"p{row}.nii.gz", labels=labels))
    folder = tmp_path_factory.mktemp("data") / "people"
    write_data(folder, Kind.VOLUMES, images.astype(np.float32), items, CARD)
    return folder


@pytest.mark.parametrize(
    ("recipe", "method", "more"),
    [
        ("twins", "deviation-magnitude", ("--backbone", "unet-tiny")),
        ("twins", "lrp", ("--backbone", "unet-tiny")),
        ("classes", "deviation-smooth", ()),
        ("classes", "deviation-smooth", ("--backbone", "stack-resnet-tiny", "--set", "plane=sagittal")),
        ("hashing", "deviation", ()),
    ],
)
def test_a_trained_network_is_explained_with_its_relevance_conserved(
    recipe, method, more, people, small_study, run_export, tmp_path
):
    how = ("--epochs", "2", "--rate", "1e-3", "--set", "accumulate=1")
    result = train(recipe, people, "--out", tmp_path / "run", *how, *more)
    assert result.exit_code == 0, result.output
    network = tmp_path / "run/best-auc.pt"
    options = (*QUICK, "--model", str(network), "--null", "1")
    _, folder = run_export(small_study("LAS"), tmp_path / "out", *options, "--method", method)
    [known] = json.loads((folder / "provenance.json").read_text())["networks"].values()
    assert known["attribution"]["conservation"] == pytest.approx(1, abs=0.01)
    second = known["also"]["method"] if "also" in known else None
    assert second == ("gradient" if recipe == "classes" else None)
    if method == "deviation-magnitude":
        assert "components of the network's card" in known["attribution"]["reference"]["source"]


@pytest.mark.parametrize(
    ("recipe", "make", "how", "target", "null"),
    [
        ("symmetry", made_slices, (), "the mean of the values of all 3 slices", 1),
        (
            "contrastive",
            made_pictures,
            ("--set", "embedding=2", "--batch", "36"),
            "what makes the embedding point elsewhere",
            0,
        ),
    ],
)
def test_a_network_of_pictures_or_slices_is_explained_on_the_slices_of_a_head_with_its_relevance_conserved(
    recipe, make, how, target, null, small_study, run_export, tmp_path
):
    make(tmp_path / "data")
    result = train(recipe, tmp_path / "data", "--out", tmp_path / "run", "--epochs", "1", *how)
    assert result.exit_code == 0, result.output
    card = json.loads((tmp_path / "run/best-auc.json").read_text())
    (tmp_path / "run/best-auc.json").write_text(json.dumps({**card, "shape": [40, 48, 3]}))
    network = str(tmp_path / "run/best-auc.pt")
    options = (*QUICK, "--model", network, "--null", str(null))
    quick = ("--references", "template", "--also", "none")
    _, folder = run_export(small_study("LAS"), tmp_path / "out", *options, *quick)
    [known] = json.loads((folder / "provenance.json").read_text())["networks"].values()
    found = known["attribution"]
    assert (found["method"], found["target"][: len(target)]) == ("deviation-smooth", target)
    assert found["put_in"] != 0
    assert found["conservation"] == pytest.approx(1, abs=0.01)
    assert known["trust"].get("randomised_networks", 0) == null
    assert np.abs(nifti.read_volume(next(folder.glob("*.relevance.T1w.nii.gz"))).data).max() > 0


def test_two_people_compared_by_their_slices_have_a_map_and_no_pairs_of_regions(small_study, run_export, tmp_path):
    torch.manual_seed(0)
    network = Contrastive(ContrastiveArchitecture(channels=1, head=("classifier",), units=(1024, 4)))
    torch.save(network.state_dict(), tmp_path / "net.pt")
    cards.write(tmp_path / "net.json", Card("net", "net", "contrastive", shape=(40, 48, 3)))
    study = tmp_path / "study"
    for name in ("100307", "twin"):
        shutil.copytree(small_study("LAS" if name == "100307" else "RAS") / "100307", study / name)
        for file in sorted((study / name).rglob("100307*")):
            file.rename(file.with_name(file.name.replace("100307", name)))
    options = (*QUICK, "--model", str(tmp_path / "net.pt"))
    quick = ("--method", "deviation", "--references", "template")
    said, folder = run_export(study, tmp_path / "out", *options, "--target", "pair", "--other", "twin", *quick)
    record = json.loads((folder / "provenance.json").read_text())
    assert record["networks"]["net"]["attribution"]["conservation"] == pytest.approx(1, abs=0.01)
    assert not list(folder.glob("*.pairs.*")) and "pairs_of_regions" not in record
    assert "net has an embedding for every slice" in " ".join(said.split())
