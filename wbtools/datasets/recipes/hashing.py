"""Retrieval by hash codes (S5): scans at 182 x 218 x 182, and classes by which people are alike."""

from __future__ import annotations

from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData
from wbtools.datasets.recipes.known import require_classes
from wbtools.datasets.recipes.volumes import as_family
from wbtools.model.families.ad3dcnn import FAMILY

RECIPE = RecipeData("hashing", "codes for retrieval (S5)", Kind.VOLUMES, as_family(FAMILY.card), require_classes)
