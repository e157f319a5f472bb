"""Files of torch.export (`.pt2`), read without torch.export, which would run code that is in them.

`torch.export.load` of torch 2.15 was measured to execute, on the way, pickled sample inputs and weights, the text of
symbolic sizes (through sympy's `eval`) and that of guards (through `exec`). Here only three things are read: the graph,
JSON; the weights, raw bytes, or in older files those of torch.save taken with `weights_only=True`; and their shapes.
"""

from __future__ import annotations

import io
import json
import math
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from wbtools.errors import CheckpointError
from wbtools.model.files import archive, stored, torchfile
from wbtools.model.files.archive import Archive

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SUFFIX = ".pt2"

HINT = "write it again: torch.export.save(torch.export.export(network.eval(), (image,)), file)"
_ANYHOW = "if you trust its author, name a Python function that builds the network: --model package.module:build"
_OLD = "serialized_"  # before archives, up to torch 2.7, the zip's members had such names
_RAW = ("weight_", "tensor_")  # members that hold bytes
_OBJECTS = ("custom_obj_", "opaque_obj_")  # members that hold pickled objects
_DTYPES = ("", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64")
_MORE_DTYPES = {12: "bool", 13: "bfloat16"}
"""torch.export's numbers of the types that networks hold."""

_JSON = 1 << 25  # bytes; a network of a thousand steps takes one megabyte
_NODES = 30_000
_AXES = 16
_SLACK = 1 << 20  # bytes of values that may be repeated


@dataclass(frozen=True, eq=False)
class Program:
    """What an exported file says: a list of operators, and the tensors they use.

    Parameters
    ----------
    nodes : list of dict
        In their order: target, inputs, outputs.
    image, output : str
        Names of the network's input and first output in the graph.
    tensors : mapping
        Weights, buffers and constants, by their name in the graph.
    sizes : mapping
        Of every tensor in the graph, by name; None along axes of any length.
    parameters : int
        Number of values that were trained.
    version : str
        Of the torch that wrote it.
    """

    nodes: list[dict[str, Any]]
    image: str
    output: str
    tensors: Mapping[str, Tensor]
    sizes: Mapping[str, tuple[int | None, ...]]
    parameters: int
    version: str

    def without_values(self) -> Program:
        """The same program with tensors that have shapes only."""
        return replace(self, tensors={name: tensor.to("meta") for name, tensor in self.tensors.items()})


def read(path: Path, file: BinaryIO) -> Program:
    """Read an exported program.

    Parameters
    ----------
    path : Path
        For messages.
    file : binary file

    Raises
    ------
    CheckpointError
        If the file is damaged or of unknown form, holds pickled objects where tensors belong, or is a network of
        several images, or of none.
    """
    try:
        members = Archive.of(path, file)
        return _program(path, _Members(members, {_short(name): name for name in members.sizes}))
    except archive.DAMAGED:
        raise CheckpointError(f"{path} is no file of torch.export, or is damaged", hint=HINT) from None


@dataclass(frozen=True, eq=False)
class _Members:
    """The members of an archive by their short names."""

    archive: Archive
    names: Mapping[str, str]

    def __contains__(self, name: str) -> bool:
        return name in self.names

    def __call__(self, name: str) -> bytes:
        """All of a member."""
        return self.archive.read(self.names[name])

    def parsed(self, name: str) -> Any:
        """A member of JSON."""
        return json.loads(self.archive.read(self.names[name], _JSON))


def _short(member: str) -> str:
    """The name of a member without the folder that holds everything in an archive."""
    return member if member.startswith(_OLD) else member.partition("/")[2]


def _program(path: Path, member: _Members) -> Program:
    graph_file = next((n for n in ("models/model.json", f"{_OLD}exported_program.json") if n in member), None)
    if graph_file is None:
        raise _no_program(path, member)
    if "byteorder" in member and member("byteorder").decode() != sys.byteorder:
        raise CheckpointError(f"{path} was written on a machine with another byte order", hint=HINT)
    _require_harmless(path, member)
    content = member.parsed(graph_file)
    graph, signature = content["graph_module"]["graph"], content["graph_module"]["signature"]
    if len(graph["nodes"]) > _NODES:
        raise CheckpointError(f"{path} has {len(graph['nodes']):,} steps, which no network has", hint=HINT)
    held = {**_stored(path, "constants", member), **_stored(path, "weights", member)}
    image, tensors = _inputs(path, signature["input_specs"], held)
    outputs = [spec for spec in signature["output_specs"] if "user_output" in spec]
    if len(outputs) < len(signature["output_specs"]):
        raise CheckpointError(
            f"{path} changes its image or weights in place, or was exported while training", hint=HINT
        )
    output = outputs[0]["user_output"]["arg"]["as_tensor"]["name"]
    sizes = {name: tuple(map(_length, value["sizes"])) for name, value in graph["tensor_values"].items()}
    if not {image, output} <= sizes.keys():
        raise KeyError("a graph whose image or answer has no size")
    trained = {spec["parameter"]["arg"]["name"] for spec in signature["input_specs"] if "parameter" in spec}
    count = sum(tensors[name].numel() for name in trained)
    return Program(graph["nodes"], image, output, tensors, sizes, count, str(content.get("torch_version", "unknown")))


def _no_program(path: Path, member: _Members) -> CheckpointError:
    if any(name.endswith("data.pkl") for name in member.names.values()):
        return CheckpointError(
            f"{path} is a checkpoint or a TorchScript program, no file of torch.export", hint="give it a name in .pt"
        )
    compiled = any(name.startswith("data/aotinductor/") for name in member.names)
    return CheckpointError(
        f"{path} holds no exported program" + (", only compiled code" if compiled else ""), hint=HINT
    )


def _require_harmless(path: Path, member: _Members) -> None:
    """Raise CheckpointError if a member, used or not, is a pickle with code: such a file was tampered with."""
    for name in member.names:
        if name.rpartition("/")[2].startswith(_OBJECTS):
            raise _refused(path, name)
        if name.endswith(".pt") and (data := member(name)):
            _pickled(path, data)


def _pickled(path: Path, data: bytes) -> stored.SavedContent:
    """What is in a member that torch.save wrote."""
    return torchfile.read(path, io.BytesIO(data))


def _refused(path: Path, name: str) -> CheckpointError:
    return CheckpointError(
        f"{path} was refused: '{name}' in it is a pickled object, and loading that could run code", hint=_ANYHOW
    )


def _inputs(path: Path, specs: list[Any], held: Mapping[str, Tensor]) -> tuple[str, dict[str, Tensor]]:
    """The name of the image in the graph, and the tensors by theirs."""
    images: list[str] = []
    tensors: dict[str, Tensor] = {}
    for spec in specs:
        (kind, value), *_ = spec.items()
        if kind == "user_input":
            images += [name["name"] for form, name in value["arg"].items() if form == "as_tensor"]
        elif kind in ("parameter", "buffer", "tensor_constant"):
            tensors[value["arg"]["name"]] = held[value[f"{kind}_name"]]
        elif kind != "constant_input":
            raise CheckpointError(f"{path} takes an object of kind {kind}, which no image is", hint=_ANYHOW)
    if len(images) != 1:
        raise CheckpointError(f"{path} does not take one image, but {len(images)} tensors", hint=HINT)
    return images[0], tensors


def _length(size: Mapping[str, Any]) -> int | None:
    """A length, None if it is an expression, which is never evaluated."""
    return _size(size) if "as_int" in size else None


def _stored(path: Path, kind: str, member: _Members) -> Mapping[str, Tensor]:
    """Tensors of one kind by their names in the network: raw bytes, or a file of torch.save in older archives."""
    old = {"weights": f"{_OLD}state_dict.pt", "constants": f"{_OLD}constants.pt"}[kind]
    for name in (f"data/{kind}/model.pt", old):
        if name in member:
            data = member(name)
            return _table(path, _pickled(path, data)) if data else {}
    entries = member.parsed(f"data/{kind}/model_{kind}_config.json")["config"]
    for name, entry in entries.items():
        if entry["use_pickle"] or not entry["path_name"].startswith(_RAW):
            raise _refused(path, name)
    claimed = sum(_count(entry["tensor_meta"]) for entry in entries.values())
    if claimed > 2 * sum(member.archive.sizes.values()) + _SLACK:
        raise CheckpointError(f"{path} repeats its values: {claimed / 1e9:,.1f} GB of weights", hint=HINT)
    return {
        name: _tensor(member(f"data/{kind}/{entry['path_name']}"), entry["tensor_meta"])
        for name, entry in entries.items()
    }


def _table(path: Path, content: stored.SavedContent) -> Mapping[str, Tensor]:
    """A mapping of tensors."""
    if not isinstance(content.value, Mapping) or not all(map(stored.is_tensor, content.value.values())):
        raise CheckpointError(f"{path} holds no table of weights", hint=HINT)
    return content.tensors({str(key): value for key, value in content.value.items()})


def _count(meta: Mapping[str, Any]) -> int:
    """Bytes of a tensor's values."""
    return math.prod(_size(n) for n in meta["sizes"]) * dtype(meta["dtype"]).itemsize


def _size(size: Mapping[str, Any]) -> int:
    """A length or stride, which has to be a whole number from 0 up."""
    number = size["as_int"]
    if type(number) is not int or not 0 <= number < 1 << 62:
        raise ValueError(f"a size of {stored.shown(number)}")
    return number


def dtype(number: int) -> torch.dtype:
    """A type of numbers, from torch.export's number for it.

    Raises
    ------
    ValueError
        If networks hold no such numbers.
    """
    name = _MORE_DTYPES.get(number) or (_DTYPES[number] if type(number) is int and 0 < number < len(_DTYPES) else None)
    if type(number) is not int or name is None:
        raise ValueError(f"numbers of type {stored.shown(number)}")
    return stored.dtype_named(name)


def _tensor(data: bytes, meta: Mapping[str, Any]) -> Tensor:
    """A tensor from the bytes of its storage; torch refuses shapes that reach beyond them."""
    import torch

    sizes, strides = ([_size(n) for n in meta[key]] for key in ("sizes", "strides"))
    if len(sizes) != len(strides) or len(sizes) > _AXES:
        raise ValueError("sizes without strides")
    if not data:
        return torch.empty(sizes, dtype=dtype(meta["dtype"])) if 0 in sizes else torch.empty(0).view(sizes)
    storage = torch.frombuffer(bytearray(data), dtype=torch.uint8)
    if (kind := dtype(meta["dtype"])) == torch.bool:
        return storage.as_strided(sizes, strides, _size(meta["storage_offset"])) != 0
    return storage.view(kind).as_strided(sizes, strides, _size(meta["storage_offset"]))
