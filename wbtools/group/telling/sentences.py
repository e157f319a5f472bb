"""Findings in words, as a page and a terminal say them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from wbtools.group.members.family_names import person
from wbtools.group.members.sameness import named
from wbtools.group.statistics.family_bootstrap import FEWEST_FAMILIES
from wbtools.group.vertex_tests import share_significant
from wbtools.reading.batch import natural
from wbtools.reading.record import section
from wbtools.regions.ranking import MISSING, SIGNIFICANT
from wbtools.text import counted, line

if TYPE_CHECKING:
    from wbtools.group.context.spin_test import SpinTest
    from wbtools.group.contrast_tests import ContrastTest
    from wbtools.group.members.cohort import Chosen, Cohort
    from wbtools.group.network_findings import NetworkFindings
    from wbtools.group.statistics.against_randomised import AgainstRandomised
    from wbtools.group.statistics.deep_structures import DeepStructures, Effect
    from wbtools.reading import Batch

CLOSENESS = "what distance from the middle alone would give"
FIGURE_DIGITS = ".2f"
"""How figures are shown."""

_FIRST = 3
_FEW_PERMUTATIONS = 20
"""With no more of them that can be told apart, no p is below .05."""
_FEW_DEGREES = 5
_LINES = 10
_CLASS = "the logit of class "
"""How the record begins the name of a class that was explained."""


def result(found: NetworkFindings) -> str:
    """The result of a network, in a sentence."""
    names = list(found.table.index[:_FIRST])
    first = ", ".join(f"{name} ({ranked(found, name)})" for name in names)
    who = people(found.cohort)
    agree = f"people agree with W = {found.consistency.concordance:.2f}"
    return f"In {who}, the maps of {line(found.name, 60)} are highest in {first}; {outstanding(found)}{agree}."


def results(found: NetworkFindings) -> list[str]:
    """The result of a network, then those of its contrasts."""
    said = [contrast(each, found.measures.names) for each in found.contrasts]
    return [result(found), *said, *map(vertices, found.vertices)]


def people(cohort: Cohort) -> str:
    """How many people, and of how many families if those are fewer; in pairs, how many exports: of whom is unknown."""
    families, persons = len(set(cohort.families)), len({person(who) for who in cohort.people})
    many = f"{len(cohort)} exports" if cohort.paired else shown(cohort.people)
    return many if families == persons else f"{many} of {counted(families, 'family')}"


def families(chosen: Chosen) -> str:
    """What makes families."""
    columns = " and ".join(line(each, 60) for each in chosen.families_by)
    return f"families by {columns}" if columns else "every person a family"


def shown(ids: Iterable[str]) -> str:
    """How many people, and how many exports if those are more: sessions of a person are exports of their own.

    Examples
    --------
    >>> shown(["01", "02"]), shown(["01_ses-a", "01_ses-b", "02_ses-a"])
    ('2 people', '3 exports of 2 people')
    """
    exports = list(ids)
    persons = counted(len({person(who) for who in exports}), "person")
    return persons if len({person(who) for who in exports}) == len(exports) else f"{len(exports)} exports of {persons}"


def interval(ends: tuple[float, float], form: str = FIGURE_DIGITS) -> str:
    """Both ends of an interval; `n/a` without one.

    Examples
    --------
    >>> interval((1.234, 2.0)), interval((float("nan"), float("nan")))
    ('1.23 to 2.00', 'n/a')
    """
    return f"{ends[0]:{form}} to {ends[1]:{form}}" if np.isfinite(ends).all() else MISSING


def ranked(found: NetworkFindings, region: str) -> str:
    """The ranked level of a region, and its rank with the interval."""
    row = found.table.loc[region]
    if np.isnan(row["rank_low"]):
        return f"level {row['ranked_level']:.2f}, rank {row['rank']:g}"
    ends = f"{row['rank_low']:g} to {row['rank_high']:g}"
    return f"level {row['ranked_level']:.2f}, rank {row['rank']:g}, 95 % interval {ends}"


def outstanding(found: NetworkFindings) -> str:
    """How many regions stand out from randomised networks, as the beginning of a sentence; empty without these."""
    if not found.randomised:
        return ""
    regions, known = found.outstanding, int(np.isfinite(found.randomised.p).sum())
    first = f", first {regions[0]}" if regions else ""
    stand = "stands" if len(regions) == 1 else "stand"
    return f"{len(regions)} of {known} regions {stand} out from randomised networks (p < {SIGNIFICANT}){first}; "


def contrast(test: ContrastTest, names: tuple[str, ...]) -> str:
    """What a contrast found, in a sentence."""
    ordered = test.ordered
    if not len(ordered):
        return f"{line(test.name, 60)}: no region could be tested."
    place = int(ordered[0])
    significant = int((test.p_corrected[ordered] < SIGNIFICANT).sum())
    best = f"{names[place]} (t = {test.t[place]:.2f}, p = {test.p_corrected[place]:.3g}, {test.effect} "
    return (
        f"{line(test.name, 60)} ({test.contrast.says}): {significant} of {len(ordered)} regions with p < "
        f"{SIGNIFICANT}; first {best}{test.effect_size[place]:.2f}). By {test.said}."
    )


def vertices(test: ContrastTest) -> str:
    """What a contrast found in vertices, in a sentence."""
    share = share_significant(test)
    return f"{line(test.name, 60)}, in vertices: {share:.1%} of the cortex with p < {SIGNIFICANT} (TFCE; {test.said})."


def cautions(networks: Iterable[NetworkFindings]) -> list[str]:
    """What must be known of the group before its figures are read."""
    said = [caution for found in networks for caution in _cautions(found)]
    return list(dict.fromkeys(said))


def left_out(chosen: Chosen) -> str:
    """How many were left out, in a sentence; empty if nobody was."""
    if not chosen.left_out:
        return ""
    failed = sum(each.why.startswith("failed its trust checks") for each in chosen.left_out)
    who = sorted({each.who for each in chosen.left_out}, key=natural)
    what = f"{counted(len(who), 'export')} ({named(who)})"
    why = f"; trust checks failed in {counted(failed, 'map')}" if failed else ""
    return f"Left out: {what}{why}."


def _cautions(found: NetworkFindings) -> Iterable[str]:
    name = line(found.name, 60)
    if not found.bootstrap.enough:
        families = counted(found.bootstrap.families, "family")
        yield f"There are no intervals: people are of {families}, and {FEWEST_FAMILIES} are needed."
    if not found.randomised:
        yield f"{name} is not compared with randomised networks: {found.measures.without_null}."
    else:
        yield from _of_randomised(name, found.randomised, found.measures.unshared)
    failed = [who for who, each in found.cohort.results.items() if not each.passed]
    if failed:
        yield f"{name}: with {counted(len(failed), 'map')} whose trust checks failed."
    explained = Counter(filter(None, map(_class_of, (each.about for each in found.cohort.results.values()))))
    if len(explained) > 1:
        shares = ", ".join(f"{line(each, 60)} in {count}" for each, count in explained.most_common())
        yield f"{name}: the class that a map explains is the one decided for: {shares}. Compare people of one class."
    for test in found.contrasts:
        yield from _of_contrast(test)


def _of_contrast(test: ContrastTest) -> Iterable[str]:
    if test.distinct <= _FEW_PERMUTATIONS:
        many = counted(test.distinct, "distinct permutation")
        yield f"{line(test.name, 60)}: there are only {many}; no p can be below {test.tests.lowest_p:.3g}."
    if test.tests.freedom < _FEW_DEGREES:
        many = counted(test.tests.freedom, "residual degree", "residual degrees")
        yield f"{line(test.name, 60)}: with {many} of freedom, t and effect are uncertain; add people, or drop terms."


def _of_randomised(name: str, found: AgainstRandomised, unshared: int) -> Iterable[str]:
    if unshared:
        count = counted(unshared, "randomised network")
        yield f"{name}: {count} that not everybody was compared with {'is' if unshared == 1 else 'are'} left out."
    if found.lowest_p >= SIGNIFICANT:
        yield f"{name}: with {found.networks} randomised networks, no p can be below {found.lowest_p:.3g}."


def _class_of(about: object) -> str:
    """The class that was explained; empty if it was none."""
    said = str(section(about, "attribution").get("target", "")) if isinstance(about, dict) else ""
    return said.removeprefix(_CLASS).partition(",")[0].partition(";")[0] if said.startswith(_CLASS) else ""


def deep(found: DeepStructures) -> str:
    """Subcortex against cortex, with what needs no learning beside it."""
    if np.isnan(found.network.d_paired):
        return "Subcortex against cortex: no d, which needs people who differ."
    if not reliable(found.network):
        return f"Subcortex against cortex: no d, which needs {FEWEST_FAMILIES} families."
    said = f"Subcortex against cortex: d = {effect(found.network)}"
    mean, low, high = spread([each.d_paired for each in found.randomised])
    if np.isfinite(mean):
        said += f"; randomised networks: {mean:.2f}, from {low:.2f} to {high:.2f}"
    if np.isfinite(found.closeness.d_paired) and reliable(found.closeness):
        said += f"; closeness to the middle of the brain: d = {effect(found.closeness)} ({CLOSENESS})"
    return said


def spins(found: Iterable[SpinTest]) -> list[str]:
    """Correlations with annotations, a line each; how many more there are."""
    tests: dict[str, list[str]] = {}
    for test in found:
        tests.setdefault(test.annotation, []).append(f"{test.coefficient} r = {test.r:.2f}, p = {test.p:.3g}")
    said = [f"Annotation {line(name, 60)}: {'; '.join(each)}" for name, each in tests.items()]
    rest = len(said) - _LINES
    return said if rest <= 0 else [*said[:_LINES], f"{counted(rest, 'more annotation')}: on the page"]


def rows(chosen: Chosen, batch: Batch) -> list[str]:
    """How many rows of the table of participants are nobody's: it may be that of a whole study."""
    if not chosen.without_export or batch.participants_file is None:
        return []
    many, has = len(chosen.without_export), "has" if len(chosen.without_export) == 1 else "have"
    return [f"{counted(many, 'row')} of {line(batch.participants_file.name, 60)} {has} no export."]


def spread(values: ArrayLike) -> tuple[float, float, float]:
    """Mean, lowest and highest of the finite values; NaN if there are none.

    Examples
    --------
    >>> spread([1.0, float("nan"), 3.0])
    (2.0, 1.0, 3.0)
    """
    numbers = np.asarray(values, np.float64)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return float("nan"), float("nan"), float("nan")
    return float(known.mean()), float(known.min()), float(known.max())


def effect(found: Effect) -> str:
    """A paired d with its interval."""
    return f"{found.d_paired:{FIGURE_DIGITS}} [{interval(found.d_paired_interval)}]"


def reliable(found: Effect) -> bool:
    """Whether a d is of families enough for an interval: with fewer it may have any size."""
    return bool(np.isfinite(found.d_paired_interval).all())
