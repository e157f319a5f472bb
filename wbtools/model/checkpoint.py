"""Reading checkpoints: nothing in them is ever executed, and nothing is taken that does not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from wbtools import provenance
from wbtools.errors import CheckpointError, WbtoolsError
from wbtools.model import card as cards
from wbtools.model import compatibility, training_shape
from wbtools.model.card import Card
from wbtools.model.families import known_families
from wbtools.model.files import archive, safetensors, source, statedict, stored, torchfile
from wbtools.model.files.statedict import Candidate

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model.family import Family, Network

_COUNTER = "num_batches_tracked"  # of batch norms; only training uses it, and old checkpoints lack it
_NAMED = 5  # so many keys are listed in a message


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network, and what is known about it.

    Parameters
    ----------
    network : Network
        In evaluation mode, on the CPU, without gradients for its parameters.
    card : Card
    description : mapping
        Plain JSON values: widths, depth, attention, block, embedding, parameters.
    sha256 : str
        Of the checkpoint file; of the weights if there is none.
    reference : Path or None
        The brain that the card names to compare others with.
    remarks : tuple of str
        What of the checkpoint was left aside, a sentence each; every reader of a result is told.
    reference_set : tuple of Path
        The files of several references that the card names.
    untried : Path or None
        The checkpoint, for messages, where it was not tried whether the network takes images as the card says.
    """

    network: Network
    card: Card
    description: Mapping[str, object]
    sha256: str
    reference: Path | None = None
    remarks: tuple[str, ...] = ()
    reference_set: tuple[Path, ...] = ()
    untried: Path | None = None

    @contextmanager
    def asked(self) -> Iterator[None]:
        """For the block that shows the network an image for the first time: if it fails, the card may be the reason.

        Raises
        ------
        CheckpointError
            If the block fails, whatever it says, and network and card do not belong together.
        """
        try:
            yield
        except (WbtoolsError, *compatibility.FAILURES):
            if self.untried:
                self._try(self.untried)
            raise

    def _try(self, path: Path) -> None:
        """Raise CheckpointError if network and card, as they are in memory, do not belong together."""
        import torch

        (family,) = (family for family in known_families() if family.name == self.family)
        with torch.device("meta"):
            network = family.build(_shapes(self.network.state_dict()))
        compatibility.apply_card(path, network.eval(), self.card)

    @property
    def hashes(self) -> tuple[str, ...]:
        """SHA-256 of all that decides what the network says: its own, that of its card and of the reference brains."""
        card = sha256(repr(self.card).encode()).hexdigest()
        return (self.sha256, card, *(provenance.sha256(file) for file in self.reference_files))

    @property
    def reference_files(self) -> tuple[Path, ...]:
        """All files that its card names: the reference brain, then those of several references."""
        return (*((self.reference,) if self.reference else ()), *self.reference_set)

    @property
    def name(self) -> str:
        """Short name, used in file names."""
        return self.card.name

    def named(self, name: str) -> Model:
        """The network under another short name, where several would share theirs."""
        return self if name == self.name else replace(self, card=replace(self.card, name=name))

    @property
    def family(self) -> str:
        """The registry's name of the network's family."""
        return self.card.family

    @property
    def threshold(self) -> float | None:
        """Two people count as twins below this cosine distance; None if the checkpoint does not say."""
        return self.card.threshold


def load(path: Path, *, tried: bool = True) -> Model:
    """Load a checkpoint and its card.

    Parameters
    ----------
    path : Path
        A file of `torch.save`: a state dict, or a dictionary with one under any key and perhaps a `threshold`; or a
        safetensors file. The card is read from the JSON file of the same name beside it, if there is one, else from
        the safetensors file.
    tried : bool
        As for `compatibility.apply_card`. Where it is not, whoever asks the network does so in `Model.asked`.

    Returns
    -------
    Model

    Raises
    ------
    CheckpointError
        If the file is missing, damaged, holds code, or fits no known family, or if the card's images do not fit it.
    """
    path = Path(path)
    with source.opened(path) as file:
        digest = source.digest(file)
        form = _from_safetensors if path.suffix == safetensors.SUFFIX else _from_torch
        found, threshold, inside = form(path, file)
    _require_sound(path, found.tensors)
    odd = _odd_threshold(threshold)
    card = _card(path, found.family, None if odd else threshold, inside)
    training_shape.require_run(path, card)
    network = _network(path, found.family, found.tensors)
    compatibility.apply_card(path, network, card, tried=tried)
    network.load_state_dict(found.tensors, assign=True)
    description = {
        **(network.architecture.describe() if network.architecture else {}),
        "parameters": sum(p.numel() for p in network.parameters()),
        **({"weights": found.place} if found.place else {}),
    }
    remarks = (*odd, network.notice) if network.notice else odd
    references = compatibility.reference_set(path, card)
    reference, untried = compatibility.reference(path, card), None if tried else path
    return Model(network, card, description, digest, reference, remarks, references, untried)


