"""The steps of an exported graph, read from torch.export's JSON: which operator, with what, and what it puts out.

Names in the file are only ever keys; expressions in it are never evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from wbtools.model.imported import pt2

GraphNode = Mapping[str, Any]
"""One node of the graph: target, inputs, outputs."""

_NAMED = ("as_tensors", "as_optional_tensors", "as_sym_ints")
_NESTED = ("as_sym_int", "as_sym_float", "as_sym_bool", "as_optional_tensor")
_FORMATS = {1: torch.contiguous_format, 2: torch.channels_last, 3: torch.channels_last_3d, 4: torch.preserve_format}
_LAYOUTS = range(1, 8)  # torch.export's numbers of layouts; networks hold strided tensors only
_LARGEST = (1 << 63) - 1  # which ends a slice that goes to the end

_WHOLE = ("as_int", "as_sym_int")
_REAL = ("as_float", "as_sym_float", *_WHOLE)
_FORMS: dict[str, tuple[str, ...]] = {
    "Tensor": ("as_tensor", "as_optional_tensor", "as_int", "as_float"),
    "int": _WHOLE,
    "float": _REAL,
    "number": (*_REAL, "as_bool", "as_sym_bool"),
    "bool": ("as_bool", "as_sym_bool"),
    "str": ("as_string",),
    "ScalarType": ("as_scalar_type",),
    "Layout": ("as_layout",),
    "MemoryFormat": ("as_memory_format",),
    "Device": ("as_device",),
    "List[Tensor]": ("as_tensors",),
    "List[Optional[Tensor]]": ("as_optional_tensors", "as_tensors"),
    "List[int]": ("as_ints", "as_sym_ints"),
    "List[float]": ("as_floats", "as_ints"),
    "List[bool]": ("as_bools",),
}
"""The forms that an argument of a type may have in a file. torch takes whole numbers for types of numbers, layouts and
memory formats, too, and one that stands for none ends the process."""

_COUNTS = frozenset(
    (
        *("kernel_size", "stride", "dilation", "groups", "num_groups", "chunks", "split_size"),
        *("upscale_factor", "downscale_factor"),
    )
)
"""Arguments that count or divide something, and are 1 at least."""


@dataclass(frozen=True)
class ValueName:
    """A tensor or number that another step puts out."""

    text: str


def aten(step: GraphNode) -> tuple[str, str] | None:
    """The name and overload of a step's operator in torch's `aten`; None for others, and for those with an `out`.

    Examples
    --------
    >>> aten({"target": "torch.ops.aten.relu_.default"})
    ('relu_', 'default')
    >>> aten({"target": "torch.os.system"}) is None
    True
    """
    found = re.fullmatch(r"torch\.ops\.aten\.(\w+)\.(\w+)", step["target"])
    return (found[1], found[2]) if found and not found[2].endswith("out") else None


def value(argument: Mapping[str, Any]) -> Any:
    """An argument as torch takes it; tensors, and numbers that are computed, as `ValueName`.

    Examples
    --------
    >>> value({"as_ints": [2, 2]}), value({"as_tensor": {"name": "relu"}})
    ([2, 2], ValueName(text='relu'))

    Raises
    ------
    ValueError
        If its form is unknown.
    """
    ((form, content),) = argument.items()
    if form in _CONTENT:
        return _checked(form, content)
    if form == "as_none":
        return None
    if form == "as_float":
        return float(content)  # infinity is written as a word
    if form == "as_floats":
        return [float(number) for number in content]
    if form == "as_tensor":
        return ValueName(content["name"])
    if form == "as_name":
        return ValueName(content)
    if form in _NAMED:
        return [ValueName(entry["name"]) if "name" in entry else value(entry) for entry in content]
    if form in _NESTED:
        return value(content)
    if form == "as_scalar_type":
        return pt2.dtype(content)
    if form == "as_memory_format":
        return _FORMATS[content]
    if form == "as_device":
        return torch.device("cpu")  # wherever it was exported
    if form == "as_layout" and content in _LAYOUTS:
        return torch.strided
    raise ValueError(f"arguments of the form {form}")


_CONTENT: dict[str, type] = {"as_int": int, "as_bool": bool, "as_string": str, "as_ints": int, "as_bools": bool}


def _checked(form: str, content: Any) -> Any:
    """Plain values of the kind that their form says.

    Raises
    ------
    ValueError
        If they are others.
    """
    values = content if form.endswith("s") and isinstance(content, list) else [content]
    kind = _CONTENT[form]
    if form.endswith("s") != isinstance(content, list) or not all(type(number) is kind for number in values):
        raise ValueError(f"{form} that is none")
    if kind is int and any(abs(number) > _LARGEST for number in values):
        raise ValueError(f"{form} beyond all sizes")
    return content


def bound(function: Any, step: GraphNode) -> tuple[list[Any], dict[str, Any]]:
    """All arguments of an operator's schema, by position and by keyword; what is not given has its default."""
    schema = function._schema.arguments
    types = {parameter.name: str(parameter.real_type) for parameter in schema}
    given = {
        argument["name"]: _argument(argument, types.get(argument["name"], ""), function) for argument in step["inputs"]
    }
    if missing := [
        parameter.name for parameter in schema if parameter.name not in given and not parameter.has_default_value()
    ]:
        raise ValueError(f"{function} lacks {', '.join(missing)}")
    values = {parameter.name: given.get(parameter.name, parameter.default_value) for parameter in schema}
    keywords = {parameter.name: values.pop(parameter.name) for parameter in schema if parameter.kwarg_only}
    return list(values.values()), keywords


