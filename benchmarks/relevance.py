"""What a relevance map costs: the engine of wbtools against zennit, in forward passes of the same network.

    python benchmarks/relevance.py                 the families as published, at 86 x 103 x 86 (about 20 minutes)
    python benchmarks/relevance.py --quick         small networks on a small grid (about a minute)
    python benchmarks/relevance.py --only DenseNet networks whose names contain this

Every row is measured in a process of its own, because the peak of memory is a process's. A forward pass is timed before
and after each thing measured, and the row gives the ratio of processor times to the mean of the two. zennit's 128
passes are not run: the first and a few further ones over the same forward pass are measured, and the rest is
extrapolated. Weights are random, batch norms far from trivial; images are textured balls. Nothing of that changes the
cost.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from functools import partial

import torch
from torch import nn
from torch.nn.functional import normalize
from torch.nn.utils.fusion import fuse_conv_bn_eval

from wbtools.attribution.autograd.lrp_by_zennit import PositiveParts
from wbtools.attribution.autograd.propagation import SignalTakesAll
from wbtools.attribution.engine import (
    PLAIN,
    Z_PLUS,
    DifferencePropagator,
    Kept,
    Propagator,
    RelevancePropagator,
    RuleSet,
    dimension_seeds,
    mean_absolute,
    seeds,
)
from wbtools.attribution.engine.signal import S
from wbtools.attribution.runtime.memory import reused
from wbtools.model.families import densenet, resnet, unet
from wbtools.model.families.embedding_head import Embedder
from wbtools.model.junctions import Add, Gate

PUBLISHED: dict[str, Callable[[], Embedder]] = {
    "U-Net 32..256": lambda: unet.UNet(unet.UNetArchitecture()),
    "U-Net 64..1024": lambda: unet.UNet(unet.UNetArchitecture((64, 128, 256, 512, 1024), attention=(1, 2, 3, 4))),
    "ResNet 10": lambda: resnet.ResNet(resnet.ResNetArchitecture()),
    "DenseNet 121": lambda: densenet.DenseNet(densenet.DenseNetArchitecture()),
}
SMALL: dict[str, Callable[[], Embedder]] = {
    "U-Net 8..32": lambda: unet.UNet(unet.UNetArchitecture((8, 16, 32), embedding=32)),
    "ResNet 10, 8..64": lambda: resnet.ResNet(resnet.ResNetArchitecture(planes=(8, 16, 32, 64), stem=8, embedding=32)),
    "DenseNet 3-4-3": lambda: densenet.DenseNet(densenet.DenseNetArchitecture((3, 4, 3), 8, 32, 16, embedding=32)),
}
ROWS = ("plain", "lrp", "deviation", "deviation of 8", "plain mean", "deviation mean", "zennit")
"""`plain` has zennit's rules, z-plus in every layer; `lrp` is what `--method lrp` does: nothing is lost.
`deviation of 8` is what the default, `deviation-smooth`, does with 8 references."""

REFERENCES = 8

FURTHER = 2
"""Passes of zennit after the first that are measured."""


def lively(build: Callable[[], Embedder]) -> Embedder:
    """A network with random weights and batch norms far from trivial."""
    torch.manual_seed(0)
    network = build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm3d):
            assert module.running_mean is not None and module.running_var is not None
            module.weight.data.uniform_(0.5, 1.5)
            module.bias.data.normal_(0, 0.3)
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.3, 2)
    return network.eval().requires_grad_(False)


def balls(shape: tuple[int, int, int]) -> torch.Tensor:
    """An image and a reference, (2, 1, X, Y, Z)."""
    torch.manual_seed(1)
    radius = torch.stack(torch.meshgrid(*(torch.linspace(-1, 1, n) for n in shape), indexing="ij")).norm(dim=0)
    return torch.stack([(radius < r) * torch.rand(shape) for r in (0.8, 0.78)])[:, None]


def seconds(task: Callable[[], object]) -> float:
    """Processor time that it takes, once: what else the machine does is no part of it."""
    start = time.process_time()
    task()
    return time.process_time() - start


def peak() -> float:
    """Most memory this process has had, GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "linux" else 2**30)


def sent_back(propagator: Propagator[S], row: str) -> dict[str, float]:
    """Send relevance back, of the embedding or of all its dimensions; what is known of it then."""
    if row.endswith("mean"):
        return {"rank": mean_absolute(propagator, dimension_seeds(propagator))[1]}
    seed = seeds(propagator, normalize(propagator.output, dim=1) / propagator.output.norm())
    relevance = propagator.relevance(seed)
    return {"conserved": float(relevance.sum(dtype=torch.float64) / seed.sum(dtype=torch.float64))}


def of_several(network: Embedder, image: torch.Tensor, reference: torch.Tensor) -> dict[str, float]:
    """Maps against several references; what is conserved in all of them together."""
    kept, total = Kept(), 0.0
    for number in range(REFERENCES):
        propagator = DifferencePropagator(network, image, reference.roll(number, 2), magnitudes=False, kept=kept)
        total += sent_back(propagator, "")["conserved"] / REFERENCES
        del propagator  # as `explain_over` does: each needs much memory
    return {"conserved": total}


