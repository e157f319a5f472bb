"""Networks that a Python function builds load only if they are named, and every mistake ends in one sentence."""

import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from click.testing import CliRunner
from foreign_networks import SHAPE, Attentive, Residual
from random_networks import random_network
from torch import nn

from wbtools.cli import main
from wbtools.errors import CheckpointError
from wbtools.model import load
from wbtools.model.families.unet import UNet, UNetArchitecture

CARD = {"name": "lab", "title": "Lab's network", "shape": list(SHAPE)}


@pytest.fixture
def lab(tmp_path, monkeypatch):
    """Writes a module into the current folder, which no other test has imported, and gives its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(Path(__file__).parent)

    def write(code, name="lab_networks"):
        (tmp_path / f"{name}.py").write_text(dedent(code))
        monkeypatch.delitem(sys.modules, name, raising=False)
        return name

    yield write
    sys.modules.pop("lab_networks", None)


BUILD = f"""
    from foreign_networks import Attentive, Residual
    from random_networks import random_network

    def build():
        return random_network(Residual)

    build.card = {CARD!r}

    class Models:
        @staticmethod
        def attentive():
            return random_network(Attentive)

    Models.attentive.card = {CARD!r}
"""


@pytest.mark.parametrize(("name", "network"), [("build", Residual), ("Models.attentive", Attentive)])
def test_the_named_function_gives_the_network(lab, name, network):
    before = list(sys.path)
    model = load(f"{lab(BUILD)}:{name}")
    expected, x = random_network(network), torch.rand(1, 1, *SHAPE)
    with torch.no_grad():
        answer = expected(x)
        answer = answer[0] if isinstance(answer, tuple) else answer
        torch.testing.assert_close(model.network.raw(x), answer, rtol=1e-5, atol=1e-6)
    assert (model.family, model.name, model.card.assumed) == ("python", "lab", False)
    assert model.card.shape == SHAPE
    assert sys.path == before


def test_its_layers_are_modules_of_their_own(lab):
    network = load(f"{lab(BUILD)}:build").network
    kinds = [type(module) for module in network.modules()]
    assert kinds.count(nn.ReLU) == 3  # one module in the user's code
    assert not any(getattr(module, "inplace", False) for module in network.modules())
    assert len(network.batch_norms()) == 2


def test_equal_weights_have_equal_sums(lab):
    source = f"{lab(BUILD)}:build"
    assert load(source).sha256 == load(source).sha256
    assert load(source).sha256 != load(source.replace("build", "Models.attentive")).sha256


def test_a_network_that_torch_cannot_follow_is_taken_as_it_is(lab):
    code = f"""
        import torch
        from random_networks import random_network

        class Deciding(torch.nn.Module):
            def __init__(self):
                super().__init__()
                self.conv = torch.nn.Conv3d(1, 2, 3)
                self.last = torch.nn.Linear(2, 4)

            def forward(self, x):
                y = self.conv(x).mean((2, 3, 4))
                return (self.last(y if y.sum().item() > 0 else -y), y)

        def build():
            return random_network(Deciding)

        build.card = {CARD!r}
    """
    name = lab(code)
    model = load(f"{name}:build")
    x = torch.rand(2, 1, *SHAPE)
    with torch.no_grad():
        expected = sys.modules[name].build()(x[1:])[0]
        assert torch.equal(model.network.raw(x)[1:], expected)
    assert model.network.batch_norms() == []


def test_one_of_wbtools_own_networks_stays_what_it_is(lab):
    name = lab("""
        from wbtools.model.families.unet import UNetArchitecture, UNet

        def build():
            return UNet(UNetArchitecture((8, 8), embedding=4))

        build.card = {"name": "own", "title": "own", "shape": [16, 16, 16], "answer": "embedding"}
    """)
    network = load(f"{name}:build").network
    assert isinstance(network, UNet)
    assert network.architecture == UNetArchitecture((8, 8), embedding=4)
    assert not network.training
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_without_a_card_the_usual_images_are_assumed(lab):
    name = lab("""
        import torch

        def build():
            return torch.nn.Sequential(torch.nn.AdaptiveAvgPool3d(2), torch.nn.Flatten(), torch.nn.Linear(8, 2))
    """)
    model = load(f"{name}:build")
    assert model.card.assumed
    assert (model.name, model.card.shape) == ("lab_networks-build", (86, 103, 86))
    assert model.network.answers == ("raw", "logits")


MODULE = """
    import torch

    SMALL = {"name": "x", "title": "x", "shape": [4, 4, 4]}

    def fails():
        raise OSError("no weights\\nhere")

    def wrong():
        return 3

    def training_card():
        return torch.nn.Flatten()

    training_card.card = {**SMALL, "colour": "red"}

    def of_family():
        return torch.nn.Flatten()

    of_family.card = {**SMALL, "family": "unet"}

    def no_dictionary():
        return torch.nn.Flatten()

    no_dictionary.card = 3

    def many():
        return torch.nn.Flatten()

    many.card = {**SMALL, "classes": ["a", "b"]}

    def small():
        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(8, 2))

    small.card = SMALL

    def reference():
        return torch.nn.Flatten()

    reference.card = {**SMALL, "reference": "brain.nii"}

    def segmenting():
        return torch.nn.Conv3d(1, 3, 3, padding=1)

    segmenting.card = {**SMALL, "answer": "classes"}
"""


@pytest.mark.parametrize(
    ("function", "words"),
    [
        ("fails", "could not build its network .OSError: no weights"),
        ("wrong", "returned a int"),
        ("SMALL", "no function 'SMALL'"),
        ("nothing.at.all", "no function 'nothing.at.all'"),
        ("training_card", "colour"),
        ("of_family", "says unet"),
        ("no_dictionary", "dictionary"),
        ("many", "64 classes, its card names 2"),
        ("small", "could not take an image of 4 x 4 x 4 voxels"),
        ("reference", r"brain\.nii does not exist"),
        ("segmenting", "1 x 3 x 4 x 4 x 4 values: a map, as segmentations do"),
    ],
)
def test_every_mistake_ends_in_one_sentence(lab, function, words):
    with pytest.raises(CheckpointError, match=words) as caught:
        load(f"{lab(MODULE)}:{function}")
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    assert caught.value.exit_code == 3


def test_a_missing_module_and_a_broken_one_are_named(lab):
    with pytest.raises(CheckpointError, match="'no_such_lab'"):
        load("no_such_lab:build")
    for code, words in (("1 / 0", "ZeroDivisionError"), ("raise SystemExit(2)", "SystemExit")):
        with pytest.raises(CheckpointError, match=f"could not be imported .{words}"):
            load(f"{lab(code)}:build")


def test_nothing_is_imported_unless_it_is_named(lab, tmp_path):
    name = lab("raise SystemExit('imported')")
    for source in (f"./{name}:build", f"{name}.py", f"{name}:", f":{name}", f"{name}:build()", f"../{name}:build"):
        with pytest.raises(CheckpointError, match=r"does not exist|not a checkpoint"):
            load(source)
    (tmp_path / f"{name}:build").write_bytes(b"a file of this name")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        load(f"{name}:build")


def test_the_command_describes_exported_and_built_networks(lab, tmp_path):
    name = lab(BUILD)
    program = torch.export.export(random_network(Residual), (torch.rand(1, 1, *SHAPE),))
    torch.export.save(program, tmp_path / "net.pt2")
    for source in (f"{name}:build", "net.pt2"):
        result = CliRunner().invoke(main, ["models", source])
        assert result.exit_code == 0, result.output
        assert "12 x 10 x 8" in result.output
