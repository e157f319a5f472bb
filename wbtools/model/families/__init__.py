"""The published families of networks, a file for each, and the blocks they share.

**To add a family**, write one module with a constant `FAMILY` and add its name to `FAMILIES`: its checkpoints are then
recognised, and `wbtools models` and messages list it. torch is imported by the modules, not by this one.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wbtools.model.family import Family

FAMILIES = ("unet", "resnet", "densenet", "mrinet", "stacks", "ad3dcnn", "hemispheres", "contrastive")
"""Modules of this package that hold a family, in the order in which they are asked."""


def known_families() -> tuple[Family[Any], ...]:
    """The families whose checkpoints can be read.

    Examples
    --------
    >>> {"unet", "resnet"} <= {family.name for family in known_families()}
    True
    """
    return tuple(import_module(f"{__name__}.{name}").FAMILY for name in FAMILIES)
