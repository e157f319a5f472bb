"""GIFTI metrics and labels of one hemisphere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from wbtools.anatomy import Colour, Hemisphere, Region
from wbtools.errors import InputError

if TYPE_CHECKING:
    from nibabel.gifti import GiftiDataArray, GiftiImage

LabelTable = dict[int, tuple[str, Colour]]
"""Name and colour by key."""


def write_metrics(
    path: Path,
    maps: Mapping[str, NDArray[np.floating]],
    hemisphere: Hemisphere,
    palettes: Mapping[str, str] | None = None,
    notice: str = "",
) -> None:
    """Write maps of one value per vertex.

    Parameters
    ----------
    path : Path
        Ends in `.func.gii` or `.shape.gii`.
    maps : mapping of str to ndarray, (V,)
        By map name, in file order; written as float32.
    hemisphere : Hemisphere
    palettes : mapping of str to str, optional
        `PaletteColorMapping` elements by map name; other maps get Workbench's default.
    notice : str
        Kept in the file's metadata.
    """
    from nibabel.gifti import GiftiDataArray, GiftiMetaData

    palettes = palettes or {}
    arrays = []
    for name, values in maps.items():
        meta = {"Name": name}
        if name in palettes:
            meta["PaletteColorMapping"] = palettes[name]
        numbers = np.asarray(values, np.float32)
        arrays.append(GiftiDataArray(numbers, "NIFTI_INTENT_NONE", "NIFTI_TYPE_FLOAT32", meta=GiftiMetaData(meta)))
    _save(path, arrays, hemisphere, notice)


def write_labels(
    path: Path,
    keys: NDArray[np.integer],
    regions: Sequence[Region],
    hemisphere: Hemisphere,
    map_name: str,
    notice: str = "",
) -> None:
    """Write one label per vertex, with names and colours.

    Parameters
    ----------
    path : Path
        Ends in `.label.gii`.
    keys : ndarray, (V,), int
        Written as int32, the only type that Workbench reads.
    regions : sequence of Region
        The label table; key 0 is added as `???`, invisible.
    hemisphere : Hemisphere
    map_name, notice : str
    """
    from nibabel.gifti import GiftiDataArray, GiftiLabel, GiftiLabelTable, GiftiMetaData

    table = GiftiLabelTable()
    rows = [(0, "???", (1.0, 1.0, 1.0, 0.0)), *((r.key, r.name, r.colour) for r in regions)]
    for key, name, colour in rows:
        label = GiftiLabel(key, *colour)
        label.label = name
        table.labels.append(label)
    numbers = np.asarray(keys, np.int32)
    array = GiftiDataArray(numbers, "NIFTI_INTENT_LABEL", "NIFTI_TYPE_INT32", meta=GiftiMetaData({"Name": map_name}))
    _save(path, [array], hemisphere, notice, table)


def read_metrics(path: Path, hemisphere: Hemisphere | None = None) -> dict[str, NDArray[np.float32]]:
    """Read maps of one value per vertex.

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere, optional
        The side the caller expects; a file that names the other side is refused.

    Returns
    -------
    dict of str to ndarray, (V,), float32
        By map name; unnamed maps are `#1`, `#2`, ..., and a name that an earlier map has gets its number added.

    Raises
    ------
    InputError
        If the file is missing, damaged, of the other hemisphere, or holds no values per vertex.
    """
    image = _load(path, hemisphere)
    arrays = [array for array in image.darrays if array.data is not None and array.data.ndim == 1]
    if not arrays or len({len(array.data) for array in arrays}) != 1:
        raise InputError(f"{path} holds no values per vertex", mend="give a .func.gii or .shape.gii file")
    found: dict[str, NDArray[np.float32]] = {}
    for count, array in enumerate(arrays, 1):
        name = dict(array.meta).get("Name") or f"#{count}"
        found[f"{name} #{count}" if name in found else name] = np.asarray(array.data, np.float32)
    return found


def read_labels(path: Path, hemisphere: Hemisphere | None = None) -> tuple[NDArray[np.int32], LabelTable]:
    """Read the first label map and its table.

    Parameters
    ----------
    path : Path
    hemisphere : Hemisphere, optional
        The side the caller expects.

    Returns
    -------
    keys : ndarray, (V,), int32
    table : dict of int to (str, Colour)

    Raises
    ------
    InputError
        If the file is missing, damaged, of the other hemisphere, or holds no labels.
    """
    image = _load(path, hemisphere)
    maps = image.get_arrays_from_intent("NIFTI_INTENT_LABEL")
    if not maps or maps[0].data is None:
        raise InputError(f"{path} holds no labels", mend="give a .label.gii file")
    table: LabelTable = {label.key: (label.label or "", label.rgba) for label in image.labeltable.labels}
    return np.asarray(maps[0].data, np.int32), table


def _save(
    path: Path, arrays: Sequence[GiftiDataArray], hemisphere: Hemisphere, notice: str, table: object = None
) -> None:
    """Write the arrays with metadata that names the hemisphere and, if given, the notice."""
    import nibabel
    from nibabel.gifti import GiftiImage, GiftiMetaData

    meta = {"AnatomicalStructurePrimary": hemisphere.cortex.gifti}
    if notice:
        meta["Notice"] = notice
    nibabel.save(GiftiImage(meta=GiftiMetaData(meta), labeltable=table, darrays=list(arrays)), path)


def _load(path: Path, hemisphere: Hemisphere | None) -> GiftiImage:
    """A GIFTI file, of the expected hemisphere if it names one."""
    from nibabel.gifti import GiftiImage

    try:
        image = GiftiImage.from_filename(str(path))
    except FileNotFoundError:
        raise InputError(f"{path} does not exist", mend="check the subject folder") from None
    except OSError:
        raise
    except Exception as error:  # nibabel lets expat, zlib and base64 errors of every kind through
        raise InputError(f"{path} is not a readable GIFTI file ({error})", mend="copy the file again") from None
    if image is None:
        raise InputError(f"{path} is not a complete GIFTI file", mend="copy the file again")
    declared = dict(image.meta).get("AnatomicalStructurePrimary", "")
    if hemisphere and declared.startswith("Cortex") and declared != hemisphere.cortex.gifti:
        raise InputError(
            f"{path} says it is {declared}, not {hemisphere.cortex.gifti}", mend="swap the file names back"
        )
    return image
