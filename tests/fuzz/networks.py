"""Checkpoints, safetensors files, cards and exported programs, damaged byte by byte and field by field."""

from __future__ import annotations

import copy
import io
import json
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from fuzz.targets import Seed, Target

if TYPE_CHECKING:
    import torch

WHOLE = (
    *(0, 1, -1, 2, 3, 5, 6, 7, 8, 11, 13, 17, 44, 64, 77, 255, 1000),
    *(2**15, 2**16, 2**20, 2**31 - 1, 2**31, 2**32, 2**40, 2**62, 2**63 - 1, -(2**31), -(2**63), 10**18, 10**30),
)
REAL = (0.0, -1.0, 0.5, 1e-30, 1e30, 1e308, "Infinity", "-Infinity", "NaN", "x")
WORDS = (
    *("", "x", "none", "replicate", "circular", "valid", "same", "tanh", "sum", "ij,jk", "bhij->i", "\0", "\ud800"),
    *("a" * 3000, "torch.ops.aten.relu.default", "torch.ops.aten.view.default", "torch.ops.aten.as_strided.default"),
    *("torch.ops.aten.zeros.default", "torch.ops.aten.unbind.int", "torch.ops.aten.embedding.default"),
    *("torch.ops.aten.index.Tensor", "torch.ops.aten.native_batch_norm.default", "_operator.floordiv"),
)
FORMS = (
    *("as_int", "as_ints", "as_float", "as_floats", "as_bool", "as_string", "as_none", "as_tensor", "as_tensors"),
    *("as_scalar_type", "as_memory_format", "as_layout", "as_device", "as_sym_int", "as_sym_ints", "as_name"),
    *("as_optional_tensor", "as_optional_tensors", "as_graph", "as_custom_obj", "as_complex"),
)


def rewritten(data: bytes, random: Random) -> bytes:
    """An exported program with fields of its graph replaced, swapped or taken away."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    names = [name for name in members if name.endswith("models/model.json")]
    if random.random() < 0.15:
        names = [name for name in members if name.endswith(".json")]
    name = random.choice(names)
    content = json.loads(members[name])
    part = content["graph_module"]["graph"] if "graph_module" in content and random.random() < 0.9 else content
    other = "nodes" in part and random.random() < 0.35
    for _ in range(random.choice((1, 1, 1, 2, 3, 8))):
        exchanged(part, random) if other else changed(part, random)
    members[name] = json.dumps(content).encode("utf-8", "surrogatepass")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return stream.getvalue()


def exchanged(graph: dict[str, Any], random: Random) -> None:
    """Let a step call another operator of the list, with arguments of the right forms and odd values."""
    import torch

    from wbtools.model.imported import operators

    name = random.choice(sorted(operators.ALLOWED)) + random.choice(("", "", "", "_"))
    packet = getattr(torch.ops.aten, name, None)
    if packet is None:
        return
    overload = random.choice(packet.overloads())
    step = random.choice(graph["nodes"])
    names = list(graph["tensor_values"])
    step["target"] = f"torch.ops.aten.{name}.{overload}"
    step["inputs"] = [
        {"name": argument.name, "arg": _argument(str(argument.real_type), names, random), "kind": 1}
        for argument in getattr(packet, overload)._schema.arguments
        if random.random() < (0.3 if argument.has_default_value() else 0.98)
    ]


def _argument(kind: str, names: list[str], random: Random) -> dict[str, Any]:
    """An argument of a type, in torch.export's form."""
    if kind.startswith("Optional["):
        if random.random() < 0.3:
            return {"as_none": True}
        kind = kind.removeprefix("Optional[").removesuffix("]")
    numbers = (-7, -2, -1, 0, 0, 1, 1, 1, 2, 2, 3, 4, 8, 100, 2**31, -(2**40), 2**62)
    whole: Callable[[], int] = lambda: random.choice(numbers)  # noqa: E731
    several = range(random.choice((0, 1, 1, 2, 3, 3, 3, 5, 6)))
    tensor: Callable[[], dict[str, str]] = lambda: {"name": random.choice(names)}  # noqa: E731
    forms: dict[str, Callable[[], dict[str, Any]]] = {
        "Tensor": lambda: {"as_tensor": tensor()},
        "int": lambda: {"as_int": whole()},
        "float": lambda: {"as_float": random.choice((0.0, 1e-5, 1.0, -1.0, 2.0, 1e30, "NaN", "Infinity"))},
        "number": lambda: random.choice(({"as_int": whole()}, {"as_float": 0.5}, {"as_bool": True})),
        "bool": lambda: {"as_bool": random.random() < 0.5},
        "str": lambda: {"as_string": random.choice(WORDS)},
        "ScalarType": lambda: {"as_scalar_type": random.choice((1, 3, 4, 5, 6, 7, 8, 12, 13, 99))},
        "Layout": lambda: {"as_layout": random.choice((0, 1, 7, 8))},
        "MemoryFormat": lambda: {"as_memory_format": random.choice((0, 1, 2, 3, 4, 9))},
        "Device": lambda: {"as_device": {"type": random.choice(("cpu", "cuda", "meta", "x")), "index": None}},
        "List[Tensor]": lambda: {"as_tensors": [tensor() for _ in several]},
        "List[Optional[Tensor]]": lambda: {"as_optional_tensors": [{"as_tensor": tensor()} for _ in several]},
        "List[int]": lambda: {"as_ints": [whole() for _ in several]},
        "List[float]": lambda: {"as_floats": [0.5 for _ in several]},
        "List[bool]": lambda: {"as_bools": [random.random() < 0.5 for _ in several]},
    }
    return forms.get(kind, forms["int"])()