def _argument(given: Mapping[str, Any], kind: str, function: Any) -> Any:
    """One argument, if it has a form that its type may have.

    Raises
    ------
    ValueError
        If it has another, or counts less than 1 where it must not.
    """
    name, ((form, content),) = given["name"], given["arg"].items()
    plain = kind.removeprefix("Optional[").removesuffix("]") if kind.startswith("Optional[") else kind
    allowed = _FORMS.get(plain, ())
    if plain != kind and form == "as_none":
        return None
    if not (form in allowed or (plain.startswith("List[") and content == [])):
        raise ValueError(f"{function} takes no {form} as {name}")
    found = value(given["arg"])
    counts = found if isinstance(found, list) else [found]
    if name in _COUNTS and any(isinstance(count, (int, float)) and count < 1 for count in counts):
        raise ValueError(f"{function} takes no {name} of {found}")
    return found


def outputs(step: GraphNode) -> Iterator[tuple[str, int | None]]:
    """Names of what a step puts out, and their places where it puts out several.

    Examples
    --------
    >>> list(outputs({"outputs": [{"as_tensors": [{"name": "a"}, {"name": "b"}]}]}))
    [('a', 0), ('b', 1)]
    """
    whole = step["outputs"]
    if len(whole) == 1 and "as_tensors" in whole[0]:
        yield from ((tensor["name"], place) for place, tensor in enumerate(whole[0]["as_tensors"]))
        return
    for place, output in enumerate(whole):
        ((_, content),) = output.items()
        if isinstance(content, Mapping):
            yield content.get("name") or content["as_name"], place if len(whole) > 1 else None


def _named(argument: Any) -> Iterator[str]:
    """Names of everything computed in an argument."""
    if isinstance(argument, Mapping):
        for key, content in argument.items():
            if key in ("name", "as_name") and isinstance(content, str):
                yield content
            else:
                yield from _named(content)
    elif isinstance(argument, list):
        for part in argument:
            yield from _named(part)


def changing_others(steps: list[dict[str, Any]], output: str, views: frozenset[str]) -> frozenset[int]:
    """Places of steps that work in place on memory which later steps read under another name.

    All other steps need not work in place, and hooks are safer if they do not.

    Parameters
    ----------
    steps : list of dict
    output : str
        ValueName of what the network puts out.
    views : frozenset of str
        Operators whose output may be their input's own memory.
    """
    inputs = [[name for argument in step["inputs"] for name in _named(argument["arg"])] for step in steps]
    last = {name: place for place, names in enumerate([*inputs, [output]]) for name in names}
    owner: dict[str, str] = {}
    found = set()
    for place, (step, names) in enumerate(zip(steps, inputs, strict=True)):
        name = (aten(step) or ("",))[0]
        memory = owner.get(names[0], names[0]) if names else ""
        shares = name in views
        if name.endswith("_") and names:
            sharing = {other for other, root in owner.items() if root == memory} | {memory}
            shares = any(last.get(other, -1) > place for other in sharing)
            found |= {place} if shares else set()
        for text, _ in outputs(step):
            owner[text] = memory if shares else text
    return frozenset(found)
