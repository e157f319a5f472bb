"""Files of `torch.save`, read as plain values.

Both forms are read, archives and the older rows of pickles, of every pickle protocol. torch itself is not asked: its
reader cannot take all protocols, and reserves memory for whatever a file claims to hold.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wbtools.errors import CheckpointError
from wbtools.model.files import archive as archives
from wbtools.model.files import pickled, source
from wbtools.model.files.archive import Archive
from wbtools.model.files.pickled import PersistentId, Reduced
from wbtools.model.files.stored import STORAGES, TENSORS, SavedContent, dtype_named, filled, shown, storage_of

if TYPE_CHECKING:
    from torch import Tensor

_MAGIC = 0x1950A86A20F9469CFC6C  # the first number in an older file
_PLAIN = ("bool", "bytearray", "complex", "dict", "float", "int", "list", "set", "str", "tuple")
_NUMPY = ("scalar", "_reconstruct")
_SCHEMES = ("per_tensor_affine", "per_tensor_symmetric", "per_channel_affine", "per_channel_symmetric")
_PACKAGES = {
    "builtins": _PLAIN,
    "__builtin__": _PLAIN,
    "collections": ("Counter", "OrderedDict", "defaultdict"),
    "numpy": ("dtype", "ndarray"),
    "numpy.core.multiarray": _NUMPY,
    "numpy._core.multiarray": _NUMPY,
    "argparse": ("Namespace",),
    "_codecs": ("encode",),
    "torch": ("Size", "Tensor", "device", "per_channel_affine_float_qparams", *_SCHEMES),
    "torch.storage": ("TypedStorage", "UntypedStorage"),
    "torch.serialization": ("_get_layout",),
}
"""What a checkpoint may name: plain containers and numbers. Nothing of it is ever called."""


def read(path: Path, file: BinaryIO) -> SavedContent:
    """Read a file of torch.save; its tensors wait.

    Raises
    ------
    CheckpointError
        If it holds code, or is another kind of archive.
    ValueError and others of `archive.DAMAGED`
        If it is damaged or something else.
    """
    start = file.read(len(archives.MAGIC))
    file.seek(0)
    try:
        return _from_archive(path, file) if start == archives.MAGIC else _from_row(path, file)
    except pickled.TooLong as error:
        raise CheckpointError(
            f"{path} was refused: it holds {error}, which no checkpoint has",
            hint="save only the state dict: torch.save(network.state_dict(), file)",
        ) from None


def _from_archive(path: Path, file: BinaryIO) -> SavedContent:
    archive = Archive.of(path, file, _require_no_program)
    folder = next((name[: -len("data.pkl")] for name in archive.sizes if name.endswith("data.pkl")), None)
    if folder is None:
        raise ValueError("no data.pkl")
    order = archive.read(f"{folder}byteorder", 16).decode() if f"{folder}byteorder" in archive.sizes else sys.byteorder
    if order != sys.byteorder:
        raise CheckpointError(f"{path} was written on a machine with another byte order", hint="write it again here")
    value, names = pickled.read(archive.open(f"{folder}data.pkl"))
    _require_harmless(path, names)

    def fetch(key: str, count: int) -> Tensor:
        member = f"{folder}data/{key}"
        if archive.sizes[member] != count:
            raise ValueError(f"{member} has {archive.sizes[member]} bytes, not {count}")
        with archive.open(member) as values:
            return filled(values, count)

    return SavedContent(path, value, fetch, source.size(file))


def _require_no_program(path: Path, names: Iterable[str]) -> None:
    """Raise CheckpointError for archives of torch that hold no checkpoint, but something to run."""
    names = list(names)
    if any("/code/" in name or name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(
            f"{path} is a TorchScript program, which holds code",
            hint="save its state dict: torch.save(torch.jit.load(FILE).state_dict(), NEW); "
            "or export the network with torch.export as a .pt2 file",
        )
    if any(name.endswith(("models/model.json", "serialized_exported_program.json")) for name in names):
        raise CheckpointError(f"{path} is a program of torch.export", hint="give it a name that ends in .pt2")
    if any("/.data/extern_modules" in name for name in names):
        raise CheckpointError(
            f"{path} is a torch.package, which holds code", hint="save only the state dict of its network"
        )


def _from_row(path: Path, file: BinaryIO) -> SavedContent:
    """The older form: four pickles in a row, then the storages."""
    number, _ = pickled.read(file)
    if number != _MAGIC:
        raise ValueError("the first number is another")
    pickled.read(file)  # the form's version
    machine, _ = pickled.read(file)
    if isinstance(machine, dict) and machine.get("little_endian", True) != (sys.byteorder == "little"):
        raise CheckpointError(f"{path} was written on a machine with another byte order", hint="write it again here")
    value, names = pickled.read(file)
    _require_harmless(path, names)
    keys, _ = pickled.read(file)
    length, places = source.size(file), {}
    widths = _widths(value)
    for key in keys:
        count = int.from_bytes(file.read(8), "little") * widths[key]
        places[key] = (file.tell(), count)
        if file.tell() + count > length:
            raise EOFError("the storages end early")
        file.seek(count, 1)

    def fetch(key: str, count: int) -> Tensor:
        place, held = places[key]
        if held != count:
            raise ValueError(f"storage {key} has {held} bytes, not {count}")
        file.seek(place)
        return filled(file, count)

    return SavedContent(path, value, fetch, length)


def _widths(value: Any) -> dict[str, int]:
    """Bytes of one number of every storage, by key, wherever in a value it is named."""
    found: dict[str, int] = {}
    waiting, seen = [value], set()
    while waiting:
        this = waiting.pop()
        if isinstance(this, PersistentId):
            kind, (key, _) = storage_of(this)
            found[key] = dtype_named(kind).itemsize
            continue
        if not isinstance(this, (dict, list, tuple, Reduced)) or id(this) in seen:
            continue
        seen.add(id(this))
        if isinstance(this, dict):
            waiting += [*this.keys(), *this.values()]
        else:
            waiting += [*this.arguments, this.state] if isinstance(this, Reduced) else this
    return found


def _require_harmless(path: Path, names: tuple[str, ...]) -> None:
    """Raise CheckpointError if anything is named that is no plain container, number or tensor."""
    for name in names:
        package, _, last = name.rpartition(".")
        plain = last in _PACKAGES.get(package, ()) or name in TENSORS
        if not plain and not _is_type(package, last):
            raise CheckpointError(
                f"{path} was refused: it holds the Python object '{shown(name)}', and loading that could run code",
                hint="save only the state dict: torch.save(network.state_dict(), file)",
            )


def _is_type(package: str, name: str) -> bool:
    """Whether a name is that of a type of numbers, or of storages and tensors of it."""
    import torch

    if package == "torch" and isinstance(getattr(torch, name, None), torch.dtype):
        return True
    kind = name.removesuffix("Storage") if name.endswith("Storage") else name.removesuffix("Tensor")
    return kind in STORAGES and kind != name and package in ("torch", "torch.cuda", "torch.storage")