def measure(network: Embedder, images: torch.Tensor, row: str) -> dict[str, float]:
    """One row: its cost in forward passes, and what else is known of it."""
    notes: dict[str, float] = {}

    def ours() -> None:
        if row == "deviation of 8":
            notes.update(of_several(network, images[:1], images[1:]))
        elif row.startswith("deviation"):
            notes.update(sent_back(DifferencePropagator(network, images[:1], images[1:]), row))
        else:
            notes.update(
                sent_back(RelevancePropagator(network, images[:1], PLAIN if row == "lrp" else RuleSet(Z_PLUS)), row)
            )

    def forward() -> None:
        with torch.no_grad():
            network.raw(images[:1])

    if row == "zennit":
        return by_zennit(network, images[:1], forward)
    forward()
    before = seconds(forward)
    taken = seconds(ours)
    unit = (before + seconds(forward)) / 2
    return {"forwards": taken / unit, "forward": unit, "peak": peak(), **notes}


def by_zennit(network: Embedder, image: torch.Tensor, forward: Callable[[], None]) -> dict[str, float]:
    """z-plus by zennit, with the rules that `plain` has: one pass, and all dimensions by extrapolation."""
    from zennit.core import Composite, Hook
    from zennit.rules import Epsilon, Norm, Pass, ZPlus

    fused = deepcopy(network)
    for pair in network.batch_norms():
        convolution, norm = (fused.get_submodule(name) for name in pair)
        assert isinstance(convolution, nn.Conv3d) and isinstance(norm, nn.BatchNorm3d)
        for name, module in zip(pair, (fuse_conv_bn_eval(convolution, norm), nn.Identity()), strict=True):
            parent, _, child = name.rpartition(".")
            setattr(fused.get_submodule(parent), child, module)
    rules: dict[type[nn.Module] | tuple[type[nn.Module], ...], Hook] = {
        nn.Conv3d: ZPlus(1e-12, zero_params="bias"),
        nn.Linear: Epsilon(1e-12, zero_params="bias"),
        (nn.AdaptiveAvgPool3d, nn.AvgPool3d): Norm(1e-12),
        (nn.ReLU, nn.BatchNorm3d): Pass(),
        Gate: SignalTakesAll(),
        Add: PositiveParts((torch.ones(()), torch.ones(()))),
    }

    def rule(context: object, name: str, module: nn.Module) -> object:
        found = (r for kind, r in rules.items() if isinstance(module, kind))
        return None if "_attention" in name else next(found, None)

    forward()
    before = seconds(forward)
    with Composite(rule).context(fused.requires_grad_(False)):
        watched = image.clone().requires_grad_()
        start = time.process_time()
        v = fused.raw(watched)
        seeds = torch.diag(v.detach()[0])
        torch.autograd.grad(v, watched, seeds[:1], retain_graph=True)
        first = time.process_time() - start
        further = sum(
            seconds(partial(torch.autograd.grad, v, watched, seed[None], retain_graph=True))
            for seed in seeds[1 : 1 + FURTHER]
        )
    unit = (before + seconds(forward)) / 2
    everything = first + further / FURTHER * (len(seeds) - 1)
    return {"forwards": first / unit, "all": everything / unit, "forward": unit, "peak": peak()}


def table(quick: bool, only: str = "") -> None:
    """Measure and print everything."""
    print(f"{'network':18}{'row':16}{'forwards':>10}{'peak GB':>9}  notes")
    for name in (name for name in (SMALL if quick else PUBLISHED) if only in name):
        found = {}
        for row in ROWS:
            command = [sys.executable, __file__, "--row", name, row, *(["--quick"] if quick else [])]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found[row] = cost = json.loads(done.stdout.splitlines()[-1])
            notes = [f"one forward {cost['forward']:.2f} s"]
            if "conserved" in cost:
                notes.append(f"conserved {cost['conserved']:.4f}")
            if "rank" in cost:
                notes.append(f"mean |R| over all dimensions, rank {cost['rank']}")
            if "all" in cost:
                notes.append(f"all dimensions {cost['all']:.0f} forwards (extrapolated)")
            print(f"{name:18}{row:16}{cost['forwards']:10.1f}{cost['peak']:9.2f}  {', '.join(notes)}", flush=True)
        ratio = found["zennit"]["all"] / found["plain mean"]["forwards"]
        print(f"{name:18}mean |R| over all dimensions: {ratio:.0f} times cheaper than zennit's passes\n", flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small networks on a small grid")
    parser.add_argument("--only", default="", help="networks whose names contain this")
    parser.add_argument("--row", nargs=2, metavar=("NETWORK", "ROW"), help="one row only, as JSON")
    given = parser.parse_args()
    if given.row is None:
        table(given.quick, given.only)
        return
    name, row = given.row
    network = lively((SMALL if given.quick else PUBLISHED)[name])
    with reused():  # as exports do
        print(json.dumps(measure(network, balls((40, 44, 42) if given.quick else (86, 103, 86)), row)))


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    main()
