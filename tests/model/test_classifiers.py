"""The networks of systems S3 and S5 load as published and answer as published."""

import numpy as np
import published
import pytest
import torch
from random_networks import random_network

from wbtools.attribution import Target, attribute
from wbtools.errors import CheckpointError, InputError
from wbtools.model import ModelInput, load
from wbtools.model.families import ad3dcnn, mrinet
from wbtools.model.families.ad3dcnn import AD3DCNN
from wbtools.model.families.mrinet import MriNet, MriNetTwin
from wbtools.space.grid import Grid

FORMS = [
    (MriNet, mrinet.MriNetArchitecture(width=4)),
    (MriNetTwin, mrinet.MriNetArchitecture(width=4, twin=True)),
    (MriNetTwin, mrinet.MriNetArchitecture(width=3, twin=True, last=2, classes=3)),
]


@pytest.fixture
def brain():
    torch.manual_seed(3)
    return torch.rand(1, 1, 58, 70, 58)


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize(("form", "layout"), FORMS)
def test_logits_are_the_published_ones(tmp_path, brain, form, layout, prefix):
    state = random_network(lambda: form(layout)).state_dict()
    torch.save({f"{prefix}{key}": value for key, value in state.items()}, tmp_path / "best_model")
    model = load(tmp_path / "best_model")
    assert type(model.network) is form
    assert (model.description["width"], model.description["classes"]) == (layout.width, layout.classes)
    assert model.card.shape == (58, 70, 58)
    with torch.no_grad():
        logits = published.mrinet(state, brain)
        torch.testing.assert_close(model.network.logits(brain), logits, rtol=1e-5, atol=1e-6)
        answer = torch.log_softmax(logits, 1) if form is MriNet else logits
        torch.testing.assert_close(model.network(brain), answer, rtol=1e-5, atol=1e-6)


def test_the_published_width_has_the_published_size():
    with torch.device("meta"):
        networks = MriNet(mrinet.MriNetArchitecture()), MriNetTwin(mrinet.MriNetArchitecture(twin=True))
    convolutions = 27 * (32 + 32 * 64 + 64 * 128) + 32 + 64 + 128
    for network in networks:
        assert sum(p.numel() for p in network.parameters()) == convolutions + 2 * 224 + 2 * 22_400 + 2


@pytest.mark.parametrize(("form", "layout"), FORMS[:2])
def test_a_legacy_pickle_saved_from_cuda_loads_on_any_machine(tmp_path, brain, monkeypatch, form, layout):
    network = random_network(lambda: form(layout))
    path = tmp_path / "best_model"
    with monkeypatch.context() as patch:
        # What a machine with a GPU writes: every storage is tagged with the device it was on.
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
        torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    assert not data.startswith(b"PK")
    assert b"cuda:0" in data
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA"):
            torch.load(path, weights_only=True)
    with torch.no_grad():
        assert torch.equal(load(path).network(brain), network(brain))


@pytest.mark.parametrize("legacy", [False, True])
def test_a_training_checkpoint_from_cuda_with_numpy_scalars_loads(tmp_path, brain, monkeypatch, legacy):
    network = random_network(lambda: MriNet(mrinet.MriNetArchitecture(width=4)))
    training = {
        "model_state_dict": {f"module.{key}": value for key, value in network.state_dict().items()},
        "optimizer_state_dict": {"state": {0: {"exp_avg": torch.rand(3)}}, "param_groups": [{"lr": np.float64(1e-3)}]},
        "val_metrics": {"acc": np.float32(0.9), "better": np.bool_(True), "n": np.int64(7)},
    }
    path = tmp_path / "best_model"
    with monkeypatch.context() as patch:
        patch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:1")
        torch.save(training, path, _use_new_zipfile_serialization=not legacy)
    assert b"cuda:1" in path.read_bytes()
    with torch.no_grad():
        torch.testing.assert_close(
            load(path).network.logits(brain), published.mrinet(network.state_dict(), brain), rtol=1e-5, atol=1e-6
        )


def test_storages_named_as_old_torch_named_those_on_cuda_load(tmp_path, brain):
    network = random_network(lambda: MriNet(mrinet.MriNetArchitecture(width=4)))
    path = tmp_path / "best_model"
    torch.save(network.state_dict(), path, _use_new_zipfile_serialization=False)
    data = path.read_bytes()
    # Protocol 2 writes a global as `c`, module, newline, name, newline; older torch used the device's own class.
    old = data.replace(b"ctorch\nFloatStorage\n", b"ctorch.cuda\nFloatStorage\n")
    assert old != data
    path.write_bytes(old)
    with torch.no_grad():
        assert torch.equal(load(path).network(brain), network(brain))


def test_a_network_of_classes_has_no_embedding_and_says_so(tmp_path):
    torch.save(MriNet(mrinet.MriNetArchitecture(width=2)).state_dict(), tmp_path / "sex.pt")
    image = ModelInput(np.random.default_rng(0).random((1, 1, 58, 70, 58), np.float32), Grid((58, 70, 58), np.eye(4)))
    with pytest.raises(InputError, match="answers with classes") as caught:
        attribute(load(tmp_path / "sex.pt"), image, target=Target("embedding"))
    assert caught.value.exit_code == 3
    assert caught.value.hint


def test_a_network_for_images_of_another_size_names_the_card(tmp_path):
    torch.save(MriNet(mrinet.MriNetArchitecture(width=2, positions=64)).state_dict(), tmp_path / "sex.pt")
    with pytest.raises(CheckpointError, match="58 x 70 x 58") as caught:
        load(tmp_path / "sex.pt")
    assert "sex.json" in caught.value.hint


SMALL = ad3dcnn.AD3DCNNArchitecture(widths=(2, 3, 4, 4, 6), bits=8)


def test_codes_and_logits_are_the_published_ones(tmp_path):
    state = random_network(lambda: AD3DCNN(SMALL)).state_dict()
    torch.save({f"module.{key}": value for key, value in state.items()}, tmp_path / "net.pt")
    model = load(tmp_path / "net.pt")
    assert model.description["bits"] == 8
    assert model.description["widths"] == [2, 3, 4, 4, 6]
    x = torch.rand(1, 1, 158, 190, 158)
    with torch.no_grad():
        codes, logits, code_logits = published.ad3dcnn(state, x)
        torch.testing.assert_close(model.network(x), codes, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.network.logits(x), logits, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(model.network.code_logits(x), code_logits, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bits", [8, 16, 64])
def test_the_code_length_comes_from_the_file(bits):
    layout = ad3dcnn.AD3DCNNArchitecture(bits=bits)
    with torch.device("meta"):
        network = AD3DCNN(layout)
    assert (
        ad3dcnn.AD3DCNNArchitecture.of({key: tuple(value.shape) for key, value in network.state_dict().items()})
        == layout
    )
    assert network.codes3[0].in_features == 256
    assert network(torch.empty(1, 1, 182, 218, 182, device="meta")).shape == (1, bits)


@pytest.mark.parametrize("gone", ["classifier3.1.weight", "codes3.0.bias", "feature_extractor.31.weight"])
def test_a_missing_head_ends_in_one_sentence(tmp_path, gone):
    state = AD3DCNN(SMALL).state_dict()
    del state[gone]
    torch.save(state, tmp_path / "net.pt")
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path / "net.pt")
    assert gone in str(caught.value)
    assert caught.value.hint
