"""What networks learn from: images in one memory-mapped array, what is known of each, and how they are split.

A data set is a folder: `dataset.json` says what it is, `items.tsv` has a line for every image, `images.npy` holds them.
"""

from wbtools.datasets.dataset import DataSet, open_data
from wbtools.datasets.draft import Draft, write_data
from wbtools.datasets.items import Item
from wbtools.datasets.manifest import Kind, Manifest
from wbtools.datasets.plan import Plan
from wbtools.datasets.split import PARTS, Split, check_leaks, folds_of, split_of

__all__ = [
    "PARTS",
    "DataSet",
    "Draft",
    "Item",
    "Kind",
    "Manifest",
    "Plan",
    "Split",
    "check_leaks",
    "folds_of",
    "open_data",
    "split_of",
    "write_data",
]
