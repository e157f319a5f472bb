"""What methods of explanation and families of networks are, in words, and which works they come from.

The names are those of `wbtools.attribution.registry` and `wbtools.model.families`, which import torch; a test compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Described:
    """Something that a methods text has to name.

    Parameters
    ----------
    words : str
        What it is, as a noun.
    keys : tuple of str
        The works that it comes from.
    library : str
        Name of the library that computes it; empty for wbtools itself.
    then : str
        A sentence on what became of it.
    """

    words: str
    keys: tuple[str, ...] = ()
    library: str = ""
    then: str = ""


LIBRARIES = {"captum": "kokhlikyan2020", "zennit": "anders2021"}
"""The works on libraries that compute maps."""

_LRP = "layer-wise relevance propagation"
_DEVIATION = f"deviation LRP: {_LRP} of the answer's change from a reference brain to this one"
_DEVIATION_KEYS = ("bach2015", "shrikumar2017")
_NOISY = "the gradients over noisy copies of the image"
_INPUT = ", times the image"
_DIFFERENCE = ", times the image's difference from a reference brain"
_SQUARED = (", times the square of the image", ", times the square of its difference from a reference brain")


def _zennit(rule: str, *keys: str) -> Described:
    return Described(f"{_LRP} by the {rule}", ("bach2015", *keys), "zennit")


def _deviation(then: str) -> Described:
    return Described(_DEVIATION, _DEVIATION_KEYS, then=then)


def _captum(words: str, *keys: str) -> Described:
    return Described(words, keys, "captum")


def _integrated(baseline: str) -> Described:
    return _captum(f"integrated gradients from {baseline}", "sundararajan2017", "sturmfels2020")


def _moments(name: str, moment: str, keys: tuple[str, ...], products: tuple[str, str]) -> dict[str, Described]:
    """A moment of gradients under noise, alone and as both products."""
    ends = {"": "", "-x-input": products[0], "-x-difference": products[1]}
    return {f"{name}{end}": Described(f"{moment} of {_NOISY}{words}", keys) for end, words in ends.items()}


METHODS: Mapping[str, Described] = {
    "lrp": Described(f"{_LRP} by the z-plus rule, without biases", ("bach2015", "montavon2017", "arras2017")),
    "deviation": _deviation("The map was the mean over references."),
    "deviation-magnitude": _deviation("The map was the mean magnitude over references."),
    "deviation-squared": _deviation("The map was the root mean square over references."),
    "deviation-smooth": _deviation(
        "The map was the root mean square over references and, weighted by a Gaussian, over neighbouring voxels."
    ),
    "deviation-moved": _deviation("The map was the mean magnitude over several places of the reference brain."),
    "lrp-epsilon": _zennit("epsilon rule"),
    "lrp-gamma": _zennit("gamma rule", "montavon2019"),
    "lrp-alpha-beta": _zennit("alpha-beta rule"),
    "lrp-flat": _zennit("z-plus rule, flat in the first convolution", "montavon2017", "lapuschkin2017"),
    "lrp-w-square": _zennit("z-plus rule, w-square in the first convolution", "montavon2017"),
    "lrp-box": _zennit("z-plus rule, box in the first convolution", "montavon2017"),
    "integrated-gradients": _integrated("a reference brain"),
    "integrated-gradients-zero": _integrated("an empty image"),
    "integrated-gradients-blurred": _integrated("the blurred image"),
    "gradient": _captum("the gradient of the score", "simonyan2014"),
    "gradient-x-input": _captum(f"the gradient of the score{_INPUT}", "shrikumar2016"),
    "gradient-x-difference": _captum(f"the gradient of the score{_DIFFERENCE}", "shrikumar2016"),
    **_moments("smoothgrad", "the mean", ("smilkov2017",), (_INPUT, _DIFFERENCE)),
    **_moments("smoothgrad-squared", "the mean square", ("smilkov2017", "hooker2019"), _SQUARED),
    **_moments("vargrad", "the variance", ("adebayo2018local",), _SQUARED),
    "guided-backprop": _captum("guided backpropagation", "springenberg2015"),
    "activation-gradients": Described(
        "the mean magnitude of the gradients of the last convolution's channels", ("kan2020",)
    ),
    "grad-cam": _captum("Grad-CAM on the features of the last convolution", "selvaraju2017"),
    "hires-cam": _captum("HiResCAM on the features of the last convolution", "draelos2020"),
    "occlusion": _captum("occlusion of the atlas regions, each by the reference brain's voxels", "zeiler2014"),
    "meaningful-perturbation": Described("meaningful perturbation of the image by a mask", ("fong2017", "kan2020")),
    "attention": Described("the coefficients of the network's own spatial attention", ("woo2018",)),
}
"""By the names that are the choices of `--method`."""

FAMILIES: Mapping[str, Described] = {
    "unet": Described("a three-dimensional U-Net encoder", ("ronneberger2015", "kenely")),
    "resnet": Described("a three-dimensional residual network", ("he2016", "kenely")),
    "densenet": Described("a three-dimensional densely connected network", ("huang2017", "kenely")),
    "mrinet": Described("a three-dimensional convolutional network for classification", ("kan2020",)),
    "stacks": Described("a two-dimensional residual network on stacks of slices", ("he2016", "kan2020")),
    "ad3dcnn": Described("a three-dimensional convolutional network for hash codes and classes", ("alexsisay",)),
    "hemispheres": Described("a two-dimensional Siamese network that compared the halves of axial slices"),
    "contrastive": Described("a two-dimensional densely connected network on axial slices", ("huang2017",)),
}
"""By the names of families of checkpoints."""

BACKBONES: Mapping[str, str] = {
    "resnet": "he2016",
    "resnext": "xie2017",
    "mobilenet": "howard2019",
    "vgg": "simonyan2015",
    "efficientnet": "tan2021",
}
"""The works on backbones, by how their names begin."""

GATED = "woo2018"
"""The work on the attention that blocks of several families may end in."""

OF_GATES = "arras2017"
"""The work on the rule for gates, which networks without attention do not need."""