def places(content: Any, wanted: tuple[type, ...]) -> list[tuple[Any, Any]]:
    """Containers and keys of all values of some types."""
    found, waiting = [], [content]
    while waiting:
        this = waiting.pop()
        for key, value in this.items() if isinstance(this, dict) else enumerate(this):
            if isinstance(value, wanted):
                found.append((this, key))
            if isinstance(value, (dict, list)):
                waiting.append(value)
    return found


def changed(content: Any, random: Random) -> None:
    """Change one place in JSON."""
    kind = random.choice(("number", "number", "number", "word", "form", "swap", "list", "remove", "target", "type"))
    if kind == "number":
        _put(places(content, (int, float)), random, lambda old: random.choice((*WHOLE, *REAL, not old)))
    elif kind == "word":
        _put(places(content, (str,)), random, lambda old: random.choice(WORDS))
    elif kind == "target":
        _put([at for at in places(content, (str,)) if at[1] == "target"], random, lambda old: random.choice(WORDS))
    elif kind == "list":
        _put(places(content, (list,)), random, lambda old: _listed(old, random))
    elif kind == "type":
        odd: tuple[object, ...] = (None, [], {}, 0, "x", True, [[]], {"as_int": 0}, {"as_none": True}, [0] * 9)
        _put(places(content, (object,)), random, lambda old: copy.deepcopy(random.choice(odd)))
    elif kind == "form":
        found = [(this, key) for this, key in places(content, (object,)) if str(key).startswith("as_")]
        if found:
            this, key = random.choice(found)
            this[random.choice(FORMS)] = this.pop(key)
    elif kind == "remove":
        if found := places(content, (object,)):
            this, key = random.choice(found)
            del this[key]
    else:
        found = places(content, (dict,))
        if len(found) > 1:
            (a, k), (b, m) = random.sample(found, 2)
            a[k], b[m] = copy.deepcopy(b[m]), copy.deepcopy(a[k])


def _put(found: list[tuple[Any, Any]], random: Random, new: Any) -> None:
    if found:
        this, key = random.choice(found)
        this[key] = new(this[key])


def _listed(old: list[Any], random: Random) -> list[Any]:
    """A list that is longer, shorter or in another order."""
    return random.choice((old + old, old[1:], old[:1], old[::-1], [], old * 50))


