"""Pickles read as plain values: what they would have Python call is noted, never called.

A pickle is a program for a small machine with a stack. This one builds numbers, texts, lists and dictionaries, and puts
`GlobalName` for whatever is looked up in a module, and `Reduced` for whatever would be called with arguments. Nothing
is imported and nothing is executed, and every protocol from 0 to 5 can be read.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any, cast

MOST_STEPS = 1_500_000
"""A pickle with more steps is refused. Training checkpoints with long histories have a few hundred thousand."""

_LINE = 1 << 16  # bytes of a line in protocol 0
_PIECE = 1 << 28  # bytes of one text or bytes object


class TooLong(ValueError):
    """The pickle has more steps, or longer pieces, than a checkpoint can have."""


@dataclass(frozen=True)
class GlobalName:
    """Something in a module, as `package.module.name`."""

    text: str


@dataclass(eq=False, slots=True)
class Reduced:
    """What calling something with arguments would give.

    Parameters
    ----------
    what : Any
        A `GlobalName`, in honest pickles.
    arguments : tuple
    state : Any
        What would be given to the object afterwards.
    """

    what: Any
    arguments: tuple[Any, ...]
    state: Any = None

    @property
    def name(self) -> str:
        """What would be called; empty if that is nothing in a module."""
        return self.what.text if isinstance(self.what, GlobalName) else ""


@dataclass(frozen=True, eq=False)
class PersistentId:
    """Something that is kept outside the pickle, under this identity."""

    identity: Any


def read(file: IO[bytes]) -> tuple[Any, tuple[str, ...]]:
    """Read one pickle, and leave the file behind it.

    Parameters
    ----------
    file : binary file

    Returns
    -------
    object
        The value.
    tuple of str
        Everything that is looked up in modules, in the order of the first time.

    Raises
    ------
    TooLong
        If it has more than `MOST_STEPS`.
    ValueError, LookupError, TypeError and the like
        If it is damaged.

    Examples
    --------
    >>> import io, pickle
    >>> read(io.BytesIO(pickle.dumps({"a": [1, 2.5]}, protocol=4)))
    ({'a': [1, 2.5]}, ())
    >>> read(io.BytesIO(pickle.dumps(print)))[1]
    ('builtins.print',)
    """
    machine = _Machine()
    for count, (code, argument, _) in enumerate(pickletools.genops(cast(Any, _Bounded(file)))):
        if count >= MOST_STEPS:
            raise TooLong(f"more than {MOST_STEPS:,} steps")
        if code.name == "STOP":
            return machine.stack.pop(), tuple(machine.names)
        step = _STEPS.get(code.name)
        if step is None:
            raise ValueError(f"a pickle with {code.name}")
        step(machine, argument)
    raise EOFError("the pickle does not end")


class _Bounded:
    """A file that gives no more at once than a checkpoint may hold in one piece."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file

    def read(self, count: int = -1) -> bytes:
        """At most `count` bytes."""
        if not 0 <= count <= _PIECE:
            raise TooLong(f"a piece of {count} bytes")
        return self.file.read(count)

    def readline(self) -> bytes:
        """A line of a few kilobytes."""
        return self.file.readline(_LINE)

    def tell(self) -> int:
        """The place in the file."""
        return self.file.tell()


_MARK: Any = object()


@dataclass(eq=False)
class _Machine:
    """The stack, what was noted to be used again, and the names that were looked up."""

    stack: list[Any] = field(default_factory=list)
    memo: dict[int, Any] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise ValueError("a mark where a value belongs")
        return value

    def since_mark(self) -> list[Any]:
        """Everything above the last mark, which goes."""
        for place in range(len(self.stack) - 1, -1, -1):
            if self.stack[place] is _MARK:
                values = self.stack[place + 1 :]
                del self.stack[place:]
                return values
        raise ValueError("no mark")

    def drop(self) -> None:
        self.stack.pop()

    def drop_to_mark(self) -> None:
        self.since_mark()

    def last(self, count: int) -> tuple[Any, ...]:
        return tuple(reversed([self.pop() for _ in range(count)]))

    def look_up(self, module: Any, name: Any) -> None:
        if not (isinstance(module, str) and isinstance(name, str)):
            raise ValueError("a name that is no text")
        self.names.setdefault(f"{module}.{name}")
        self.push(GlobalName(f"{module}.{name}"))

    def make(self, what: Any, arguments: Any) -> None:
        if not isinstance(arguments, tuple):
            raise ValueError("arguments that are no tuple")
        if isinstance(what, GlobalName) and what.text in _CONTAINERS and not arguments:
            self.push(_CONTAINERS[what.text]())
        else:
            self.push(Reduced(what, arguments))

    def set_items(self, values: list[Any]) -> None:
        if len(values) % 2:
            raise ValueError("a key without a value")
        pairs = list(zip(values[::2], values[1::2], strict=True))
        target = self.stack[-1]
        if isinstance(target, dict):
            target.update(pairs)
        elif not isinstance(target, Reduced):
            raise ValueError("items of something that has none")

    def append(self, values: list[Any]) -> None:
        target = self.stack[-1]
        if isinstance(target, list):
            target.extend(values)
        elif not isinstance(target, Reduced):
            raise ValueError("elements of something that has none")

    def give_state(self) -> None:
        state = self.pop()
        target = self.stack[-1]
        if isinstance(target, Reduced):
            target.state = state

    def note(self, place: int | None = None) -> None:
        if self.stack[-1] is _MARK:
            raise ValueError("a mark where a value belongs")
        self.memo[len(self.memo) if place is None else int(place)] = self.stack[-1]

    def dictionary(self) -> None:
        values = self.since_mark()
        self.push({})
        self.set_items(values)


