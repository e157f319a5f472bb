"""Networks from files of torch.export, put together from layers: nothing in the file is executed.

The graph's operators are looked up in a closed list (`imported.operators`). What they stand for, one step after
the other, is a network of modules, on which zennit and captum can hang rules and hooks, unlike on torch.export's own.
"""

from __future__ import annotations

import operator
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import fx, nn

from wbtools.errors import CheckpointError
from wbtools.model import card as cards
from wbtools.model import compatibility
from wbtools.model.card import Card
from wbtools.model.checkpoint import Model
from wbtools.model.files import source
from wbtools.model.imported import nodes, operators, pt2
from wbtools.model.imported.foreign import Foreign, assumed, require_row
from wbtools.model.imported.nodes import GraphNode, ValueName
from wbtools.model.imported.operators import OperatorCall
from wbtools.model.imported.pt2 import Program
from wbtools.model.imported.retrace import makes_coefficients
from wbtools.model.imported.sizes import require_modest
from wbtools.text import lengths

FAMILY = "exported"

USUAL = (86, 103, 86)
"""Shape of images where neither a card nor the network says it."""

_HINT = "name a Python function that builds the network: --model package.module:build"


def load(path: Path) -> Model:
    """Load a network that torch.export.save wrote, and the card beside it.

    Parameters
    ----------
    path : Path
        A `.pt2` file of one program that takes one image (N, 1, X, Y, Z).

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, holds code, uses unknown operators, or does not fit its card.
    """
    with source.opened(path) as file:
        digest = source.digest(file)
        program = pt2.read(path, file)
    beside = cards.beside(path)
    card = cards.given(path) or assumed(path.stem, FAMILY, _whole(_image_shape(path, program)))
    if card.family != FAMILY:
        raise CheckpointError(f"{beside} says {card.family}", hint=f"write {FAMILY} as its family")
    network, description = build(path, program, card)
    description["exported by"] = f"torch {program.version}"
    single, several = compatibility.reference(path, card), compatibility.reference_set(path, card)
    return Model(network, card, description, digest, single, reference_set=several)


def build(path: Path, program: Program, card: Card) -> tuple[Foreign, dict[str, object]]:
    """The network of a program, fitted to its card, and what it is in plain JSON values.

    Parameters
    ----------
    path : Path
        For messages.
    program : Program
    card : Card

    Raises
    ------
    CheckpointError
        If it uses an operator that is not known, or does not fit its card.
    """
    shape = _image_shape(path, program)
    if any(length not in (None, wanted) for length, wanted in zip(shape, card.shape, strict=True)):
        raise CheckpointError(
            f"{path} takes images of {lengths(shape)} voxels, its card says {lengths(card.shape)}",
            hint="correct the card's shape, or export the network for that shape",
        )
    single = program.sizes[program.image][0] == 1
    bare = assemble(path, program.without_values())
    require_modest(path, bare, card.shape)
    compatibility.apply_card(path, Foreign(bare, single), card)
    steps = assemble(path, program)
    network = Foreign(steps, single)
    network.adapt(card)
    return network.eval(), {
        "steps": sum(node.op.startswith("call") for node in steps.graph.nodes),
        "parameters": program.parameters,
    }


def _whole(shape: tuple[int | None, ...]) -> tuple[int, int, int]:
    """A shape with the usual lengths where any would do."""
    x, y, z = (length or usual for length, usual in zip(shape, USUAL, strict=True))
    return x, y, z


def _image_shape(path: Path, program: Program) -> tuple[int | None, ...]:
    """(X, Y, Z) of the images it takes."""
    sizes = program.sizes[program.image]
    if len(sizes) != 5 or sizes[0] not in (1, None) or sizes[1] != 1:
        raise CheckpointError(
            f"{path} takes a tensor of {lengths(sizes)} values, not one image (1, 1, X, Y, Z)",
            hint="export the network for one three-dimensional image of one channel",
        )
    return sizes[2:]


def assemble(path: Path, program: Program) -> fx.GraphModule:
    """The network of a program.

    Parameters
    ----------
    path : Path
        For messages.
    program : Program

    Raises
    ------
    CheckpointError
        If it uses an operator that is not known.
    """
    try:
        return _Assembly(path, program).network()
    except compatibility.FAILURES as error:
        raise CheckpointError(f"{path} is no network of torch.export, or is damaged ({error})", hint=_HINT) from None


