"""Retrieval by hash codes (S5): scans in MNI152's space at 182 x 218 x 182, and classes by which people are alike."""

from __future__ import annotations

from dataclasses import replace

from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData
from wbtools.datasets.recipes.known import require_classes
from wbtools.datasets.recipes.volumes import as_family
from wbtools.model.conventions import STANDARD_SPACE
from wbtools.model.families.ad3dcnn import FAMILY

GRID = replace(FAMILY.card, resampling=STANDARD_SPACE)
"""How published images were prepared: affine to MNI152, N4, intensities over their range."""

RECIPE = RecipeData("hashing", "codes for retrieval (S5)", Kind.VOLUMES, as_family(GRID), require_classes)
