"""What a network says of people, in numbers and in words: classes, distances with their verdicts, bits of a code.

Words say what the network answers. They never say what a person has or is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from wbtools.attribution.answers import Answers, Images
from wbtools.attribution.target import Target
from wbtools.attribution.targets.classes import class_names
from wbtools.errors import CheckError
from wbtools.text import counted, line

if TYPE_CHECKING:
    from torch import Tensor

    from wbtools.model import Model

_NAME = 60  # letters of a class or person in a sentence
_UNDECIDED = "none; this network compares two people: add --other PERSON"
_SHOWN = 3  # classes besides the one decided for


@dataclass(frozen=True)
class Classes:
    """The classes that a network answers with for one person.

    Parameters
    ----------
    person : str
    names : tuple of str
    logits, probabilities : tuple of float
        Probabilities are the softmax of the logits; of each logit on its own, where each is a yes or no.
    apart : bool
        Whether each value is a yes or no of its own; of several, one for each slice.
    """

    person: str
    names: tuple[str, ...]
    logits: tuple[float, ...]
    probabilities: tuple[float, ...]
    apart: bool = False

    @property
    def index(self) -> int:
        """The class with the highest probability."""
        return max(range(len(self.names)), key=self.logits.__getitem__)

    def sentence(self) -> str:
        """The answer in words."""
        best = f"class {_named(self.names[self.index])}, probability {_probability(self.probabilities[self.index])}"
        if len(self.names) == 1:
            return f"{best} ({'yes' if self.logits[0] > 0 else 'no'})"
        if self.apart:
            yes = sum(value > 0 for value in self.logits)
            are = "is" if yes == 1 else "are"
            highest = f"{self.names[self.index]}, probability {_probability(self.probabilities[self.index])}"
            return f"{yes} of {len(self.names)} slices {are} above 0 (yes); highest: slice {highest}"
        others = sorted(set(range(len(self.names))) - {self.index}, key=lambda k: -self.logits[k])
        rest = [f"{_named(self.names[k])} {_probability(self.probabilities[k])}" for k in others[:_SHOWN]]
        more = f", {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        return f"{best} (others: {', '.join(rest)}{more})"

    def as_record(self) -> dict[str, object]:
        """What provenance keeps."""
        return {
            "person": self.person,
            "class": self.names[self.index],
            "index": self.index,
            "probability": self.probabilities[self.index],
            "probabilities": dict(zip(self.names, self.probabilities, strict=True)),
            "logits": list(self.logits),
            "each_value_is_a_yes_or_no": self.apart,
        }


@dataclass(frozen=True)
class Code:
    """An embedding of one person, and the bits of it if it is a hash code.

    Parameters
    ----------
    person : str
    size : int
    length : float
        Euclidean, before the embedding is brought to length 1.
    bits : str
        Of a hash code, `0` and `1`; empty if it is none.
    """

    person: str
    size: int
    length: float
    bits: str = ""

    def sentence(self) -> str:
        """The bits of a hash code in words."""
        return f"hash code {self.bits} ({counted(self.size, 'bit')})"


@dataclass(frozen=True)
class PairDecision:
    """The person and another one, as a network sees them.

    Parameters
    ----------
    other : str
    cosine, distance : float
        Distance is 1 - cosine; of hash codes, the share of bits that differ.
    threshold : float or None
        The checkpoint's: people nearer than this count as `alike`.
    differing : int or None
        Bits that differ.
    bits : int or None
    alike : str
        What people near to each other are, by this network: twins, or of one class.
    """

    other: str
    cosine: float
    distance: float
    threshold: float | None
    differing: int | None = None
    bits: int | None = None
    alike: str = "twins"

    @property
    def verdict(self) -> str:
        """As `twins` or `not twins`; empty where the checkpoint has no threshold, and of hash codes."""
        if self.threshold is None:
            return ""
        return self.alike if self.distance < self.threshold else f"not {self.alike}"

    def sentence(self) -> str:
        """The comparison in words."""
        if self.differing is not None:
            return (
                f"Hamming distance to {_named(self.other)}: {self.differing} of {self.bits} bits differ; no threshold"
            )
        start = f"cosine distance to {_named(self.other)} {self.distance:.4f}"
        if self.threshold is None:
            return f"{start}; the checkpoint has no threshold, so there is no verdict"
        return f"{start}, threshold {self.threshold:.4g}: {self.verdict}"


@dataclass(frozen=True)
class Decision:
    """All that a network says of the exported person and of those compared with.

    Parameters
    ----------
    classes : tuple of Classes
        The person first; empty for networks that answer with an embedding alone.
    codes : tuple of Code
        The person first; empty for networks without an embedding.
    comparisons : tuple of PairDecision
    """

    classes: tuple[Classes, ...] = ()
    codes: tuple[Code, ...] = ()
    comparisons: tuple[PairDecision, ...] = ()

    def sentences(self) -> tuple[str, ...]:
        """The decision in words, what counts most first."""
        said = [self._of_class(classes) for classes in self.classes]
        said += [comparison.sentence() for comparison in self.comparisons]
        if self.codes and (self.codes[0].bits or not said):
            said.append(self.codes[0].sentence() if self.codes[0].bits else _UNDECIDED)
        return tuple(said)

    def caption(self) -> str:
        """The decision as one line for a picture."""
        first, *rest = self.sentences()
        return f"Decision: {first}" + "".join(f"; {second}" for second in rest[:1]) + (", ..." if rest[1:] else "")

    def as_record(self) -> dict[str, object]:
        """What provenance keeps, as JSON values."""
        return {
            "in_words": list(self.sentences()),
            "classes": [classes.as_record() for classes in self.classes],
            "embeddings": [asdict(code) for code in self.codes],
            "comparisons": [
                {key: value for key, value in asdict(comparison).items() if key != "alike"}
                | {"verdict": comparison.verdict or "none"}
                for comparison in self.comparisons
            ],
        }

    def _of_class(self, classes: Classes) -> str:
        said = classes.sentence()
        return said if classes is self.classes[0] else f"of {_named(classes.person)}: {said}"


def decide(answers: Answers, images: Images, names: Sequence[str], target: Target) -> Decision:
    """Ask a network what it says of people.

    Parameters
    ----------
    answers : Answers
        Of the network.
    images : Images
        The exported person, and those who are compared with.
    names : sequence of str
        Of the exported person, then of the others.
    target : Target
        What is explained: tells what is meant where a network may answer with either classes or an embedding.

    Raises
    ------
    CheckError
        If an answer is not finite.
    """
    import torch

    model, shown = answers.model, (images.person, *images.people)
    by_kind = {kind: [answers.of(image, kind) for image in shown] for kind in model.network.answers}
    if not all(bool(torch.isfinite(answer).all()) for found in by_kind.values() for answer in found):
        raise CheckError(f"{model.name} answers with values that are not finite", hint="try another checkpoint")
    logits, embeddings = _meant(model, target, by_kind)
    found = tuple(_classes(model, name, answer) for name, answer in zip(names, logits, strict=False))
    embedded = tuple(_code(model, name, answer) for name, answer in zip(names, embeddings, strict=False))
    theirs = zip(names[1:], embeddings[1:], strict=True)
    compared = tuple(_compare(model, name, embeddings[0], answer) for name, answer in theirs)
    return Decision(found, embedded, compared)


def _meant(model: Model, target: Target, answers: dict[str, list[Tensor]]) -> tuple[Sequence[Tensor], Sequence[Tensor]]:
    """The answers that are classes, and those that are embeddings; of one answer under both names, one is meant."""
    import torch

    logits, raw = answers.get("logits", []), answers.get("raw", [])
    if not logits or not raw or not torch.equal(logits[0], raw[0]):
        return logits, raw
    classes = model.network.yes_or_no or model.card.classes or target.answer == "logits"
    return (logits, raw if len(raw) > 1 and target.answer == "raw" else []) if classes else ([], raw)


def _classes(model: Model, person: str, logits: Tensor) -> Classes:
    values = logits.double().flatten()
    apart = model.network.yes_or_no or len(values) == 1
    shares = values.sigmoid() if apart else values.softmax(0)
    names = class_names(model, len(values))
    return Classes(person, tuple(names), tuple(values.tolist()), tuple(shares.tolist()), apart)


def _code(model: Model, person: str, v: Tensor) -> Code:
    values = v.double().flatten()
    bits = "".join("1" if value > 0 else "0" for value in values.tolist()) if model.network.hashes else ""
    return Code(person, len(values), float(values.norm()), bits)


def _compare(model: Model, other: str, v: Tensor, w: Tensor) -> PairDecision:
    from torch.nn.functional import cosine_similarity

    mine, theirs = v.double().flatten(), w.double().flatten()
    cosine = float(cosine_similarity(mine, theirs, dim=0))
    if not model.network.hashes:
        return PairDecision(other, cosine, max(0.0, 1 - cosine), model.threshold, alike=model.network.alike)
    differing = int(((mine > 0) != (theirs > 0)).sum())
    return PairDecision(other, cosine, differing / len(mine), None, differing, len(mine))


def _named(name: str) -> str:
    return line(name, _NAME)


def _probability(value: float) -> str:
    """A probability that is never rounded to 0 or 1.

    Examples
    --------
    >>> _probability(0.93), _probability(0.99999), _probability(1e-9)
    ('0.930', '> 0.999', '< 0.001')
    """
    return "> 0.999" if value > 0.9995 else "< 0.001" if value < 0.0005 else f"{value:.3f}"
