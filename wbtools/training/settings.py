"""What a training can be told: one value for the loop, one for each recipe, both changed by words like `rate=1e-3`."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from wbtools.datasets.split import SEED
from wbtools.errors import InputError, UnknownChoice

OPTIMISERS = ("adamw", "adam", "adadelta")
SCHEDULES = ("one-cycle", "steps", "constant")
PRECISIONS = ("auto", "single", "mixed", "double")

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

_MOST = 2**63 - 1
"""What torch takes as a whole number."""

T = TypeVar("T", bound="DataclassInstance")


@dataclass(frozen=True)
class Settings:
    """How the shared loop trains, whatever is learned.

    Parameters
    ----------
    epochs : int
        How many at most, and what the schedule is planned for.
    batch : int
        What a recipe counts in a batch: images, pairs or triplets.
    accumulate : int
        Batches whose gradients make one step of the optimiser.
    optimiser : str
        `adamw`, `adam` or `adadelta`.
    rate : float
        Learning rate; of `one-cycle` the highest.
    weight_decay : float
        Of the optimiser.
    schedule : str
        `one-cycle`, planned over all steps of the optimiser, `steps` or `constant`.
    rise : float
        Of `one-cycle`: the share of the steps in which the rate rises.
    start_divisor : float
        Of `one-cycle`: so much less than `rate` is the rate in the beginning.
    end_divisor : float
        Of `one-cycle`: so much less than in the beginning is the rate in the end.
    milestones : tuple of int
        Of `steps`: epochs after which the rate is lowered.
    factor : float
        Of `steps`: what the rate is multiplied by.
    clip : float
        Largest norm of the gradient; 0 does not limit it.
    precision : str
        `auto` (`mixed` on a graphics card, else `single`), `single`, `mixed` or `double`, slow and for comparisons:
        whether two ways of computing the same differ in more than rounding.
    average : float
        Decay of a moving average of the weights; 0 keeps none.
    settle : int
        Batches over which the statistics of batch norms are measured anew before each validation; 0 leaves those that
        were gathered in training.
    patience : int
        Epochs without a better value of the first criterion, after which training ends; 0 trains all epochs.
    augment : bool
        Whether images are changed at random as the recipe does it.
    dropout : bool
        Whether layers drop values in training, as the published networks do.
    seed : int
        Of weights, split, order and changes.

    Raises
    ------
    InputError
        If a value cannot be meant.

    Examples
    --------
    >>> changed(Settings(epochs=5), {"rate": "1e-3", "milestones": "2,4"}).milestones
    (2, 4)
    """

    epochs: int = 20
    batch: int = 8
    accumulate: int = 1
    optimiser: str = "adamw"
    rate: float = 1e-4
    weight_decay: float = 0.0
    schedule: str = "constant"
    rise: float = 0.3
    start_divisor: float = 50.0
    end_divisor: float = 1000.0
    milestones: tuple[int, ...] = ()
    factor: float = 0.1
    clip: float = 0.0
    precision: str = "auto"
    average: float = 0.0
    settle: int = 8
    patience: int = 0
    augment: bool = True
    dropout: bool = True
    seed: int = SEED

    def __post_init__(self) -> None:
        require_numbers(self)
        for name, known in (("optimiser", OPTIMISERS), ("schedule", SCHEDULES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise UnknownChoice(name, getattr(self, name), known)
        require_within(self, {"epochs": 1, "batch": 1, "accumulate": 1, "settle": 0, "patience": 0, "seed": 0})
        require_within(self, {"weight_decay": 0, "clip": 0, "average": 0, "start_divisor": 1, "end_divisor": 1})
        if self.rate <= 0 or self.factor <= 0 or not 0 < self.rise < 1 or self.average >= 1:
            raise InputError(
                "rate and factor must be above 0, rise between 0 and 1, average below 1", hint="correct that setting"
            )
        if any(epoch < 1 for epoch in self.milestones):
            raise InputError("milestones are epochs, from 1 on", hint="correct that setting")


def require_numbers(value: DataclassInstance) -> None:
    """Raise InputError for a number among the fields that nothing can be computed with.

    Examples
    --------
    >>> require_numbers(Settings())
    """
    for name, each in ((field.name, getattr(value, field.name)) for field in fields(value)):
        for number in each if isinstance(each, tuple) else (each,):
            if isinstance(number, float) and not math.isfinite(number):
                raise InputError(f"{name}={number} is not finite", hint="give a number")
            if isinstance(number, int) and abs(number) > _MOST:
                raise InputError(f"{name} has more than 64 bits", hint=f"give {_MOST} at most")


def require_within(value: object, least: Mapping[str, float]) -> None:
    """Raise InputError for a field below the least value that makes sense.

    Examples
    --------
    >>> require_within(Settings(), {"epochs": 1})
    """
    for name, bound in least.items():
        if not getattr(value, name) >= bound:
            raise InputError(f"{name}={getattr(value, name):g} is too small", hint=f"give {bound:g} or more")


def changed(value: T, words: Mapping[str, str], also: tuple[str, ...] = ()) -> T:
    """A value of settings with some fields changed by words, which are read as the field's default is typed.

    Parameters
    ----------
    value : dataclass
    words : mapping of str to str
        By the names of fields.
    also : tuple of str
        Names of other settings, for messages.

    Raises
    ------
    InputError
        If a word cannot be read so, or there is no such field.
    """
    known = {field.name: getattr(value, field.name) for field in fields(value)}
    if unknown := [name for name in words if name not in known]:
        raise UnknownChoice("setting", unknown[0], (*known, *also))
    read = {name: _read(name, word, known[name]) for name, word in words.items()}
    found = replace(value, **read)
    require_numbers(found)  # also of a recipe's own settings
    return found


def _read(name: str, word: str, example: object) -> object:
    """A word as a value of the same type as an example."""
    try:
        if isinstance(example, bool):
            return {"yes": True, "true": True, "no": False, "false": False}[word.lower()]
        if isinstance(example, tuple):
            return tuple(int(part) for part in word.split(",") if part)
        return int(word) if isinstance(example, int) else float(word) if isinstance(example, float) else word
    except (ValueError, KeyError):
        kind = {bool: "yes or no", int: "a whole number", float: "a number", tuple: "whole numbers with commas"}
        raise InputError(f"{name}={word} cannot be read", hint=f"give {kind[type(example)]}") from None


def as_word(value: object) -> str:
    """A value as it is written in `--set NAME=VALUE`.

    Examples
    --------
    >>> as_word(True), as_word([2, 4]), as_word(0.5)
    ('yes', '2,4', '0.5')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def assignments(words: Iterable[str]) -> dict[str, str]:
    """The settings in words such as `rate=1e-3`.

    Raises
    ------
    InputError
        If one is none.

    Examples
    --------
    >>> assignments(["rate=1e-3", "mining=hard"])
    {'rate': '1e-3', 'mining': 'hard'}
    """
    found: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not name:
            raise InputError(f"--set {word} is no setting", hint="write NAME=VALUE, for example --set rate=1e-3")
        found[name] = value
    return found


