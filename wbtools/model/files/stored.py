"""The tensors in a file of `torch.save`: what it says of them, and their values if the file holds them whole."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wbtools.errors import CheckpointError
from wbtools.model.files.pickled import GlobalName, PersistentId, Reduced

if TYPE_CHECKING:
    import torch
    from torch import Tensor

STORAGES = {
    "Float": "float32",
    "Double": "float64",
    "Half": "float16",
    "BFloat16": "bfloat16",
    "Byte": "uint8",
    "Char": "int8",
    "Short": "int16",
    "Int": "int32",
    "Long": "int64",
    "Bool": "bool",
    "ComplexFloat": "complex64",
    "ComplexDouble": "complex128",
    "QInt8": "int8",
    "QUInt8": "uint8",
    "QInt32": "int32",
    "QUInt4x2": "uint8",
    "QUInt2x4": "uint8",
}
"""Types of numbers by the names that storages have."""

_TYPES = frozenset(
    (
        *("float32", "float64", "float16", "bfloat16"),
        *("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float8_e8m0fnu"),
        *("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64", "bool"),
    )
)
"""Types of numbers that are read."""

_WRAPPERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")
_PARAMETER = "torch.nn.parameter.Parameter"
_DENSE = tuple(f"torch._utils._rebuild_tensor{version}" for version in ("", "_v2", "_v3"))
_SUBCLASS = "torch._tensor._rebuild_from_type_v2"
_OTHERS = {
    "torch._utils._rebuild_meta_tensor_no_storage": (
        "has no values in {key} (a tensor on the device 'meta')",
        "save the network after it was given its weights",
    ),
    "torch._utils._rebuild_qtensor": (
        "has quantised values in {key}",
        "save the network as it was before quantisation, or {key}.dequantize()",
    ),
    "torch._utils._rebuild_sparse_tensor": ("has a sparse tensor in {key}", "save {key}.to_dense()"),
    "torch._utils._rebuild_sparse_csr_tensor": ("has a sparse tensor in {key}", "save {key}.to_dense()"),
    "torch._utils._rebuild_nested_tensor": ("has a nested tensor in {key}", "save tensors of one shape each"),
    "torch._utils._rebuild_wrapper_subclass": ("has no plain tensor in {key}", "save plain tensors"),
    "torch._utils._rebuild_device_tensor_from_numpy": (
        "has a tensor of another kind of device in {key}",
        "move the network to the processor before it is saved: network.cpu()",
    ),
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": (
        "has a tensor of another kind of device in {key}",
        "move the network to the processor before it is saved: network.cpu()",
    ),
}
"""Tensors that cannot be read, by what makes them: what is said, and what to do."""

TENSORS = frozenset((*_WRAPPERS, _PARAMETER, *_DENSE, _SUBCLASS, *_OTHERS))
"""Everything that makes a tensor of any kind."""

_SLACK = 1 << 20  # bytes of values that may be repeated, as of a number spread over a small buffer


@dataclass(frozen=True)
class Declared:
    """What a file says of a tensor.

    Parameters
    ----------
    kept : tuple
        Where its values are: key and number of bytes.
    dtype : str
    offset : int
        In numbers of its type, as the strides.
    size, stride : tuple of int
    """

    kept: tuple[str, int]
    dtype: str
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]

    @property
    def count(self) -> int:
        """How many numbers it has."""
        return math.prod(self.size)

    @property
    def reach(self) -> int:
        """How many numbers its storage has at least."""
        if not self.count:
            return 0
        return self.offset + 1 + sum((n - 1) * step for n, step in zip(self.size, self.stride, strict=True))


@dataclass(frozen=True, eq=False)
class SavedContent:
    """What is in a file of torch.save.

    Parameters
    ----------
    path : Path
        For messages.
    value : Any
        Plain values; what is no plain value is a `Reduced`, tensors among them.
    fetch : callable
        From a key and a number of bytes to a storage of so many bytes, a tensor of uint8.
    length : int
        Bytes of the file.
    """

    path: Path
    value: Any
    fetch: Callable[[str, int], Tensor]
    length: int

    def tensors(
        self, state: Mapping[str, Any], change: Callable[[str, Tensor], Tensor] = lambda key, value: value
    ) -> dict[str, Tensor]:
        """A mapping's tensors with their values, in its order.

        Parameters
        ----------
        state : mapping
            From names to tensors, as far as `is_tensor` can tell.
        change : callable
            Given each name and tensor as soon as it is read; what it returns is kept.

        Raises
        ------
        CheckpointError
            If a tensor has no plain values, or the file does not hold them.
        """
        declared = {key: self._declared(key, value) for key, value in state.items()}
        self._require_held(declared)
        found: dict[str, Tensor] = {}
        waiting: dict[tuple[str, int], list[str]] = {}
        for key, tensor in declared.items():
            waiting.setdefault(tensor.kept, []).append(key)
        for kept, keys in waiting.items():  # a storage at a time, so that no more than one is held twice
            storage = self.fetch(*kept)
            for key in keys:
                found[key] = change(key, _view(storage, declared[key]))
            del storage
        return {key: found[key] for key in declared}

    def number(self, value: Any) -> float:
        """A plain number, also where it is kept as NumPy's, or as a tensor of one value.

        Raises
        ------
        ValueError and the like
            If it is none.
        """
        if not is_tensor(value):
            return _number(value)
        if math.prod(shape(value) or (0,)) != 1:
            raise ValueError("not one number")
        return float(self.tensors({"a number": value})["a number"])

    def _declared(self, key: str, value: Any) -> Declared:
        """What the file says of one tensor."""
        while isinstance(value, Reduced) and value.name in (*_WRAPPERS, _PARAMETER):
            value = value.arguments[0]
        if isinstance(value, Reduced) and value.name == _SUBCLASS:
            function, _, arguments, *_ = value.arguments
            return self._declared(key, Reduced(function, tuple(arguments)))
        require_plain(self.path, {key: value})
        if not isinstance(value, Reduced) or value.name not in _DENSE:
            raise ValueError(f"{key} is no tensor")
        storage, offset, size, stride, *rest = value.arguments
        dtype, kept = storage_of(storage)
        if value.name == _DENSE[-1]:
            dtype = rest[2].text.removeprefix("torch.")
        if dtype not in _TYPES:
            kind = "complex numbers" if dtype.startswith("complex") else f"numbers of the type {shown(dtype)}"
            raise CheckpointError(f"{self.path} has {kind} in {shown(key)}", hint="save real numbers, as float32")
        return Declared(kept, dtype, _whole(offset), _lengths(size), _lengths(stride))

    def _require_held(self, declared: Mapping[str, Declared]) -> None:
        """Raise CheckpointError or ValueError unless all values are in the file, and none many times."""
        total = 0
        for key, tensor in declared.items():
            width = dtype_named(tensor.dtype).itemsize
            if len(tensor.size) != len(tensor.stride) or len(tensor.size) > 16 or tensor.kept[1] > self.length:
                raise ValueError(f"{key} has {len(tensor.size)} axes")
            if tensor.reach * width > tensor.kept[1]:
                raise ValueError(f"{key} reaches beyond its storage")
            total += tensor.count * width
        if total > 2 * self.length + _SLACK:
            raise CheckpointError(
                f"{self.path} repeats its values: {total / 1e9:,.1f} GB of tensors in {self.length / 1e9:,.3f} GB",
                hint="save tensors that were not expanded: tensor.contiguous()",
            )


def is_tensor(value: Any) -> bool:
    """Whether a value of a file is a tensor of any kind."""
    return isinstance(value, Reduced) and value.name in TENSORS


def require_plain(path: Path, state: Mapping[str, Any]) -> None:
    """Raise CheckpointError that names the first tensor without plain values: quantised, sparse, without any."""
    for key, value in state.items():
        if isinstance(value, Reduced) and value.name in _OTHERS:
            what, hint = (text.format(key=shown(key)) for text in _OTHERS[value.name])
            raise CheckpointError(f"{path} {what}", hint=hint)


def shape(value: Any) -> tuple[int, ...] | None:
    """The shape of a dense tensor of a file, before anything of it is read; None of others.

    Raises
    ------
    ValueError and the like
        If it is damaged.
    """
    while isinstance(value, Reduced) and value.name in (*_WRAPPERS, _PARAMETER):
        value = value.arguments[0]
    if isinstance(value, Reduced) and value.name == _SUBCLASS:
        return shape(Reduced(value.arguments[0], tuple(value.arguments[2])))
    return _lengths(value.arguments[2]) if isinstance(value, Reduced) and value.name in _DENSE else None


def storage_of(value: Any) -> tuple[str, tuple[str, int]]:
    """The type of a storage's numbers, its key, and its bytes."""
    if not isinstance(value, PersistentId):
        raise ValueError("a tensor without a storage")
    word, kind, key, _, count, *view = value.identity
    if (
        word != "storage"
        or not isinstance(kind, GlobalName)
        or not isinstance(key, str)
        or (view and view[0] is not None)
    ):
        raise ValueError("a storage of unknown form")
    name = kind.text.rpartition(".")[2].removesuffix("Storage")
    dtype = "uint8" if name == "Untyped" else STORAGES[name]
    return dtype, (key, _whole(count) * dtype_named(dtype).itemsize)


