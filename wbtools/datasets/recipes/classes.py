"""Classes (S3): scans at 58 x 70 x 58 with the scanner's intensities, and a class such as sex."""

from __future__ import annotations

from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData
from wbtools.datasets.recipes.known import require_classes
from wbtools.datasets.recipes.volumes import as_family
from wbtools.model.families.mrinet import FAMILY

RECIPE = RecipeData("classes", "a class, such as sex (S3)", Kind.VOLUMES, as_family(FAMILY.card), require_classes)