class _Assembly:
    """A network in the making. All names in it are ours: those of the file are only keys."""

    def __init__(self, path: Path, program: Program) -> None:
        self.path, self.program = path, program
        self.root, self.graph = nn.Module(), fx.Graph()
        self.made: dict[str, fx.Node] = {}
        self.count: Counter[str] = Counter()

    def network(self) -> fx.GraphModule:
        """The whole network; its answer has one row for each image."""
        program = self.program
        self.made[program.image] = self.graph.placeholder("image")
        in_place = nodes.changing_others(program.nodes, program.output, operators.VIEWS)
        for place, step in enumerate(program.nodes):
            self._add(step, place in in_place)
        answer, sizes = self.made[program.output], program.sizes[program.output]
        require_row(str(self.path), sizes)
        rank = len(sizes)
        if rank == 1:
            answer = self._call(torch.unsqueeze, (answer, 1))
        elif rank > 2:
            answer = self._call_module(nn.Flatten(), [answer])
        self.graph.output(answer)
        return fx.GraphModule(self.root, self.graph).eval()

    def _add(self, step: GraphNode, in_place: bool) -> None:
        """Add one step."""
        name, overload = nodes.aten(step) or ("", "")
        if name in operators.IGNORED:
            return
        if name.removesuffix("_") in operators.ALLOWED:
            made = self._operator(step, (name, overload), name if in_place else name.removesuffix("_"))
        elif function := operators.ARITHMETIC.get(step["target"]):
            made = self._call(function, tuple(self._node(nodes.value(argument["arg"])) for argument in step["inputs"]))
        else:
            raise CheckpointError(
                f"{self.path} was refused: it uses '{step['target']}', which wbtools does not know", hint=_HINT
            )
        for text, place in nodes.outputs(step):
            self.made[text] = made if place is None else self._call(operator.getitem, (made, place))

    def _operator(self, step: GraphNode, written: tuple[str, str], name: str) -> fx.Node:
        """A layer where there is one, else the operator `name`: as written, or its form that works out of place."""
        as_written = getattr(getattr(torch.ops.aten, written[0]), written[1])
        function = getattr(getattr(torch.ops.aten, name), written[1])
        values, keywords = nodes.bound(as_written, step)
        arguments = dict(zip((argument.name for argument in function._schema.arguments), values, strict=False))
        if arguments.get("train") or arguments.get("training"):
            raise CheckpointError(f"{self.path} was exported while training", hint=pt2.HINT)
        everything = {**arguments, **keywords}
        call = OperatorCall(name, everything, self.program.tensors, self.program.sizes, self._makes_coefficients)
        if found := operators.replacement(call):
            module, inputs = found
            return self._call_module(module, [self._node(node) for node in inputs])
        if name == "cat":
            function = torch.cat  # the same, under the name that is known elsewhere
        return self._call(
            function, tuple(map(self._node, values)), {key: self._node(value) for key, value in keywords.items()}
        )

    def _call(self, function: Any, arguments: tuple[Any, ...], keywords: dict[str, Any] | None = None) -> fx.Node:
        return self.graph.call_function(function, arguments, keywords or {})

    def _call_module(self, module: nn.Module, inputs: list[fx.Node]) -> fx.Node:
        return self.graph.call_module(self._held(module), tuple(inputs))

    def _held(self, held: nn.Module | torch.Tensor) -> str:
        """The name under which the network holds a module or a tensor."""
        kind = type(held).__name__.lower()
        self.count[kind] += 1
        name = f"{kind}_{self.count[kind]}"
        if isinstance(held, nn.Module):
            self.root.add_module(name, held)
        else:
            self.root.register_buffer(name, held.detach())
        return name

    def _node(self, value: Any) -> Any:
        """An argument with steps in place of names."""
        if isinstance(value, list):
            return [self._node(part) for part in value]
        if not isinstance(value, ValueName):
            return value
        if value.text not in self.made:
            self.made[value.text] = self.graph.get_attr(self._held(self.program.tensors[value.text]))
        return self.made[value.text]

    def _makes_coefficients(self, name: str) -> bool:
        return makes_coefficients(self.root, self.made[name])