@dataclass(frozen=True, eq=False)
class _Found:
    """The weights in a file, float32 under the network's own names, their family, and where they were."""

    family: Family[Any]
    tensors: dict[str, Tensor]
    place: str


def _from_safetensors(path: Path, file: BinaryIO) -> tuple[_Found, float | None, Card | None]:
    tensors, metadata = safetensors.read(path, file, _single)
    card = cards.parse(metadata["card"], path) if "card" in metadata else None
    threshold = _threshold(path, metadata.get("threshold"), float)
    candidate, family = _chosen(path, [Candidate((), tensors)], _shape)
    return _Found(family, dict(candidate.state), candidate.prefix and candidate.place), threshold, card


def _from_torch(path: Path, file: BinaryIO) -> tuple[_Found, float | None, None]:
    content = _content(path, file)
    try:
        candidates = statedict.candidates(content.value, stored.is_tensor)
        if not candidates:
            raise CheckpointError(
                f"{path} holds no state dict", hint="save {'model_state_dict': network.state_dict(), 'threshold': ...}"
            )
        stored.require_plain(path, candidates[0].state)
        candidate, family = _chosen(path, candidates, stored.shape)
        tensors = content.tensors(candidate.state, _single)
        outer = content.value if candidate.keys and isinstance(content.value, Mapping) else {}
        threshold = _threshold(path, outer.get("threshold"), content.number)
    except archive.DAMAGED as error:
        raise _damaged(path) from error
    usual = candidate.keys in ((), ("model_state_dict",)) and not candidate.prefix
    others = [found.place for found in candidates if found.keys != candidate.keys]
    place = candidate.place + (f"; not those under {_list(others)}" if others else "")
    return _Found(family, tensors, "" if usual and not others else place), threshold, None


def _content(path: Path, file: BinaryIO) -> stored.SavedContent:
    """What is in a file of torch.save."""
    try:
        return torchfile.read(path, file)
    except archive.DAMAGED as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is not a checkpoint, or is damaged", hint="copy the file again; wbtools reads files of torch.save"
    )


def _single(key: str, value: Tensor) -> Tensor:
    """A weight in single precision; counters and whole numbers as they are."""
    return value.float() if value.is_floating_point() and not key.endswith(_COUNTER) else value