def described(value: DataclassInstance) -> dict[str, str]:
    """What each field means, in one line, as the docstring of its class says it; nothing where Python has none.

    Examples
    --------
    >>> meant = described(Settings())
    >>> meant["epochs"], meant["milestones"]
    ('How many at most, and what the schedule is planned for.', 'Of `steps`: epochs after which the rate is lowered.')
    """
    found: dict[str, str] = {}
    names: list[str] = []
    for text in (inspect.getdoc(type(value)) or "").splitlines():
        if not text.strip():
            names = []
        elif not text.startswith(" "):
            names = text.partition(" : ")[0].split(", ") if " : " in text else []
        else:
            found |= {name: f"{found.get(name, '')} {text.strip()}".strip() for name in names}
    return found


def as_record(value: DataclassInstance) -> dict[str, Any]:
    """Fields as plain JSON values."""
    return {name: list(each) if isinstance(each, tuple) else each for name, each in asdict(value).items()}


def from_record(example: T, record: Mapping[str, Any]) -> T:
    """The value that `as_record` made a record of.

    Raises
    ------
    InputError
        If the record is none of such a value.

    Examples
    --------
    >>> from_record(Settings(), as_record(Settings(milestones=(3,)))) == Settings(milestones=(3,))
    True
    """
    for name, each in record.items():
        if not hasattr(example, name) or not _is_like(each, getattr(example, name)):
            raise InputError(
                f"the record of the settings is damaged at {name[:40]!r}", hint="train anew: choose another --out"
            )
    found = replace(example, **{name: tuple(each) if isinstance(each, list) else each for name, each in record.items()})
    require_numbers(found)
    return found


def _is_like(value: object, example: object) -> bool:
    """Whether a JSON value can be that of a field whose default is the example."""
    if isinstance(example, tuple):
        return isinstance(value, list) and all(type(each) is int for each in value)
    return type(value) is type(example) or (isinstance(example, float) and type(value) is int)
