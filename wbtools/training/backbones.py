"""The networks that can be trained, by name: published sizes, and small ones for few people or a slow machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from wbtools.errors import InputError
from wbtools.text import lengths

if TYPE_CHECKING:
    from wbtools.model.card import Card
    from wbtools.model.family import Architecture, Family, Network


@dataclass(frozen=True)
class Sizes:
    """What a network has to fit.

    Parameters
    ----------
    image : tuple of int
        Of one image, channels first.
    classes : int
        0 if there are none.
    code : int
        Values of an embedding or a code; 0 leaves the published number.
    stack : int
        Neighbouring slices that a network of stacks is shown at a time.
    """

    image: tuple[int, ...]
    classes: int = 0
    code: int = 0
    stack: int = 3


@dataclass(frozen=True)
class Backbone:
    """A network that can be trained.

    Parameters
    ----------
    family : str
        Of `wbtools.model.families`.
    architecture : callable
        Widths and depths for what has to be fitted.
    normed : tuple of str
        Linear layers whose output is normalised in training; see `Learner`.
    settings : tuple of str
        Settings of a recipe that say what this network is shown, and mean nothing to others.
    """

    family: str
    architecture: Callable[[Sizes], Architecture]
    normed: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()

    def build(self, sizes: Sizes) -> Network:
        """The network, its weights drawn from torch's generator."""
        return self.known.network(self.architecture(sizes))

    def on_card(self, options: object) -> dict[str, Any]:
        """Fields of the network's card that a recipe's settings say."""
        from wbtools.model.card import Card

        known = {field.name for field in fields(Card)}
        return {name: getattr(options, name) for name in self.settings if name in known}

    def require_fitting(self, sizes: Sizes, card: Card) -> None:
        """Raise InputError if images are too small for the network; nothing is computed."""
        import torch

        from wbtools.model.compatibility import FAILURES

        try:
            with torch.device("meta"):  # shapes only
                tried = self.build(sizes).eval()
                tried.adapt(card)
                if len(sizes.image) == 4:
                    getattr(tried, tried.answers[0])(torch.empty(1, *sizes.image))
        except FAILURES:
            shape = lengths(sizes.image)
            raise InputError(
                f"{self.family} cannot take images of {shape}", hint="prepare larger ones, or choose another --backbone"
            ) from None

    @property
    def known(self) -> Family[Architecture]:
        """Its family."""
        from importlib import import_module

        found: Family[Architecture] = import_module(f"wbtools.model.families.{self.family}").FAMILY
        return found


def _unet(*widths: int) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.unet import UNetArchitecture

        return UNetArchitecture(widths)

    return Backbone("unet", architecture, ("fc1", "fc2"))


def _resnet(blocks: tuple[int, ...], *, bottleneck: bool = False, stem: int = 64) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.resnet import ResNetArchitecture

        planes = tuple(stem * 2**n for n in range(4))
        return ResNetArchitecture(blocks, planes, bottleneck, stem)

    return Backbone("resnet", architecture, ("fc1", "fc2"))


def _densenet(layers: tuple[int, ...], *, growth: int = 32, inner: int = 128, stem: int = 64) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.densenet import DenseNetArchitecture

        return DenseNetArchitecture(layers, growth, inner, stem)

    return Backbone("densenet", architecture, ("fc1", "fc2"))


def _mrinet(width: int) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.mrinet import MriNetArchitecture

        left = [_after(n, stages=3, lost=2) for n in sizes.image[1:]]
        return MriNetArchitecture(width, max(1, math.prod(left)), sizes.classes)

    return Backbone("mrinet", architecture)


def _stacks(blocks: tuple[int, ...], width: int) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.stacks import StacksArchitecture

        return StacksArchitecture(blocks, width, sizes.stack, sizes.classes)

    return Backbone("stacks", architecture, settings=("stack", "plane", "places"))


def _ad3dcnn(widths: tuple[int, ...]) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.ad3dcnn import AD3DCNNArchitecture

        fitting = [n for n in range(1, len(widths) + 1) if min(_after(s, n, lost=4) for s in sizes.image[1:]) > 0]
        stages = max(fitting, default=1)
        left = [_after(n, stages, lost=4) for n in sizes.image[1:]]
        return AD3DCNNArchitecture(widths[:stages], max(1, math.prod(left)), sizes.code, sizes.classes)

    return Backbone("ad3dcnn", architecture, ("codes3.0",))


