"""`dataset.json`: what a data set is, how it was made, and what a network trained on it has to state of its input."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any

from wbtools.errors import InputError, UnreadableFile, missing_folder
from wbtools.output.ownership import read_plain
from wbtools.subject.containment import DATA_SET
from wbtools.text import lengths
from wbtools.version import __version__

NAME, IMAGES = DATA_SET
ITEMS = "items.tsv"
"""Files of a data set; without the first it is not finished."""

UNFINISHED = "dataset.unfinished.json"
"""What a data set has in place of its manifest while it is made."""

FORMAT = 1
"""Version of the folder's form."""

SUBJECT_SAYS = "Notice in the subject's folder: "
"""How the remark begins that repeats a subject's notice."""

_REMAKE = "make it again with wbtools prepare"


class Kind(Enum):
    """What the images are."""

    VOLUMES = "volumes"
    """Scans as networks are given them, (C, X, Y, Z), float32."""
    SLICES = "slices"
    """Both halves of axial slices, one mirrored, (2, H, W), uint8."""
    PICTURES = "pictures"
    """Plain pictures, (C, H, W), uint8."""

    @property
    def dtype(self) -> str:
        """Of the array."""
        return "float32" if self is Kind.VOLUMES else "uint8"

    @property
    def axes(self) -> int:
        """Of one image, channels included."""
        return 4 if self is Kind.VOLUMES else 3


@dataclass(frozen=True)
class Manifest:
    """What a data set is.

    Parameters
    ----------
    kind : Kind
    shape : tuple of int
        Of one image, channels first.
    count : int
        Of images.
    card : mapping
        Fields that the card of a network trained on these images takes over; empty for pictures and slices.
    source : str
        The form of what it was made of, such as `study`; no path.
    settings : mapping
        How images were prepared, JSON values.
    images_sha256, items_sha256 : str
        Of the two other files.
    inputs_sha256 : str
        Of the names of all inputs.
    code_sha256 : str
        Of the code that prepared the images.
    wbtools : str
        The version.
    left_out : mapping of str to str
        Why something is not in it, by its source.
    remarks : mapping of str to tuple of str
        What had to be decided to prepare images, and for which, by their sources.

    Raises
    ------
    InputError
        If kind and shape do not fit.
    """

    kind: Kind
    shape: tuple[int, ...]
    count: int
    card: Mapping[str, Any] = field(default_factory=dict)
    source: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    images_sha256: str = ""
    items_sha256: str = ""
    inputs_sha256: str = ""
    code_sha256: str = ""
    wbtools: str = __version__
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_shape(self.kind, self.shape)
        if self.count < 1:
            raise InputError("a data set needs an image")

    @property
    def array_shape(self) -> tuple[int, ...]:
        """Of all images."""
        return (self.count, *self.shape)

    @property
    def bytes(self) -> int:
        """Of all images, without the file's header."""
        return math.prod(self.array_shape) * (4 if self.kind.dtype == "float32" else 1)

    @property
    def synthetic(self) -> bool:
        """Whether nobody was scanned for these images."""
        return self.settings.get("synthetic") is True

    @property
    def notices(self) -> tuple[str, ...]:
        """What the folders of subjects say of them, such as that they are built-in and no people."""
        return tuple(said.removeprefix(SUBJECT_SAYS) for said in self.remarks if said.startswith(SUBJECT_SAYS))

    def dumps(self) -> str:
        """As JSON."""
        record = {
            "wbtools": self.wbtools,
            "dataset": FORMAT,
            "kind": self.kind.value,
            "shape": list(self.shape),
            "dtype": self.kind.dtype,
            "count": self.count,
            "card": dict(self.card),
            "source": self.source,
            "settings": dict(self.settings),
            "remarks": {said: list(sources) for said, sources in self.remarks.items()},
            "left_out": dict(self.left_out),
            "inputs_sha256": self.inputs_sha256,
            "code_sha256": self.code_sha256,
            "outputs_sha256": {IMAGES: self.images_sha256, ITEMS: self.items_sha256},
        }
        return json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def require_shape(kind: Kind, shape: tuple[int, ...]) -> None:
    """Raise InputError unless images of a kind can have a shape, channels first."""
    if len(shape) != kind.axes or not all(type(n) is int and 0 < n <= 1 << 16 for n in shape):
        raise InputError(f"{kind.value} of shape {lengths(shape)} are none")


def read(folder: Path) -> Manifest:
    """Read the manifest of a data set.

    Raises
    ------
    InputError
        If there is none, or it is damaged or of another version.
    """
    path = folder / NAME
    try:
        found = json.loads(read_plain(path))
    except (FileNotFoundError, NotADirectoryError):
        raise _missing(folder) from None
    except RecursionError:
        raise InputError(f"{path} is nested too deeply", hint=_REMAKE) from None
    except json.JSONDecodeError as error:
        raise InputError(f"{path} is not valid JSON: {error}", hint=_REMAKE) from None
    except (OSError, ValueError) as error:
        raise UnreadableFile(path, error) from None
    if not isinstance(found, dict) or "dataset" not in found:
        raise InputError(f"{path} is no record of a data set of wbtools", hint=_REMAKE)
    if found["dataset"] != FORMAT:
        raise InputError(
            f"{path} has the form {found['dataset']!r}, this wbtools reads {FORMAT}",
            hint="update wbtools, or " + _REMAKE,
        )
    try:
        return _manifest(found)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{path} is damaged ({type(error).__name__}: {error})", hint=_REMAKE) from None
    except InputError as error:
        raise error.about(path, hint=_REMAKE) from None


def _manifest(found: Mapping[str, Any]) -> Manifest:
    kind, hashes = Kind(found["kind"]), found["outputs_sha256"]
    if found["dtype"] != kind.dtype:
        raise ValueError(f"{kind.value} of dtype {found['dtype']}")
    return Manifest(
        kind,
        tuple(found["shape"]),
        int(found["count"]),
        dict(found["card"]),
        str(found["source"]),
        dict(found["settings"]),
        str(hashes[IMAGES]),
        str(hashes[ITEMS]),
        str(found["inputs_sha256"]),
        str(found["code_sha256"]),
        str(found["wbtools"]),
        {str(name): str(why) for name, why in found["left_out"].items()},
        {str(said): _sources(given) for said, given in found["remarks"].items()},
    )


def _sources(given: object) -> tuple[str, ...]:
    """The sources of a remark; none where only their number was kept, as in earlier data sets."""
    return tuple(map(str, given)) if isinstance(given, list) else ()


def _missing(folder: Path) -> InputError:
    """The error for a folder without a manifest."""
    if not folder.is_dir():
        return missing_folder(folder, "give the folder that wbtools prepare made")
    if (folder / UNFINISHED).exists():
        return InputError(f"{folder} is not finished", hint="run the same wbtools prepare again; it resumes")
    return InputError(f"{folder} is no data set: it has no {NAME}", hint="give the folder that wbtools prepare made")