def _require_sound(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Raise CheckpointError if a weight is not finite, or a variance negative."""
    import torch

    for key, value in tensors.items():
        if not value.numel() or key.endswith(_COUNTER):
            continue
        low, high = torch.aminmax(value)  # takes no memory, unlike `isfinite`
        if not (torch.isfinite(low) and torch.isfinite(high)):
            raise CheckpointError(
                f"{path} has values in {_shown(key)} that are not finite numbers", hint="use another checkpoint"
            )
        if key.endswith("running_var") and low < 0:
            raise CheckpointError(f"{path} has a negative variance in {_shown(key)}", hint="use another checkpoint")


def _chosen(
    path: Path, found: Sequence[Candidate], shape: Callable[[Any], tuple[int, ...] | None]
) -> tuple[Candidate, Family[Any]]:
    """The mapping that a family knows, under the names by which it does.

    Several are told apart by the order of `statedict.ORDER`; where that says nothing, none is chosen.
    """
    known: list[tuple[Candidate, Family[Any]]] = []
    for candidate in found:
        for named in statedict.under_names(candidate):
            shapes = {key: size for key, value in named.state.items() if (size := shape(value)) is not None}
            family = next((family for family in known_families() if family.recognises(shapes)), None)
            if family is not None:
                known.append((named, family))
                break
    if not known:
        raise CheckpointError(
            f"{path} is of no known family; its keys begin with {_list(found[0].state)}",
            hint="give it as a .pt2 file of torch.export, or name a Python function that builds it, "
            f"package.module:build; families that wbtools knows: {', '.join(f.title for f in known_families())}",
        )
    first = known[0]
    rivals = [candidate for candidate, _ in known if candidate.rank == first[0].rank]
    if len(rivals) > 1:
        raise CheckpointError(
            f"{path} holds several networks: {_list(rival.place for rival in rivals)}",
            hint="save the one that is meant: torch.save(torch.load(FILE)[KEY], NEW)",
        )
    return first


def _shape(value: Tensor) -> tuple[int, ...]:
    return tuple(value.shape)


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in tensors.items()}


def _network(path: Path, family: Family[Any], tensors: dict[str, Tensor]) -> Network:
    """The network that fits the tensors, in evaluation mode, without values; counters that they lack are added."""
    import torch

    try:
        with torch.device("meta"):  # shapes only: no memory, no random numbers
            network = family.build(_shapes(tensors))
    except CheckpointError as error:
        raise error.about(path) from None
    except KeyError as error:  # of torch, where a tensor's name is one that modules use themselves
        raise CheckpointError(f"{path} has tensors under names that no network can have: {error}") from None
    expected = _shapes(network.state_dict())
    for key in expected:
        if key.endswith(_COUNTER):
            tensors.setdefault(key, torch.tensor(0))
    _require_equal(path, family, _shapes(tensors), expected)
    _require_real(path, tensors, network)
    return network.eval().requires_grad_(False)


def _require_equal(path: Path, family: Family[Any], found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise CheckpointError that names the first keys that are missing, superfluous or of another shape."""
    missing = [key for key in expected if key not in found]
    extra = [key for key in found if key not in expected]
    wrong = [f"{k} {found[k]} instead of {expected[k]}" for k in expected if k in found and found[k] != expected[k]]
    problems = {"lacks": missing, "has the unexpected": extra, "has the wrong shape in": wrong}
    said = "; ".join(f"{what} {_list(keys)}" for what, keys in problems.items() if keys)
    if said:
        raise CheckpointError(
            f"{path} does not fit {family.title}: it {said}", hint="export the state dict of the unchanged network"
        )


def _require_real(path: Path, tensors: Mapping[str, Tensor], network: Network) -> None:
    """Raise CheckpointError that names the first weight that holds whole numbers or truth values: it was quantised."""
    for key, wanted in network.state_dict().items():
        value = tensors[key]
        if wanted.is_floating_point() and not value.is_floating_point():
            kind = str(value.dtype).removeprefix("torch.")
            raise CheckpointError(
                f"{path} has numbers of the type {kind} in {_shown(key)}", hint="save real numbers, as float32"
            )


def _list(names: Iterable[Any]) -> str:
    names = list(map(_shown, names))
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more


def _shown(text: object) -> str:
    """A name of the file in a message: one short line."""
    return stored.shown(text)


def _threshold(path: Path, value: Any, number: Callable[[Any], float]) -> float | None:
    if value is None:
        return None
    try:
        found = number(value)
    except archive.DAMAGED:
        found = np.nan
    if not np.isfinite(found):
        raise CheckpointError(f"{path} has a threshold that is no number", hint="store a float or None")
    return found


def _odd_threshold(threshold: float | None) -> tuple[str, ...]:
    """What has to be said of a threshold that means something else than a cosine distance; it is not used."""
    if threshold is None or cards.is_distance(threshold):
        return ()
    return (f"The checkpoint's own threshold, {threshold:.4g}, is no cosine distance (0 to 2), and was left aside.",)


def _card(path: Path, family: Family[Any], threshold: float | None, inside: Card | None) -> Card:
    """The card beside the checkpoint, else that in it, else the family's; the checkpoint's own threshold counts."""
    beside = cards.beside(path)
    given = cards.given(path) or inside
    if given is not None and given.family != family.name:
        raise CheckpointError(
            f"{path if given is inside else beside} says {given.family}, the checkpoint is {family.name}",
            hint="put the right card beside it",
        )
    card = given or replace(family.card, assumed=True)
    return card if threshold is None else replace(card, threshold=threshold)
