"""Every output of an export says whether relevance tells for from against, or is a magnitude."""

import csv
import json
import xml.etree.ElementTree as ET

import nibabel
import pytest

SIGNED, MAGNITUDE = "Relevance is signed: above 0 for what is explained", "Relevance is a magnitude: it says where"


def _only(folder, pattern):
    (path,) = folder.rglob(pattern)
    return path


@pytest.fixture(scope="module")
def signed(small_study, run_export, made_once):
    """What an export by deviation printed, and its folder."""

    def write(out):
        options = ("--method", "deviation", "--references", "template", "--null", "0")
        printed, _ = run_export(small_study("LAS"), out / "out", *options, "--no-render", "--mesh", "32k")
        (out / "printed.txt").write_text(printed)

    out = made_once("signed", write)
    return (out / "printed.txt").read_text(), out / "out" / "100307"


@pytest.fixture(scope="module")
def magnitudes(small_study, run_export, made_once):
    """What an export by Grad-CAM printed, and its folder."""

    def write(out):
        options = ("--method", "grad-cam", "--null", "0", "--naming", "bids", "--no-render", "--mesh", "32k")
        printed, _ = run_export(small_study("LAS"), out / "out", *options)
        (out / "printed.txt").write_text(printed)

    out = made_once("magnitudes", write)
    return (out / "printed.txt").read_text(), out / "out" / "sub-100307"


@pytest.mark.parametrize(
    ("made", "values", "sentence", "unit"),
    [
        ("signed", "signed", SIGNED, "positive relevance / mm3"),
        ("magnitudes", "magnitude", MAGNITUDE, "magnitude of relevance / mm3"),
    ],
)
def test_terminal_record_table_files_and_scenes_say_what_the_sign_means(made, values, sentence, unit, request):
    printed, folder = request.getfixturevalue(made)
    assert f"regions with the most relevance ({values})" in printed
    record = json.loads((folder / "provenance.json").read_text())["networks"]["unet"]["attribution"]
    assert record["signed"] == (values == "signed")
    with _only(folder, "*regions.tsv").open() as stream:
        assert {row["values"] for row in csv.DictReader(stream, delimiter="\t")} == {values}
    volume = nibabel.load(_only(folder, "*relevance*.nii.gz"))
    assert volume.header["descrip"].item().decode().startswith(f"relevance, {values}; ")
    for pattern in ("*unet*.dscalar.nii", "*unet*.pscalar.nii", "*L*unet*.func.gii"):
        for path in folder.rglob(pattern):
            assert sentence.encode() in path.read_bytes(), path.name
    sidecars = {path.name: json.loads(path.read_text()) for path in folder.rglob("*unet*.json")}
    assert bool(sidecars) == (made == "magnitudes"), "only BIDS has them"
    told = [json.dumps(about) for name, about in sidecars.items() if "pairs" not in name]
    assert all(sentence in words for words in told)
    scenes = list(ET.parse(_only(folder, "*.scene")).iter("Scene"))
    described = [scene.findtext("Description") or "" for scene in scenes]
    assert scenes and all(f", by {record['method']} ({values})" in words.replace("\n", " ") for words in described)
    shown = [unit in ET.tostring(scene, encoding="unicode") for scene in scenes]
    assert any(shown)
    # A magnitude has no negative half that a palette could hide or show.
    assert volume.get_fdata().min() < 0 if values == "signed" else volume.get_fdata().min() >= 0
