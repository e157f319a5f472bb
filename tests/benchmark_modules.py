"""Modules of benchmarks, which are commands and not on the path."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def imported(name: str) -> ModuleType:
    """A module of `benchmarks/`, by its name from there."""
    sys.path.insert(0, str(BENCHMARKS))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(BENCHMARKS))
