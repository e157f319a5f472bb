"""What a report says first: which network, which question, its answer, and whether its map may be believed."""

from __future__ import annotations

from dataclasses import dataclass

from wbtools.reading.record import section
from wbtools.reading.results import NetworkResults
from wbtools.regions.ranking import SIGNIFICANT
from wbtools.text import line

_ON_THE_TERMINAL = ": add --"
"""Begins what a decision tells people to type."""


@dataclass(frozen=True)
class KeyFigure:
    """A figure that stands out.

    Parameters
    ----------
    name, figure, says : str
    """

    name: str
    figure: str
    says: str


@dataclass(frozen=True)
class Findings:
    """What one network found, in a few words.

    Parameters
    ----------
    answer : str
        The network, the question and its answer.
    belief : str
        Whether the map may be believed.
    passed : bool or None
        Whether the map passed its checks; None if they say nothing.
    figures : tuple of KeyFigure
        The first region, and the part outside the atlas.
    """

    answer: str
    belief: str
    passed: bool | None
    figures: tuple[KeyFigure, ...]

    @classmethod
    def of(cls, results: NetworkResults) -> Findings:
        """What a network found."""
        return cls(_answer(results), _belief(results), _passed(results), _figures(results))


def answer(word: object) -> str:
    """An answer of a decision as pages have it: without what the terminal tells people to type.

    Examples
    --------
    >>> answer("none; this network compares two people: add --other PERSON")
    'none; this network compares two people'
    """
    return line(word).partition(_ON_THE_TERMINAL)[0]


def _answer(results: NetworkResults) -> str:
    decision = results.decision
    said = decision.get("in_words")
    answers = said if isinstance(said, list) and said else ["not on record"]
    words = "; ".join(map(answer, answers))
    asked = line(decision.get("explained") or section(results.about, "attribution").get("target") or "its answer")
    return (
        f"{_sentence_start(line(results.title))} was asked about {line(results.record.subject)}; decision: {words}. "
        f"The map explains {asked}."
    )


def _sentence_start(title: str) -> str:
    return f"The network {title!r}" if title[:1].islower() else f"The network \u201c{title}\u201d"


def _passed(results: NetworkResults) -> bool | None:
    trust = results.trust
    if trust.get("passed") is True and trust.get("correlation_with_randomised") is None:
        return None
    return trust.get("passed") if isinstance(trust.get("passed"), bool) else None


def _belief(results: NetworkResults) -> str:
    verdict = line(results.trust.get("verdict") or "The map was not checked.")
    passed = _passed(results)
    if passed is None:
        return f"Whether the map may be believed is open: {_lower(verdict)}"
    if passed:
        return f"The map passed its checks, which a map must before it can be believed: {_after_colon(verdict)}"
    return f"The map must not be believed: {_after_colon(verdict)}"


def _after_colon(verdict: str) -> str:
    return verdict.partition(": ")[2] or verdict


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _figures(results: NetworkResults) -> tuple[KeyFigure, ...]:
    calibrated = results.ranking.known("calibrated_rank")
    first = results.ranking.ordered("calibrated_rank" if calibrated else "rank")[0]
    how = "calibrated rank 1" if calibrated else "rank 1"
    alone = none_stands_out(first.numbers.get("p_corrected", float("nan"))) if calibrated else ""
    sides = f"{first.numbers['share']:.1%} of the relevance, in {first.numbers['volume_mm3'] / 1000:.1f} ml"
    return (
        KeyFigure(f"First region ({how})", line(first.name), "; ".join(filter(None, (sides, alone)))),
        KeyFigure(
            "Outside the atlas",
            f"{results.share_outside:.1%}",
            "of the relevance lies in no region of the ranking: white matter, ventricles, rims and the rest.",
        ),
    )


def none_stands_out(p: float) -> str:
    """That no region stands out from randomised networks, where the lowest p says so: some region is always first.

    Examples
    --------
    >>> none_stands_out(1.0), none_stands_out(0.01)
    ('none stands out from randomised networks, p 1', '')
    """
    return f"none stands out from randomised networks, p {p:.2g}" if p >= SIGNIFICANT else ""


def cautions(results: NetworkResults) -> list[str]:
    """What has to be said of the method, by sentences."""
    caution = line(section(results.about, "attribution").get("caution") or "")
    return [caution] if caution else []