def dtype_named(name: str) -> torch.dtype:
    """The type of numbers of this name.

    Examples
    --------
    >>> dtype_named("float32").itemsize
    4
    """
    import torch

    found = getattr(torch, name)
    assert isinstance(found, torch.dtype)  # names come from tables of wbtools, not from files
    return found


def _whole(value: Any) -> int:
    """A count, from 0 up."""
    if type(value) is not int or not 0 <= value < 1 << 62:
        raise ValueError(f"a count of {shown(value)}")
    return value


def _lengths(value: Any) -> tuple[int, ...]:
    """Sizes or strides."""
    if isinstance(value, Reduced) and value.name == "torch.Size":
        (value,) = value.arguments
    return tuple(map(_whole, value))


def filled(file: Any, count: int) -> Tensor:
    """The next `count` bytes of a file, a tensor of uint8."""
    import torch

    storage = torch.empty(count, dtype=torch.uint8)
    into, done = memoryview(storage.numpy().data), 0
    while done < count and (more := file.readinto(into[done:])):
        done += more
    if done < count:
        raise EOFError("a storage ends early")
    return storage


def _view(storage: Tensor, declared: Declared) -> Tensor:
    """A tensor in its storage."""
    import torch

    if not declared.count:
        return torch.empty(declared.size, dtype=dtype_named(declared.dtype))
    if declared.dtype == "bool":
        return storage.as_strided(declared.size, declared.stride, declared.offset) != 0
    width = dtype_named(declared.dtype).itemsize
    whole = storage[: len(storage) // width * width].view(dtype_named(declared.dtype))
    return whole.as_strided(declared.size, declared.stride, declared.offset)


def _number(value: Any) -> float:
    """A plain number, also where it is kept as NumPy's."""
    import numpy as np

    if isinstance(value, Reduced) and value.name.endswith("multiarray.scalar"):
        kind, raw = value.arguments
        form = np.dtype(kind.arguments[0])
        if form.kind not in "fiub" or not isinstance(kind, Reduced) or kind.name != "numpy.dtype":
            raise ValueError("no number")
        if isinstance(raw, Reduced) and raw.name == "_codecs.encode":
            raw = raw.arguments[0].encode("latin1")
        return float(np.frombuffer(raw, form)[0])
    if isinstance(value, Reduced):
        raise ValueError("no number")
    return float(value)


def shown(value: Any) -> str:
    """A text of the file in a message: one short line.

    Examples
    --------
    >>> shown("a" + chr(10) + "b")
    'a?b'
    """
    text = str(value)
    return "".join(c if c.isprintable() else "?" for c in text[:80]) + ("..." if len(text) > 80 else "")
