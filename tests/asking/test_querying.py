"""`wbtools query`: who is nearest by the network's own answers, without the person asked about."""

import io
import json
import shutil
import zipfile
from dataclasses import replace

import nibabel
import numpy as np
import pytest
import torch
from made_asking import PEOPLE, SHAPE, ask, image_of, made_place, save
from PIL import Image, ImageDraw
from random_networks import random_network
from scipy.spatial.distance import cdist

from wbtools import ExportSettings, explain, find_subject, model
from wbtools.asking import index as files
from wbtools.asking import people, querying
from wbtools.asking.embedding import Kind as Kinds
from wbtools.asking.fingerprints import fingerprint, same
from wbtools.asking.index import Header
from wbtools.asking.neighbours import Neighbours, ranked
from wbtools.asking.pictures.grid import grid
from wbtools.asking.pictures.thumbnails import HEIGHT, WIDTH, thumbnail
from wbtools.attribution import Target
from wbtools.cli import progress
from wbtools.datasets import Item, Kind, open_data, write_data
from wbtools.datasets.images.volumes import VolumePreparation
from wbtools.model.card import Card
from wbtools.model.families.ad3dcnn import AD3DCNN, AD3DCNNArchitecture


@pytest.fixture(scope="module")
def place(made_once):
    """A study, its data set and three networks, for reading only."""
    return made_once("asked_about", made_place)