def _contrastive(layers: tuple[int, ...], *, growth: int = 32, inner: int = 128, stem: int = 64) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.contrastive import ContrastiveArchitecture

        channels = stem
        for place, count in enumerate(layers):
            channels = (channels // 2 if place else channels) + count * growth  # transitions halve what blocks give
        units = (channels, sizes.code)
        return ContrastiveArchitecture(
            head=("classifier",), units=units, layers=layers, growth=growth, inner=inner, stem=stem
        )

    return Backbone("contrastive", architecture)


def _halves(network: str, attribute: str, *units: int) -> Backbone:
    def architecture(sizes: Sizes) -> Architecture:
        from wbtools.model.families.hemispheres import HemispheresArchitecture

        return HemispheresArchitecture(network, attribute, units)

    return Backbone("hemispheres", architecture)


def _after(voxels: int, stages: int, lost: int) -> int:
    """Voxels that are left along an axis after stages that lose some at the ends and halve the rest.

    Examples
    --------
    >>> _after(58, 3, lost=2), _after(182, 5, lost=4), _after(20, 3, lost=2)
    (5, 1, 0)
    """
    for _ in range(stages):
        voxels = max(0, voxels - lost) // 2
    return voxels


BACKBONES: Mapping[str, Backbone] = {
    "unet": _unet(32, 64, 128, 256),
    "unet-medium": _unet(64, 128, 256, 512),
    "unet-large": _unet(64, 128, 256, 512, 1024),
    "unet-tiny": _unet(8, 16, 32, 64),
    "resnet": _resnet((1, 1, 1, 1)),
    "resnet-18": _resnet((2, 2, 2, 2)),
    "resnet-34": _resnet((3, 4, 6, 3)),
    "resnet-50": _resnet((3, 4, 6, 3), bottleneck=True),
    "resnet-tiny": _resnet((1, 1, 1, 1), stem=8),
    "densenet": _densenet((6, 12, 24, 16)),
    "densenet-169": _densenet((6, 12, 32, 32)),
    "densenet-tiny": _densenet((3, 3, 3), growth=8, inner=16, stem=16),
    "mrinet": _mrinet(32),
    "mrinet-small": _mrinet(8),
    "stack-resnet": _stacks((2, 2, 2, 2), 64),
    "stack-resnet-tiny": _stacks((1, 1, 1, 1), 8),
    "densenet121": _contrastive((6, 12, 24, 16)),
    "densenet2d-tiny": _contrastive((3, 3, 3), growth=12, inner=48, stem=24),
    "resnet18": _halves("resnet18", "resnet", 1024, 256, 1),
    "vgg19": _halves("vgg19", "vggnet", 50176, 4096, 4096, 1024, 1),
    "mobilenet_v3_large": _halves("mobilenet_v3_large", "mobnet", 1920, 256, 1),
    "resnext101_64x4d": _halves("resnext101_64x4d", "resnext", 4096, 256, 1),
    "efficientnet_v2_l": _halves("efficientnet_v2_l", "effnet", 2560, 256, 1),
    "halves-resnet-tiny": _halves("resnet_tiny", "resnet", 256, 64, 1),
    "ad3dcnn": _ad3dcnn((8, 16, 32, 64, 128)),
}
"""By name; a recipe says which of them it can train."""


def require_meant(name: str, options: object, usual: object) -> None:
    """Require that a recipe's settings that mean something to other networks only are the usual ones.

    Parameters
    ----------
    name : str
        Of the network.
    options, usual : object
        The recipe's settings as they were given, and as they are without.

    Raises
    ------
    InputError
        If one was changed.
    """
    for setting in dict.fromkeys(each for backbone in BACKBONES.values() for each in backbone.settings):
        meant = [known for known, backbone in BACKBONES.items() if setting in backbone.settings]
        if name not in meant and getattr(options, setting, None) != getattr(usual, setting, None):
            raise InputError(
                f"{setting} is a setting of {' and '.join(meant)}, not of {name}",
                hint=f"leave it out, or give --backbone {meant[0]}",
            )
