"""Every family with an embedding can be explained: batch norms merge, and relevance is conserved."""

import numpy as np
import pytest
import torch
from random_networks import random_network
from zennit.canonizers import NamedMergeBatchNorm
from zennit.core import Composite

from wbtools.attribution import attribute
from wbtools.model import Card, ModelInput, load
from wbtools.model import card as cards
from wbtools.model.families import ad3dcnn, densenet, mrinet, resnet
from wbtools.space.grid import Grid

HEAD = {"hidden": 32, "embedding": 16}
DEEP = {"planes": (8, 12, 16, 24), "stem": 8, "bottleneck": True}
NETWORKS = {
    "resnet": lambda: resnet.ResNet(resnet.ResNetArchitecture(planes=(16, 16, 32, 32), stem=16, **HEAD)),
    "bottleneck": lambda: resnet.ResNet(resnet.ResNetArchitecture(blocks=(1, 2, 1, 1), **DEEP, **HEAD)),
    "densenet": lambda: densenet.DenseNet(
        densenet.DenseNetArchitecture(layers=(2, 3, 2), growth=8, inner=16, stem=16, **HEAD)
    ),
    "ad3dcnn": lambda: ad3dcnn.AD3DCNN(ad3dcnn.AD3DCNNArchitecture(widths=(4, 8, 8), positions=1)),
    "mrinet": lambda: mrinet.MriNet(mrinet.MriNetArchitecture(width=4, positions=27)),
    "mrinet twin": lambda: mrinet.MriNetTwin(mrinet.MriNetArchitecture(width=4, positions=27, twin=True)),
}
SHAPE = (40, 40, 40)


def brain():
    """A smooth ball of 12 voxels radius in an empty field, (1, 1, X, Y, Z)."""
    noise = torch.rand(1, 1, *SHAPE, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.avg_pool3d(noise, 5, stride=1, padding=2)
    inside = sum((axis - 20) ** 2 for axis in torch.meshgrid(*map(torch.arange, SHAPE), indexing="ij")) < 12**2
    return (0.2 + 0.6 * smooth) * inside


@pytest.mark.parametrize("name", NETWORKS)
def test_merging_the_named_batch_norms_changes_nothing(name):
    network = random_network(NETWORKS[name])
    answer = network.logits if name.startswith("mrinet") else network.raw
    pairs = [([conv], norm) for conv, norm in network.batch_norms()]
    with torch.no_grad():
        expected = answer(brain())
        with Composite(canonizers=[NamedMergeBatchNorm(pairs)]).context(network):
            assert all(network.get_submodule(norm).running_var.eq(1).all() for _, norm in network.batch_norms())
            torch.testing.assert_close(answer(brain()), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet", "bottleneck", "densenet", "ad3dcnn"])
def test_relevance_of_every_embedding_is_conserved(tmp_path, name):
    network = random_network(NETWORKS[name])
    torch.save(network.state_dict(), tmp_path / "net.pt")
    family = {"bottleneck": "resnet"}.get(name, name)
    cards.write(tmp_path / "net.json", Card(name="net", title="net", family=family, shape=SHAPE))
    found = attribute(load(tmp_path / "net.pt"), ModelInput(brain().numpy(), Grid(SHAPE, np.eye(4))), "lrp")
    assert found.conservation == pytest.approx(1, abs=0.01)
    assert found.background == pytest.approx(0, abs=1e-3)
