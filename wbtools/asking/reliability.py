"""How often a network's verdicts were right on its validation data, as its card states it."""

from __future__ import annotations

from dataclasses import dataclass

from wbtools.attribution.decision import PairDecision
from wbtools.model import Card
from wbtools.text import counted, line

_FIGURES = ("validation_sensitivity", "validation_specificity", "validation_pairs")
_SHOWN = 4
_FEW, _MANY = 30, 1e9  # pairs, or people
_RIGHT, _PEOPLE = "validation_accuracy", "validation_people"
_OPTIMISTIC = "The threshold was chosen on the same data: expect somewhat less for new people."


@dataclass(frozen=True)
class Reliability:
    """How well a threshold told pairs that belong together from others.

    Parameters
    ----------
    sensitivity : float
        Share of pairs nearer than the threshold.
    specificity : float
        Share of other pairs that are not.
    pairs : int
        How many pairs there were; 0 if the card does not say.

    Examples
    --------
    >>> found = Reliability(0.9, 0.9, 20)
    >>> round(found.right(near=True), 3), round(found.right(near=False), 3)
    (0.9, 0.9)
    """

    sensitivity: float
    specificity: float
    pairs: int = 0

    def right(self, *, near: bool) -> float:
        """Share of verdicts of a kind that were right, among as many pairs as other pairs; NaN if there were none."""
        hits, correct = self.sensitivity, self.specificity
        good, bad = (hits, 1 - correct) if near else (correct, 1 - hits)
        return good / (good + bad) if good + bad > 0 else float("nan")

    def sentences(self, pair: PairDecision) -> tuple[str, ...]:
        """How often such verdicts were right, in words."""
        alike, verdict, near = f"pairs of {pair.alike}", pair.verdict, pair.verdict == pair.alike
        of = f" (of {self.pairs})" if self.pairs else ""
        right = self.right(near=near)
        said = (
            f"{_percent(right)} of verdicts '{verdict}' were right" if right == right else "there was no such verdict"
        )
        shares = _percent(self.sensitivity), _percent(1 - self.specificity)
        found = (
            f"On the network's validation data, with {alike} and as many others, {said}: {shares[0]} of "
            f"{alike}{of} are nearer than the threshold, and {shares[1]} of other pairs."
        )
        few = _few(self.sensitivity, self.pairs, f"{counted(self.pairs, 'pair')} of {pair.alike}")
        rare = f"Where {alike} are rarer than in such data, fewer verdicts '{verdict}' are right."
        return tuple(each for each in (found, few, _OPTIMISTIC, rare if near else "") if each)


def _few(share: float, count: int, said: str) -> str:
    """How little follows from a share of so few, with Wilson's interval; empty for many, or an unknown number."""
    if not 0 < count < _FEW:
        return ""
    from scipy.stats import binomtest

    found = binomtest(round(share * count), count).proportion_ci(method="wilson")
    return (
        f"Little follows from {said}: that share may be anything from {_percent(found.low)} to {_percent(found.high)} "
        "(95 % interval)."
    )


def _count(number: float | None) -> int:
    """A number of pairs or people that a card states; 0 for none that can be meant."""
    return int(number) if number is not None and 0 < number < _MANY else 0


def of(card: Card) -> Reliability | None:
    """What a card states; None if it does not."""
    values = [card.performance.get(name) for name in _FIGURES]
    sensitivity, specificity, pairs = values
    if sensitivity is None or specificity is None or not (0 <= sensitivity <= 1 and 0 <= specificity <= 1):
        return None
    return Reliability(sensitivity, specificity, _count(pairs))


def said_of(card: Card, pair: PairDecision) -> tuple[str, ...]:
    """How often such a verdict was right, in sentences; or that the card does not say, and what it says instead.

    Parameters
    ----------
    card : Card
    pair : PairDecision
        With a verdict.

    Examples
    --------
    >>> said_of(Card(name="net", title="net", family="unet", assumed=True), PairDecision("100408", 0.9, 0.1, 0.2))
    ('There is no card beside net that says how often such verdicts were right.',)
    """
    if card.assumed:
        return (f"There is no card beside {card.name} that says how often such verdicts were right.",)
    known = of(card)
    if known is not None:
        return known.sentences(pair)
    figures = ", ".join(f"{line(name, 40)} {value:.4g}" for name, value in list(card.performance.items())[:_SHOWN])
    other = f"; it states {figures}" if figures else ""
    return (f"The card of {card.name} does not say how often such verdicts were right{other}.",)


def said_of_classes(card: Card) -> tuple[str, ...]:
    """How often a network's classes were right, in sentences; or that the card does not say.

    Examples
    --------
    >>> said_of_classes(Card(name="net", title="net", family="mrinet", performance={"validation_accuracy": 0.91}))[0]
    "On the network's validation data, 91.0 % of classes were right."
    """
    if card.assumed:
        return (f"There is no card beside {card.name} that says how often its classes were right.",)
    right = card.performance.get(_RIGHT)
    if right is None or not 0 <= right <= 1:
        return (f"The card of {card.name} does not say how often its classes were right.",)
    people = _count(card.performance.get(_PEOPLE))
    of = f" ({counted(people, 'person')})" if people else ""
    found = f"On the network's validation data{of}, {_percent(right)} of classes were right."
    few = _few(right, people, counted(people, "person"))
    chosen = "The checkpoint was chosen on the same data: expect somewhat less for new people."
    return tuple(each for each in (found, few, chosen) if each)


def _percent(share: float) -> str:
    """A share that is rounded neither to none nor to all.

    Examples
    --------
    >>> _percent(0.954), _percent(1.0), _percent(0.9999), _percent(0.0)
    ('95.4 %', '100 %', '> 99.9 %', '0 %')
    """
    if share in (0.0, 1.0):
        return f"{100 * share:.0f} %"
    return "> 99.9 %" if share > 0.9995 else "< 0.1 %" if share < 0.0005 else f"{100 * share:.1f} %"
