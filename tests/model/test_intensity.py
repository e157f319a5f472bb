"""Networks are given the intensities that they were trained on."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from wbtools.attribution.methods.integrated_gradients import blurred, empty
from wbtools.attribution.reference import ReferenceBrain, reference_brain
from wbtools.errors import CheckpointError, InputError
from wbtools.exporting.explanation import seen_by
from wbtools.images.template import mni152
from wbtools.model import Card, ModelInput, built_in, known_families, model_input
from wbtools.model import card as cards
from wbtools.model.checkpoint import Model
from wbtools.model.families.mrinet import FAMILY, MriNet, MriNetArchitecture, MriNetTwin
from wbtools.model.family import Classifier
from wbtools.model.imported.foreign import Foreign
from wbtools.model.intensity import Intensity
from wbtools.space.foreground import Scan
from wbtools.space.grid import Grid, Volume
from wbtools.space.resampling import average

CARD = Card(name="x", title="x", family="unet", shape=(30, 36, 30))


@pytest.fixture(scope="module")
def head():
    """A brain with the intensities of HCP's: the template's times 5, 0 outside."""
    brain = mni152()
    scaled = replace(brain, data=brain.data * np.float32(700 / brain.data[brain.data > 0].mean()))
    return average(scaled, scaled.grid.covering((64, 76, 64)))


@cache
def given(head, intensity):
    return model_input(head, replace(CARD, intensity=intensity))


def test_each_convention_gives_what_its_formula_says(head):
    """Against formulas on the image that 'raw' gives."""
    raw = given(head, "raw").data[0, 0].astype(np.float64)
    brain = raw > 0
    inside = raw[brain]
    low, high = np.percentile(inside, (2, 98.5))
    wanted = {
        "minmax": raw / raw.max(),
        "uint8": 255 * raw / raw.max(),
        "zscore": np.where(brain, (raw - inside.mean()) / inside.std(), 0),
        "percentile:2,98.5": np.where(brain, np.clip((raw - low) / (high - low), 0, 1), 0),
    }
    for intensity, expected in wanted.items():
        np.testing.assert_allclose(given(head, intensity).data[0, 0], expected, rtol=1e-5, atol=2e-6)
    assert raw.max() == pytest.approx(head.data.max(), rel=0.3)
    assert inside.mean() == pytest.approx(650, rel=0.2)


def test_raw_is_the_scanners_scale_and_all_others_do_not_depend_on_it(head):
    """Twice the gain doubles what 'raw' gives."""
    double = replace(head, data=2 * head.data)
    np.testing.assert_allclose(given(double, "raw").data, 2 * given(head, "raw").data, rtol=1e-6)
    for intensity in ("minmax", "uint8", "zscore", "percentile:1,99"):
        np.testing.assert_allclose(given(double, intensity).data, given(head, intensity).data, atol=1e-3)


def test_the_brain_is_known_in_every_convention(head):
    """Also where its intensities are negative or cut."""
    plain = given(head, "minmax")
    for intensity in ("raw", "uint8", "zscore", "percentile:30,70"):
        image = given(head, intensity)
        np.testing.assert_array_equal(image.brain, plain.brain)
        np.testing.assert_array_equal(image.plain, plain.data[0, 0])
        assert np.unique(image.data[0, 0][~image.brain]) == image.empty


@pytest.mark.parametrize("intensity", ["raw", "uint8", "zscore", "percentile:1,99"])
def test_the_reference_is_given_in_the_persons_intensities(head, intensity):
    """The brain that others are compared with, no brain, and a blurred one."""
    image, plain = given(head, intensity), given(head, "minmax")
    for make in (empty, blurred):
        other, wanted = make(CARD, image), make(CARD, plain).data[0, 0]
        np.testing.assert_allclose(other.data[0, 0], image.scale(wanted, wanted != 0), atol=1e-4)
    assert np.unique(empty(CARD, image).data) == image.empty
    found = reference_brain(CARD, image)
    assert isinstance(found, ReferenceBrain)
    shown = reference_brain(CARD, plain).data[0, 0]
    np.testing.assert_allclose(found.data[0, 0], image.scale(shown, shown != 0), atol=1e-3)
    assert found.data[0, 0][image.brain].std() == pytest.approx(image.data[0, 0][image.brain].std(), rel=0.2)


def test_old_cards_say_it_in_their_own_words(tmp_path):
    """The one convention there was."""
    old = {"name": "x", "title": "x", "family": "unet", "intensity": "min-max to [0, 1]"}
    (tmp_path / "x.json").write_text(json.dumps(old))
    assert cards.read(tmp_path / "x.json").intensity == "minmax"
    assert (
        cards.parse(cards.dumps(replace(CARD, intensity="percentile:0.5,99")), tmp_path).intensity
        == "percentile:0.5,99"
    )


@pytest.mark.parametrize(
    "text",
    ["", "z-score", "percentile", "percentile:1", "percentile:99,1", "percentile:1,101", "percentile:1,nan", "RAW"],
)
def test_an_unknown_convention_is_refused_with_the_known_ones(text):
    """In one sentence."""
    with pytest.raises(CheckpointError) as caught:
        replace(CARD, intensity=text)
    assert "percentile:LO,HI" in caught.value.hint


def test_a_brain_without_contrast_is_refused(head):
    """Where a percentile leaves nothing between."""
    flat = replace(head, data=np.where(head.data > 0, np.float32(100), np.float32(0)))
    with pytest.raises(InputError, match="no contrast"):
        given(flat, "percentile:40,60")


def test_families_are_given_what_they_were_trained_on():
    """As their publications say."""
    assert {family.name: family.card.intensity for family in known_families()} == {
        **dict.fromkeys(("unet", "resnet", "densenet", "ad3dcnn", "contrastive"), "minmax"),
        **dict.fromkeys(("mrinet", "stacks"), "raw"),
        "hemispheres": "uint8",
    }
    assert str(Intensity.parse("raw")) == "raw"


def trained_on(head, form, seed=0):
    """An MriNet whose batch norms have the statistics of a raw T1w, as after training."""
    torch.manual_seed(seed)
    network = form(MriNetArchitecture(width=4))
    x = torch.from_numpy(model_input(head, FAMILY.card).data)
    network.train()
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm3d):
            norm.momentum = 1.0
    with torch.no_grad():
        network.logits(x)
    return Model(network.eval().requires_grad_(False), replace(FAMILY.card, assumed=True), {}, "0" * 64)


@pytest.mark.parametrize("form", [MriNet, MriNetTwin])
def test_a_network_trained_on_raw_intensities_tells_a_brain_from_nothing_only_if_given_raw_ones(head, form):
    """As the published one does."""
    model = trained_on(head, form)

    def moves(intensity):
        image = model_input(head, replace(model.card, intensity=intensity))
        x = torch.from_numpy(image.data)
        noise = torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) * x.max()
        with torch.no_grad():
            answer = model.network.logits(x)
            return [float((answer - model.network.logits(other)).abs().max()) for other in (torch.zeros_like(x), noise)]

    assert min(moves("raw")) > 0.1
    assert max(moves("minmax")) < 0.02


def test_an_image_in_other_intensities_is_noticed_and_both_figures_are_named(head):
    """On record, with what the network remembers."""
    model = trained_on(head, MriNet)
    norm = model.network.hidden1[1]
    assert not any("unlike" in remark for remark in seen_by(model, Scan(head)).remarks)
    assert any("'raw'" in remark for remark in seen_by(model, Scan(head)).remarks)
    for wrong in (
        replace(model, card=replace(model.card, intensity="minmax")),
        replace(model, card=replace(model.card, intensity="zscore")),
    ):
        (remark,) = (remark for remark in seen_by(wrong, Scan(head)).remarks if "unlike" in remark)
        assert f"{float(norm.running_var.mean()):.3g}" in remark
        assert f"{float(norm.running_mean.abs().mean()):.3g}" in remark
    dim = replace(head, data=head.data / 10)
    assert any("unlike" in remark for remark in seen_by(model, Scan(dim)).remarks)


class _First(Classifier):
    def __init__(self, norm):
        super().__init__()
        self.norm = norm

    def logits(self, x):
        return self.norm(x).mean((2, 3, 4))

    def forward(self, x):
        return self.logits(x)


@pytest.mark.parametrize(("norm", "noticed"), [(nn.BatchNorm3d(1), True), (nn.InstanceNorm3d(1), False)])
def test_other_networks_are_asked_too_and_without_a_memory_nothing_is_said(norm, noticed):
    """A batch norm in any network; other norms remember nothing."""
    if noticed:
        norm.running_mean.fill_(500)
    network = Foreign(_First(norm).eval(), single=True)
    model = Model(network, replace(CARD, shape=(20, 24, 20), family="python"), {}, "0" * 64)
    data = np.zeros((20, 24, 20), np.float32)
    data[4:16, 5:20, 4:16] = np.random.default_rng(0).random((12, 15, 12), np.float32) + 1
    brain = Volume(data, Grid(data.shape, np.diag([9.0, 9, 9, 1])))
    assert any("unlike" in remark for remark in seen_by(model, Scan(brain)).remarks) == noticed


def test_the_built_in_network_is_given_what_it_knows(head):
    """No notice where all is well."""
    image = seen_by(built_in(), Scan(head))
    assert isinstance(image, ModelInput)
    assert not any("unlike" in remark for remark in image.remarks)
