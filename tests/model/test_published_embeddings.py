"""ResNets and DenseNets of system S1 load as published and give the published embeddings."""

import numpy as np
import published
import pytest
import torch
from random_networks import random_network

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model import known_families, load
from wbtools.model.families import densenet, resnet
from wbtools.model.families.densenet import DenseNet
from wbtools.model.families.resnet import ResNet

NARROW = {"planes": (4, 6, 8, 10), "stem": 4, "hidden": 14, "embedding": 7}
THIN = {"growth": 4, "inner": 6, "stem": 6, "hidden": 14, "embedding": 7}
RESNETS = {
    10: resnet.ResNetArchitecture(**NARROW),
    18: resnet.ResNetArchitecture(blocks=(2, 2, 2, 2), attention=(1, 4), **NARROW),
    34: resnet.ResNetArchitecture(blocks=(3, 4, 6, 3), attention=(), **NARROW),
    50: resnet.ResNetArchitecture(blocks=(3, 4, 6, 3), bottleneck=True, attention=(1, 2, 3, 4), **NARROW),
    101: resnet.ResNetArchitecture(blocks=(3, 4, 23, 3), bottleneck=True, attention=(3,), **NARROW),
    152: resnet.ResNetArchitecture(blocks=(3, 8, 36, 3), bottleneck=True, attention=(2,)),
    200: resnet.ResNetArchitecture(blocks=(3, 24, 36, 3), bottleneck=True, attention=(4,)),
}
DENSENETS = {
    121: densenet.DenseNetArchitecture(**THIN),
    169: densenet.DenseNetArchitecture(layers=(6, 12, 32, 32), attention=(1, 3)),
    201: densenet.DenseNetArchitecture(layers=(6, 12, 48, 32), attention=(), **THIN),
    264: densenet.DenseNetArchitecture(layers=(6, 12, 64, 48), attention=(1, 2, 3, 4)),
}
NETWORKS = [
    *(pytest.param(ResNet, RESNETS[depth], published.resnet, depth, id=f"resnet{depth}") for depth in (10, 18, 34, 50)),
    *(pytest.param(DenseNet, DENSENETS[i], published.densenet, i, id=f"densenet{i}") for i in (121, 201)),
]


@pytest.mark.parametrize(
    ("module", "build", "layouts"), [(resnet, ResNet, RESNETS), (densenet, DenseNet, DENSENETS)], ids=["res", "dense"]
)
def test_every_depth_is_read_from_names_and_shapes(module, build, layouts):
    for depth, layout in layouts.items():
        with torch.device("meta"):
            shapes = {key: tuple(value.shape) for key, value in build(layout).state_dict().items()}
        assert [family.name for family in known_families() if family.recognises(shapes)] == [module.FAMILY.name]
        assert module.FAMILY.architecture.of(shapes) == layout
        assert layout.depth == depth


def written(tmp_path, content):
    torch.save(content, tmp_path / "net.pt")
    return tmp_path / "net.pt"


@pytest.mark.parametrize(("build", "layout", "forward", "depth"), NETWORKS)
def test_a_published_checkpoint_gives_the_published_embedding(tmp_path, build, layout, forward, depth):
    state = random_network(lambda: build(layout)).state_dict()
    state = {f"module.{key}": value for key, value in state.items()} if depth % 2 else state
    model = load(written(tmp_path, {"model_state_dict": state, "threshold": None}))
    assert model.description["depth"] == depth
    assert model.description["attention"] == list(layout.attention)
    assert model.description["embedding"] == 7
    assert model.card.assumed
    # In float64 nothing but the wiring can differ: narrow and deep networks amplify float32 rounding to 1e-4.
    network, x = model.network.double(), torch.rand(1, 1, 17, 36, 34, dtype=torch.float64)
    with torch.no_grad():
        torch.testing.assert_close(network(x), forward(network.state_dict(), x), rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("build", "forward", "parameters"),
    [(resnet.ResNet, published.resnet, 14_564_416), (densenet.DenseNet, published.densenet, 11_836_160)],
)
def test_the_published_widths_give_the_published_embedding(tmp_path, build, forward, parameters):
    module = {ResNet: resnet, DenseNet: densenet}[build]
    state = random_network(lambda: build(module.FAMILY.architecture())).state_dict()
    metrics = {"auc": np.float64(0.95), "epoch": np.int64(12)}
    training = {"model_state_dict": state, "threshold": np.float64(0.31), "val_metrics": metrics, "epoch": 12}
    model = load(written(tmp_path, training))
    assert model.threshold == 0.31
    assert sum(p.numel() for p in model.network.parameters()) == parameters
    x = torch.rand(1, 1, 18, 33, 32)
    with torch.no_grad():
        torch.testing.assert_close(model.network(x), forward(state, x), rtol=0, atol=1e-6)


