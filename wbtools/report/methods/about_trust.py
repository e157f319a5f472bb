"""Sentences on the comparison with randomised networks, and on the checks of a map."""

from __future__ import annotations

from collections.abc import Iterator

from wbtools.regions.calibration import MARGIN, USUAL
from wbtools.report.methods.dialects import Sentence, cite
from wbtools.report.methods.lookup import Part, percent, quoted, shown

_REFERENCES = 2
"""How many references randomised networks are explained against, of those there are."""


def calibration(part: Part) -> Iterator[Sentence]:
    """How ranks were compared with those of networks that learned nothing."""
    found = part.at("against_randomised_networks")
    count = found.number("networks")
    if count is None:
        if part.at("attribution"):
            yield ("Ranks were not compared with those of randomised networks.",)
        return
    method = found.text("method")
    yield (
        f"Each region was compared with the same region in the maps of {shown(count)} networks of the same "
        f"architecture with randomised weights{f', made by {quoted(method)}' if method else ''}: a Monte Carlo test",
        cite("dwass1957", "phipson2010"),
        ".",
    )
    references = part.at("attribution", "reference").number("count") or 0
    if references > _REFERENCES:
        yield (
            "For this comparison, the maps of all networks, that of the network itself included, were made with the "
            f"first two of the {shown(references)} references.",
        )
    yield from _statistic(count)
    yield from _figures(found)


def _statistic(count: float) -> Iterator[Sentence]:
    """What regions were tested by."""
    yield (
        f"The statistic was a region's excess, relative to the median region, over an upper limit: the "
        f"{100 * USUAL:.0f}th percentile of a further map, predicted from the mean and the moderated variance of the "
        "other maps' logarithms",
        cite("smyth2004"),
        ".",
    )
    yield (
        f"The excess of a randomised network was counted {shown(MARGIN)} times, as networks whose batch norms were "
        "filled from other images differ a little more; p was (1 + the number of randomised networks whose largest "
        f"excess, so counted, reached the region's) / ({shown(count)} + 1), corrected for the number of regions by "
        "the step-down maximum statistic",
        cite("westfall1993"),
        ".",
    )


def _figures(found: Part) -> Iterator[Sentence]:
    lowest, alike = found.number("lowest_p"), found.number("spearman")
    if lowest is not None:
        yield (f"The lowest possible p was {shown(lowest)}.",)
    if alike is not None:
        yield (f"The mean Spearman correlation with the randomised networks over regions was {shown(alike)}.",)


def checks(trust: Part, map_words: str = "The map") -> Iterator[Sentence]:
    """What was measured of a map, and the verdict.

    Parameters
    ----------
    trust : Part
        As provenance keeps it.
    map_words : str
        What the map is called.
    """
    compared = (
        _correlation(trust, "randomised", _networks(trust), "adebayo2018"),
        _correlation(trust, "image", "the image itself", "kindermans2019"),
        _correlation(trust, "difference_from_reference", "the image's difference from the reference"),
    )
    told = [piece for figures in filter(None, compared) for piece in ("; ", *figures)][1:]
    if told:
        whose = f"{map_words[0].lower()}{map_words[1:]}"
        yield (f"Pearson's and Spearman's correlations of the magnitudes of {whose} were ", *told, ".")
    kept, outside = trust.number("conservation"), trust.number("share_outside_brain")
    if kept is not None:
        yield (f"Of the explained quantity, {percent(kept)} arrived in the map (conservation).",)
    if outside is not None:
        yield (f"Of the magnitude, {percent(outside)} lay outside the brain.",)
    yield from _answer(trust.at("answer"))
    yield from _curves(trust.at("curves"))
    yield from _verdict(trust, map_words)


def _networks(trust: Part) -> str:
    count = trust.number("randomised_networks")
    return f"the maps of {shown(count)} networks with randomised weights" if count else "randomised networks"


def _correlation(trust: Part, key: str, other: str, *works: str) -> Sentence:
    figures = trust.at(f"correlation_with_{key}")
    pearson, spearman = figures.number("pearson"), figures.number("spearman")
    if pearson is None or spearman is None:
        return ()
    return (f"{pearson:.2f} and {spearman:.2f} with {other}", cite(*works))


def _answer(answer: Part) -> Iterator[Sentence]:
    change, least, other = answer.number("change"), answer.number("least"), answer.text("compared_with")
    if change is not None and least is not None:
        yield (f"The answer changed by {shown(change)} from that for {other} (at least {shown(least)} was required).",)


def _curves(curves: Part) -> Iterator[Sentence]:
    if curves.parts("cascading_randomisation"):
        yield ("Layers were also randomised one after the other, from the last to the first", cite("adebayo2018"), ".")
    for name, work in (("deletion", "samek2017"), ("insertion", "petsiuk2018")):
        value = curves.number(f"{name}_against_random")
        if value is not None:
            yield (
                f"The {name} of the most relevant cubes",
                cite(work),
                f" differed from that in random order by {shown(value)} of the score's range.",
            )
    value = curves.number("agreement_with_occlusion")
    if value is not None:
        yield (
            "Over regions, relevance and the fall of the score by occlusion",
            cite("zeiler2014"),
            f" had a Spearman correlation of {value:.2f}.",
        )


def _verdict(trust: Part, map_words: str) -> Iterator[Sentence]:
    passed, failures = trust.flag("passed"), trust.texts("failures")
    if failures:
        yield (f"{map_words} failed these checks and was not to be trusted: {'; '.join(failures)}.",)
    elif passed and trust.at("correlation_with_randomised"):
        yield (f"{map_words} passed these checks.",)
    elif passed:
        yield (f"{map_words} passed these checks, but was not compared with randomised networks.",)