def ran(path: Path) -> object:
    """Read an exported program, and let it answer."""
    import torch

    from wbtools.model import load

    torch.set_num_threads(1)  # the process may be a fork of one that had threads
    model = load(path)
    image = torch.rand(1, 1, *model.card.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return model.network(image)


def state() -> dict[str, torch.Tensor]:
    """A small U-Net's."""
    from random_networks import random_unet

    from wbtools.model.families.unet import UNetArchitecture

    return dict(random_unet(UNetArchitecture((16, 16), embedding=8, hidden=9)).state_dict())


def checkpoints() -> list[Seed]:
    """Files of torch.save of both forms and several protocols."""
    import torch

    found = []
    contents: dict[str, tuple[object, dict[str, Any]]] = {
        "bare": (state(), {}),
        "training": ({"epoch": 3, "model_state_dict": state(), "threshold": 0.25, "history": [0.5] * 40}, {}),
        "legacy": ({"state_dict": state()}, {"_use_new_zipfile_serialization": False}),
        "protocol": (state(), {"pickle_protocol": 4}),
        "half": ({k: v.half() if v.is_floating_point() else v for k, v in state().items()}, {}),
    }
    for name, (content, options) in contents.items():
        stream = io.BytesIO()
        torch.save(content, stream, **options)
        found.append(Seed(f"{name}.pt", stream.getvalue(), mutate=None if name == "legacy" else repickled))
    return found


def repickled(data: bytes, random: Random) -> bytes:
    """An archive whose pickle has other bytes, and whose checksums are right again."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = next(name for name in members if name.endswith("data.pkl"))
    pickle = bytearray(members[name])
    for _ in range(random.choice((1, 1, 2, 4))):
        place = random.randrange(len(pickle))
        new = random.choice((struct.pack("<i", random.choice((0, 1, -1, 2**20, 2**31 - 1))), random.randbytes(1), b"2"))
        pickle[place : place + len(new) * random.randrange(2)] = new
    members[name] = bytes(pickle)
    stream = io.BytesIO()
    method = zipfile.ZIP_DEFLATED if random.random() < 0.02 else zipfile.ZIP_STORED
    with zipfile.ZipFile(stream, "w", method) as archive:
        for member, value in members.items():
            archive.writestr(member, value)
    return stream.getvalue()


def safetensors() -> list[Seed]:
    """A safetensors file with a card inside."""
    from safetensors.torch import save

    return [Seed("net.safetensors", save(state(), {"card": card(), "threshold": "0.5"}), mutate=reheaded)]


def reheaded(data: bytes, random: Random) -> bytes:
    """A safetensors file whose header has other fields, and the right length."""
    count = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + count])
    for _ in range(random.choice((1, 1, 2, 4))):
        changed(header, random)
    text = json.dumps(header).encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data[8 + count :]


def card(reference: str = "") -> str:
    """A card with every field."""
    from wbtools.model import Card
    from wbtools.model.card import dumps

    made = Card(
        name="unet",
        title="My network",
        family="unet",
        shape=(16, 16, 16),
        notice="x",
        threshold=0.2,
        reference=reference,
        performance={"auc": 0.9},
        provenance={"seed": "1"},
    )
    return dumps(made)


def recarded(data: bytes, random: Random) -> bytes:
    """A card with other fields."""
    content = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 4))):
        changed(content, random)
    return json.dumps(content).encode("utf-8", "surrogatepass")


def _loaded(path: Path) -> object:
    from wbtools.model import load

    return load(path)


def _card(path: Path) -> object:
    from wbtools.model import card as cards

    return cards.read(path)


def _programs() -> Sequence[Seed]:
    from fuzz.programs import programs

    return [Seed(name, content, mutate=rewritten) for name, content in programs().items()]


def targets() -> Sequence[Target]:
    """Readers of networks."""
    cards = [Seed("net.json", card("brain.nii.gz").encode(), text=True, mutate=recarded)]
    return (
        Target("network-checkpoint", _loaded, checkpoints),
        Target("network-safetensors", _loaded, safetensors),
        Target("network-card", _card, lambda: cards),
        Target("network-program", ran, _programs),
    )