def test_attention_of_a_dense_block_acts_twice():
    layout = densenet.DenseNetArchitecture(layers=(1,), attention=(1,), **THIN)
    network = random_network(lambda: DenseNet(layout))
    block = network.features.denseblock1
    x = torch.rand(1, 6, 4, 4, 4)
    with torch.no_grad():
        once = published.attend(network.state_dict(), "features.denseblock1", block.denselayer1(x))
        twice = published.attend(network.state_dict(), "features.denseblock1", once)
        torch.testing.assert_close(block(x), twice)
    assert not torch.allclose(once, twice, rtol=1e-2)


@pytest.mark.parametrize("block", ["BasicBlock", "Bottleneck"])
def test_a_resnet_on_equal_slices_is_torchvisions_resnet(block):
    from torchvision.models import resnet as torchvision

    reference = torchvision.ResNet(getattr(torchvision, block), [2, 1, 2, 1])
    reference.conv1 = torch.nn.Conv2d(1, 64, 7, stride=2, padding=3, bias=False)
    reference.fc = torch.nn.Identity()
    for layer, dilation in ((reference.layer3, 2), (reference.layer4, 4)):
        for module in layer.modules():
            if isinstance(module, torch.nn.Conv2d):
                module.stride = (1, 1)
                if module.kernel_size == (3, 3):
                    module.dilation = module.padding = (dilation, dilation)
    reference = randomised(reference)
    layout = resnet.ResNetArchitecture(blocks=(2, 1, 2, 1), bottleneck=block == "Bottleneck", attention=())
    assert_equal_on_slices(ResNet(layout), reference, slices=3)


def test_a_densenet_on_equal_slices_is_torchvisions_densenet():
    from torchvision.models.densenet import DenseNet as Reference

    reference = Reference(growth_rate=8, block_config=(2, 3, 2, 2), num_init_features=16)
    reference.features.conv0 = torch.nn.Conv2d(1, 16, 7, stride=2, padding=3, bias=False)
    reference.classifier = torch.nn.Identity()
    layout = densenet.DenseNetArchitecture(layers=(2, 3, 2, 2), growth=8, inner=32, stem=16, attention=())
    assert_equal_on_slices(DenseNet(layout), randomised(reference), slices=16)


def randomised(reference):
    torch.manual_seed(1)
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.3, 2)
            module.bias.data.normal_(0, 0.3)
    return reference.eval()


def assert_equal_on_slices(network, reference, slices):
    """Give a 3-D network a 2-D one's weights, each kernel in its middle plane; compare them on equal slices."""
    trunk = [value for key, value in network.state_dict().items() if not key.startswith(("fc", "bn_fc"))]
    for target, source in zip(trunk, reference.state_dict().values(), strict=True):
        if target.ndim == 5:
            target.zero_()[:, :, target.shape[2] // 2] = source
        else:
            target.copy_(source)
    x = torch.rand(1, 1, 64, 64)
    with torch.no_grad():
        features = network.eval().trunk(x[:, :, None].expand(-1, -1, slices, -1, -1))
        torch.testing.assert_close(features.mean((2, 3, 4)), reference(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("build", [ResNet, DenseNet])
def test_no_module_with_a_rule_is_called_twice_and_no_input_is_overwritten(build):
    layout = (
        resnet.ResNetArchitecture(**NARROW) if build is ResNet else densenet.DenseNetArchitecture(layers=(2, 2), **THIN)
    )
    network = random_network(lambda: build(layout))
    calls, inputs = [], []
    for name, module in network.named_modules():
        if not list(module.children()) and "attention" not in name:

            def note(module, given, name=name):
                calls.append(name)
                inputs.append((given[0], given[0].clone()))

            module.register_forward_pre_hook(note)
    with torch.no_grad():
        network(torch.rand(1, 1, 16, 24, 24))
    assert len(calls) == len(set(calls))
    assert all(torch.equal(now, then) for now, then in inputs)


@pytest.mark.parametrize(
    ("build", "layout", "gone"),
    [
        (ResNet, RESNETS[10], "layer3.0.conv1.weight"),
        (ResNet, RESNETS[10], "conv1.weight"),
        (ResNet, RESNETS[50], "layer2.1.bn3.weight"),
        (DenseNet, DENSENETS[121], "features.denseblock1.denselayer1.conv2.weight"),
        (DenseNet, DENSENETS[121], "features.transition2.conv.weight"),
        (DenseNet, DENSENETS[121], "features.denseblock4.denselayer1.conv1.weight"),
    ],
)
def test_a_missing_tensor_ends_in_one_sentence(tmp_path, build, layout, gone):
    state = build(layout).state_dict()
    del state[gone]
    with pytest.raises(CheckpointError) as caught:
        load(written(tmp_path, state))
    assert "net.pt" in str(caught.value)
    assert caught.value.hint


def test_a_card_whose_images_are_too_small_is_refused(tmp_path):
    path = written(tmp_path, DenseNet(DENSENETS[121]).state_dict())
    cards.write(cards.beside(path), cards.Card(name="x", title="x", family="densenet", shape=(8, 8, 8)))
    with pytest.raises(CheckpointError, match="8 x 8 x 8"):
        load(path)