_CONTAINERS: dict[str, Callable[[], Any]] = {
    "collections.OrderedDict": dict,
    "builtins.dict": dict,
    "__builtin__.dict": dict,
    "builtins.list": list,
    "__builtin__.list": list,
}
"""Containers that are made empty and filled afterwards."""


def _pairs(machine: _Machine) -> list[Any]:
    return list(machine.last(2))


def _instance(machine: _Machine, argument: str) -> None:
    values = machine.since_mark()
    module, _, name = argument.partition(" ")
    machine.look_up(module, name)
    machine.make(machine.pop(), tuple(values))


def _object(machine: _Machine) -> None:
    what, *values = machine.since_mark()
    machine.make(what, tuple(values))


def _new(machine: _Machine, arguments: tuple[Any, ...]) -> None:
    what, values = arguments[0], arguments[1]
    machine.make(what, values)


def _global(machine: _Machine, argument: str) -> None:
    module, _, name = argument.partition(" ")
    machine.look_up(module, name)


_Step = Callable[[_Machine, Any], None]
_VALUES = (
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)
_STEPS: dict[str, _Step] = {
    **dict.fromkeys(_VALUES, _Machine.push),
    **dict.fromkeys(("PROTO", "FRAME"), lambda machine, _: None),
    "NONE": lambda machine, _: machine.push(None),
    "NEWTRUE": lambda machine, _: machine.push(True),
    "NEWFALSE": lambda machine, _: machine.push(False),
    "EMPTY_LIST": lambda machine, _: machine.push([]),
    "EMPTY_TUPLE": lambda machine, _: machine.push(()),
    "EMPTY_DICT": lambda machine, _: machine.push({}),
    "EMPTY_SET": lambda machine, _: machine.push([]),  # the order does no harm
    "MARK": lambda machine, _: machine.push(_MARK),
    "LIST": lambda machine, _: machine.push(machine.since_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "FROZENSET": lambda machine, _: machine.push(tuple(machine.since_mark())),
    "DICT": lambda machine, _: machine.dictionary(),
    "TUPLE1": lambda machine, _: machine.push(machine.last(1)),
    "TUPLE2": lambda machine, _: machine.push(machine.last(2)),
    "TUPLE3": lambda machine, _: machine.push(machine.last(3)),
    "APPEND": lambda machine, _: machine.append([machine.pop()]),
    "APPENDS": lambda machine, _: machine.append(machine.since_mark()),
    "ADDITEMS": lambda machine, _: machine.append(machine.since_mark()),
    "SETITEM": lambda machine, _: machine.set_items(_pairs(machine)),
    "SETITEMS": lambda machine, _: machine.set_items(machine.since_mark()),
    "POP": lambda machine, _: machine.drop(),
    "POP_MARK": lambda machine, _: machine.drop_to_mark(),
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.note),
    "MEMOIZE": lambda machine, _: machine.note(),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda machine, place: machine.push(machine.memo[int(place)])),
    "GLOBAL": _global,
    "STACK_GLOBAL": lambda machine, _: machine.look_up(*machine.last(2)),
    "REDUCE": lambda machine, _: machine.make(*machine.last(2)),
    "NEWOBJ": lambda machine, _: machine.make(*machine.last(2)),
    "NEWOBJ_EX": lambda machine, _: _new(machine, machine.last(3)),
    "INST": _instance,
    "OBJ": lambda machine, _: _object(machine),
    "BUILD": lambda machine, _: machine.give_state(),
    "PERSID": lambda machine, identity: machine.push(PersistentId(identity)),
    "BINPERSID": lambda machine, _: machine.push(PersistentId(machine.pop())),
}