@pytest.fixture(scope="module")
def indexed(place, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexed")
    for network in ("unet", "codes"):
        run = ask("index", place / "data", "--model", place / f"{network}.pt", "--out", folder / f"{network}.npz")
        assert run.exit_code == 0, run.output
    return folder


@pytest.fixture
def query(place, indexed):
    def run(person, network="unet", *words):
        paths = ("--index", indexed / f"{network}.npz", "--study-folder", place / "study")
        return ask("query", person, *paths, "--model", place / f"{network}.pt", *words)

    return run


def ranking(place, network, person, metric):
    """Everybody but the person by scipy's distances of the network's own answers, ties in the order of the data set."""
    data = open_data(place / "data")
    with torch.no_grad():
        answers = model.load(place / f"{network}.pt").network.raw(torch.from_numpy(np.array(data.images))).double()
    values = answers.numpy() > 0 if metric == "hamming" else answers.numpy()
    (mine,) = (item.row for item in data.items if item.person == person)
    distance = cdist(values[[mine]], values, metric)[0]
    return sorted((distance[row], row) for row in range(len(data)) if row != mine)


@pytest.mark.parametrize(("network", "metric", "scale"), [("unet", "cosine", 1), ("codes", "hamming", 12)])
def test_the_order_and_the_distances_are_those_of_scipy(place, query, tmp_path, network, metric, scale):
    run = query("103", network, "--top", 5, "--out", tmp_path / "q")
    assert run.exit_code == 0, run.output
    found = json.loads((tmp_path / "q" / querying.RECORD).read_text())["found"]
    known = ranking(place, network, "103", metric)[:5]
    items = open_data(place / "data").items
    np.testing.assert_allclose([each["distance"] for each in found], [d * scale for d, _ in known], atol=2e-6)
    if metric == "hamming":  # of cosines, roundings may exchange neighbours
        assert [each["person"] for each in found] == [items[row].person for _, row in known]


def test_the_person_is_left_out_also_under_another_name_and_by_an_image_alone(query, place):
    run = query("103", "unet", "--id", "somebody")
    assert "Left out of the result: 1 image equal to the one asked about." in run.output
    assert " 103 " not in run.output
    alone = query(image_of(place / "study", "103"), "unet")
    assert "Left out of the result: the image of 103 itself." in alone.output and "  103 " not in alone.output


def test_what_is_left_out_is_said_of_the_person_where_the_index_has_the_image_under_that_id():
    header = Header(Kinds.CODES, 32, 9, "net", "net", "")
    assert Neighbours("me", header, (), 5, 1, 0, 1).left_out() == "Left out of the result: the image of me itself."
    said = Neighbours("me", header, (), 5, 3, 2, 2).left_out()
    assert said == (
        "Left out of the result: 2 images of me equal to the one asked about, 1 image equal to the one asked about and "
        "2 other images of me."
    )


def test_other_images_of_the_person_are_left_out_and_said(query, place):
    run = query("103", "unet", "--id", "105")
    assert "1 image equal to the one asked about and 1 other image of 105." in run.output
    assert "the nearest of 6 images" in run.output


def test_sessions_of_a_person_are_the_same_person(place, indexed):
    index = files.read(indexed / "unet.npz")
    (found,) = people.find(place / "study", ["103"])
    shown = people.shown(found, model.load(place / "unet.pt"))
    index = replace(index, items=tuple(replace(item, person="sub-1") for item in index.items[:2]) + index.items[2:])
    near = ranked(index, index.vectors[0], replace(shown, name="sub-1_ses-2"), 9)
    assert near.of_person == 2 and near.searched == 5


def test_one_image_is_recognised_whatever_the_roundings_and_others_are_not(place):
    images = open_data(place / "data").images[:, 0]
    prints = np.stack([fingerprint(image) for image in images])
    noisy = images[3] * (1 + 1e-6 * np.random.default_rng(0).normal(size=images[3].shape)).astype(np.float32)
    assert same(fingerprint(noisy), prints).tolist() == [row == 3 for row in range(len(images))]


def test_another_network_than_the_index_was_made_by_is_refused(place, indexed):
    words = ("--index", indexed / "codes.npz", "--study-folder", place / "study", "--model", place / "unet.pt")
    run = ask("query", "100", *words)
    assert run.exit_code == 3 and "was made by codes" in run.output


@pytest.mark.parametrize("top", [0, -1])
def test_no_result_at_all_cannot_be_asked_for(query, top):
    run = query("100", "unet", "--top", top)
    assert run.exit_code == 3 and f"--top {top} is no number of results" in run.output


def test_more_results_than_there_are_give_all(query):
    assert "the nearest of 7 images" in query("100", "codes", "--top", 99).output


def test_table_record_and_picture_are_written_and_replaced_only_if_asked(query, tmp_path):
    out = tmp_path / "q"
    assert query("103", "codes", "--out", out, "--top", 3).exit_code == 0
    rows = [row.split("\t") for row in (out / querying.TABLE).read_text().splitlines()]
    assert rows[0] == ["rank", "person", "session", "bits_that_differ", "source", "Age", "sex"] and len(rows) == 4
    record = json.loads((out / querying.RECORD).read_text())
    *said, last = record["notices"]
    assert last == "Research use only. Not for diagnosis." and any("not for science" in each for each in said)
    assert any(each.startswith("103: This image is unlike those") for each in said)
    with Image.open(out / querying.GRID) as picture:
        assert picture.size[0] > 3 * 2 * WIDTH and picture.size[1] > 2 * 2 * HEIGHT
    assert "add --overwrite" in query("103", "codes", "--out", out).output
    assert query("103", "codes", "--out", out, "--overwrite").exit_code == 0
    assert "not wbtools' to replace" in query("104", "codes", "--out", out, "--overwrite").output
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    assert query("104", "codes", "--out", tmp_path / "mine", "--overwrite").exit_code == 3


def test_nothing_is_written_into_a_subjects_folder(query, place):
    run = query("103", "codes", "--out", place / "study" / "100" / "T1w" / "query")
    assert run.exit_code == 3 and "a subject's folder" in run.output


def test_an_index_without_pictures_gives_no_grid_and_says_so(place, tmp_path):
    words = ("--model", place / "codes.pt")
    assert ask("index", place / "data", *words, "--out", tmp_path / "a.npz", "--no-pictures").exit_code == 0
    study = ("--study-folder", place / "study")
    run = ask("query", "100", "--index", tmp_path / "a.npz", *words, *study, "--out", tmp_path / "q")
    assert run.exit_code == 0 and "there is no grid" in run.output
    assert not (tmp_path / "q" / querying.GRID).exists()


def test_the_notice_in_a_subjects_folder_is_said_with_every_answer(place, small_study, tmp_path):
    study, unet = tmp_path / "study", ("--model", place / "unet.pt")
    shutil.copytree(place / "study", study)
    shutil.copytree(small_study() / "100307", study / "100307")
    notice = (study / "100307" / "wbtools-notice.txt").read_text().strip()
    assert notice.startswith("Built-in subject")
    (study / "participants.tsv").write_text(
        "participant_id\tsex\n" + "".join(f"{person}\t{'MF'[int(person) % 2]}\n" for person in (*PEOPLE, "100307"))
    )
    shape = ("--shape", ",".join(map(str, SHAPE)), "--intensity", "minmax")
    prepared = ask("prepare", "classes", study, "--out", tmp_path / "data", *shape, "--jobs", 1)
    assert f"Note on 1 image: Notice in the subject's folder: {notice}" in prepared.output
    remarks = json.loads((tmp_path / "data" / "dataset.json").read_text())["remarks"]
    sources = remarks[f"Notice in the subject's folder: {notice}"]
    assert sources == [image_of(study, "100307").relative_to(study).as_posix()]
    made = ask("index", tmp_path / "data", *unet, "--out", tmp_path / "a.npz")
    assert f"Note: {notice}" in made.output
    assert files.read(tmp_path / "a.npz").header.notices == (notice,)
    where, index = ("--study-folder", study), tmp_path / "a.npz"
    asked = {
        "100307": ask("query", "100307", "--index", index, *where, *unet, "--out", tmp_path / "100307"),
        "100": ask("query", "100", "--index", index, *where, *unet, "--out", tmp_path / "100"),
        "of the index": ask("classify", "100", "--examples", index, *where, *unet),
        "of the data": ask("classify", "100", "--examples", tmp_path / "data", *where, *unet),
    }
    of_images = f"Of images that were searched: {notice}"
    assert all(f"Note: {of_images}" in run.output for run in asked.values()), asked
    assert f"Note: 100307: {notice}" in asked["100307"].output and "100: Built" not in asked["100"].output
    record = json.loads((tmp_path / "100307" / querying.RECORD).read_text())
    assert record["notices"][0] == f"100307: {notice}" and of_images in record["notices"]
    assert f"Note: 100307: {notice}" in ask("compare", "100", "100307", *where, *unet).output
    assert f"Note: 100307: {notice}" in ask("classify", "100307", *where, "--model", place / "classes.pt").output


def test_an_index_that_does_not_say_how_its_images_were_made_could_not_be_checked_and_that_is_said(
    place, indexed, tmp_path
):
    old = tmp_path / "old.npz"
    with zipfile.ZipFile(indexed / "unet.npz") as new, zipfile.ZipFile(old, "w") as older:
        for name in new.namelist():
            content = new.read(name)
            if name == "header.npy":
                header = json.loads(np.load(io.BytesIO(content)).tobytes())
                del header["preparation"], header["data"]["notices"]
                stream = io.BytesIO()
                np.save(stream, np.frombuffer(json.dumps(header).encode(), np.uint8))
                content = stream.getvalue()
            older.writestr(name, content)
    words = ("--study-folder", place / "study", "--model", place / "unet.pt")
    said = "Note: The index does not say how its images were made (an older wbtools made it)"
    asked = ask("query", "103", "--index", old, *words, "--out", tmp_path / "q")
    assert asked.exit_code == 0 and said in " ".join(asked.output.split())
    record = (tmp_path / "q" / querying.RECORD).read_text()
    assert "Make it anew with wbtools index." in record and str(tmp_path) not in record
    assert said in " ".join(ask("classify", "103", "--examples", old, "--label", "sex", *words).output.split())
    whole = ask("query", "103", "--index", indexed / "unet.npz", *words)
    assert "does not say how" not in whole.output


def test_texts_of_an_index_cannot_forge_cells_or_terminals(place, indexed):
    index = files.read(indexed / "codes.npz")
    evil = dict.fromkeys(index.label_names, "=cmd()")
    index = replace(index, items=tuple(replace(item, person="=1+1", labels=evil) for item in index.items))
    (found,) = people.find(place / "study", ["103"])
    network = model.load(place / "codes.pt")
    answer = querying.query(people.shown(found, network), index, network, 3)
    for row in answer.rows()[1:]:
        assert row[1] == "'=1+1" and row[-1] == "'=cmd()"


def test_thumbnails_show_the_persons_right_on_the_left_and_the_front_up_whatever_the_orientation():
    wide = 53  # pixels of the axial slice
    values = np.zeros((30, 36, 30), np.float32)  # LAS
    values[:10, 13:23, 10:20] = 1.0  # towards the person's right, in the middle of the other axes
    axial = thumbnail(values, "LAS")[:, :wide]
    assert axial[:, : wide // 2].sum() > 10 * axial[:, wide // 2 :].sum()
    np.testing.assert_array_equal(thumbnail(values[::-1], "RAS")[:, :wide], axial)
    front = np.zeros_like(values)
    front[:, 24:, :] = 1.0
    shown = thumbnail(front, "LAS")
    assert shown[:32, :wide].sum() > 10 * shown[32:, :wide].sum()
    assert shown[:, -64:-32].sum() > 10 * shown[:, -32:].sum()  # the face looks to the left
    turned = np.moveaxis(front, (0, 1, 2), (2, 0, 1))[:, ::-1]
    np.testing.assert_array_equal(thumbnail(turned, "AIL")[:, :wide], shown[:, :wide])


def test_pictures_of_a_query_have_the_persons_left_on_the_left_as_all_others_have_and_letters_say_so():
    values = np.zeros((30, 36, 30), np.float32)  # LAS
    values[:10, :, 10:20] = 1.0  # towards the person's right
    brain = thumbnail(values, "LAS")[None]
    drawn = [np.asarray(Image.open(io.BytesIO(grid(each, ["x"], "y"))), float) for each in (brain, 0 * brain)]
    shown, letters = (sheet[30 : 30 + 2 * HEIGHT, 8 : 8 + 2 * WIDTH] for sheet in drawn)
    for first, last in ((0, 106), (106, 212)):  # axial and coronal slice
        middle = (first + last) // 2
        sides = [(shown - letters)[:, part].clip(0).sum() for part in (slice(first, middle), slice(middle, last))]
        assert sides[1] > 4 * sides[0]  # at its edge, a slice shows a little of its neighbour
    for first, last in ((0, 106), (106, 212), (212, 340)):
        for edge in (slice(first, first + 14), slice(last - 14, last)):
            assert letters[:, edge].max() > 200  # no letter is thick enough for white


@pytest.mark.parametrize("found", [1, 2, 10])
def test_all_of_the_title_and_of_long_names_is_in_the_picture(found, monkeypatch):
    written = []
    draw_text = ImageDraw.ImageDraw.text

    def noted(self, place, text, **how):
        written.append((*place, text, self.textlength(text), self.im.size))
        return draw_text(self, place, text, **how)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", noted)
    title = f"net: cosine distance. {'A notice of many words. ' * 12}Research use only. Not for diagnosis."
    captions = ["asked about: " + "W" * 60] + [f"{rank}. {'long name ' * 6}, 0.1234" for rank in range(1, found + 1)]
    sheet = grid(np.zeros((found + 1, HEIGHT, WIDTH), np.uint8), captions, title)
    with Image.open(io.BytesIO(sheet)) as picture:
        width, height = picture.size
    lines = [each for each in written if len(each[2]) > 1]  # no letter of a side
    assert all(left + length <= width and top + 10 < height for left, top, _, length, _ in lines)
    assert all(length <= 2 * WIDTH for _, top, _, length, _ in lines if top < 60)
    assert title in " ".join(text for _, _, text, _, _ in lines)
    assert " ".join(text for _, _, text, _, _ in lines).count("0.1234") == found


@pytest.mark.slow
def test_explain_shows_which_regions_decide_each_bit_as_an_explanation_of_that_bit_does(
    small_study, tmp_path, monkeypatch
):
    monkeypatch.setattr(progress, "_LINE_EVERY", 0.0)
    network = random_network(lambda: AD3DCNN(AD3DCNNArchitecture((2, 4), 4 * 6 * 4, 3, 2)))
    card = Card("codes", "codes of the tests", "ad3dcnn", shape=SHAPE, answer="embedding")
    save(tmp_path / "codes.pt", network.state_dict(), card)
    dice = np.random.default_rng(2)
    items = [Item(row, f"p{row}", f"p{row}.nii.gz") for row in range(3)]
    images = dice.random((3, 1, *SHAPE), np.float32)
    write_data(tmp_path / "data", Kind.VOLUMES, images, items, VolumePreparation(card).card)
    assert ask("index", tmp_path / "data", "--model", tmp_path / "codes.pt", "--out", tmp_path / "i.npz").exit_code == 0
    study = small_study("LAS")
    words = ("--index", tmp_path / "i.npz", "--study-folder", study, "--model", tmp_path / "codes.pt")
    assert "add --out DIR" in ask("query", "100307", *words, "--explain").output
    run = ask("query", "100307", *words, "--explain", "--out", tmp_path / "q")
    assert run.exit_code == 0, run.output
    assert [f"{done} of 3 bits" in run.output for done in range(4)] == [True] * 4

    heading, *rows = [row.split("\t") for row in (tmp_path / "q" / "bits.tsv").read_text().splitlines()]
    assert heading == ["region", "bit_0", "bit_1", "bit_2"]
    known = model.load(tmp_path / "codes.pt")
    settings = ExportSettings(target=Target("bit", "1"), nulls=0, also="none")
    found = explain(known, find_subject("100307", study), settings)
    scores = {row.region.name: row.score for row in found.ranking.rows if row.region and row.rank is not None}
    assert {row[0]: float(row[2]) for row in rows if row[2]} == pytest.approx(scores, abs=1e-4)
    code = json.loads((tmp_path / "q" / "query.json").read_text())["bits"]["code"]
    assert code == found.decision.codes[0].bits and len(code) == 3
    assert Image.open(tmp_path / "q" / "bits.png").width > 3 * WIDTH


def test_a_person_is_the_same_with_and_without_sub(place, query, tmp_path):
    scan = tmp_path / "sub-103.nii.gz"
    image = nibabel.load(image_of(place / "study", "103"))
    changed = image.get_fdata() * (1 + 0.2 * np.random.default_rng(0).random(image.shape))
    nibabel.save(nibabel.Nifti1Image(changed, image.affine), scan)
    run = query(scan, "unet", "--out", tmp_path / "q")
    assert run.exit_code == 0, run.output
    assert "103" not in [row.split("\t")[1] for row in (tmp_path / "q/query.tsv").read_text().splitlines()]


def test_explain_is_for_codes(query, tmp_path):
    run = query("103", "unet", "--explain", "--out", tmp_path / "q")
    assert run.exit_code == 3 and "wbtools compare A B --explain" in " ".join(run.output.split())


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"shape": (36, 44, 36)}, "shape 30 x 36 x 30, not 36 x 44 x 36"),
        ({"intensity": "zscore"}, "intensity minmax, not zscore"),
    ],
)
def test_a_card_that_says_another_preparation_than_the_index_has_is_refused_though_its_weights_are_the_same(
    place, indexed, tmp_path, changed, said
):
    for name in ("unet.pt", "unet.json"):
        shutil.copy(place / name, tmp_path)
    card = json.loads((tmp_path / "unet.json").read_text())
    asked = ("query", "103", "--index", indexed / "unet.npz", "--study-folder", place / "study")
    for found, code in ((card, 0), ({**card, **changed}, 3)):
        (tmp_path / "unet.json").write_text(json.dumps(found))
        run = ask(*asked, "--model", tmp_path / "unet.pt")
        assert run.exit_code == code, run.output
    assert said in " ".join(run.output.split())
