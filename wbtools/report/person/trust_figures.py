"""The figures of a map's trust as bars against their limits, with a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

from wbtools.attribution.evaluation.sanity_checks import CONSERVED, OUTSIDE, TOO_ALIKE
from wbtools.reading.record import Json, number, section
from wbtools.report.parts import Bar
from wbtools.text import line

_ALIKE = {
    "correlation_with_randomised": (
        "Like maps of randomised networks",
        "Correlation with the maps of networks that learned nothing: a map much like theirs shows brains and "
        "architectures, not learning.",
    ),
    "correlation_with_image": (
        "Like the image",
        "Correlation with the image: a map much like it shows what can be seen without any network.",
    ),
    "correlation_with_difference_from_reference": (
        "Like the difference from the reference",
        "Correlation with the bare difference of the image from the reference brain, which needs no network either.",
    ),
}
_LEAST_KEPT = 0.99


def bars(about: Json) -> list[Bar]:
    """The figures of one map.

    Parameters
    ----------
    about : mapping
        What the record says of a network, or of its map by a second method.
    """
    return [*_alike(section(about, "trust")), *_shares(about), *_answer(section(about, "trust")), *_told(about)]


def _alike(trust: Json) -> Iterator[Bar]:
    for key, (name, says) in _ALIKE.items():
        both = {kind: number(trust, key, kind) for kind in ("pearson", "spearman")}
        known = {kind: value for kind, value in both.items() if value is not None}
        if known:
            kind = max(known, key=lambda each: known[each])
            shown = f"{says} The larger of Pearson's and Spearman's is shown: {kind.capitalize()}'s."
            yield Bar(f"trust.{key}.{kind}", name, known[kind], shown, high=TOO_ALIKE)


def _shares(about: Json) -> Iterator[Bar]:
    outside = number(about, "trust", "share_outside_brain")
    if outside is not None:
        says = "Share of the map where there is no brain."
        yield Bar("trust.share_outside_brain", "Outside the brain", outside, says, high=OUTSIDE)
    conserved = number(about, "trust", "conservation")
    if conserved is not None:
        says = "What arrived in the image of the score that was divided; 1 is all of it."
        limits = {"low": 1 - CONSERVED, "high": 1 + CONSERVED}
        yield Bar("trust.conservation", "Conservation", conserved, says, most=2 * limits["high"], **limits)
    kept = number(about, "relevance_kept")
    if kept is not None:
        says = "What arrived on the T1w's grid of the relevance on the network's grid."
        # The total of signed relevance may be next to nothing, and a share of it says nothing then.
        low = None if section(about, "attribution").get("signed") is True else _LEAST_KEPT
        yield Bar("relevance_kept", "Kept on the way to the T1w", kept, says, low=low)


def _answer(trust: Json) -> Iterator[Bar]:
    change, least = number(trust, "answer", "change"), number(trust, "answer", "least")
    if change is not None and least is not None:
        other = line(section(trust, "answer").get("compared_with", "the reference"))
        says = f"How far the network's answer moves between this brain and {other}; a network that does not see the "
        says += "difference has nothing that a map could divide."
        yield Bar(
            "trust.answer.change", "Change of the answer", change, says, low=least, most=max(change, 4 * least, 1e-9)
        )


def _told(about: Json) -> Iterator[Bar]:
    inside = number(about, "share_inside_atlas")
    if inside is not None:
        yield Bar("share_inside_atlas", "Inside the atlas", inside, "Share of the relevance in regions of the ranking.")
    spread = number(about, "against_randomised_networks", "spread")
    if spread is not None:
        says = "Spread of the regions' z: about 1 for a network that has learned nothing."
        yield Bar("against_randomised_networks.spread", "Spread of z", spread, says, most=max(4.0, spread))
