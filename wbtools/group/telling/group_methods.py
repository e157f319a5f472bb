"""The methods of a group in a paragraph, made from its settings and figures alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wbtools.group.measures import MEAN
from wbtools.group.statistics.against_randomised import MARGIN
from wbtools.group.telling.sentences import people
from wbtools.text import counted, line
from wbtools.version import __version__

if TYPE_CHECKING:
    from wbtools.group.analysis import GroupResult
    from wbtools.group.network_findings import NetworkFindings


def methods(result: GroupResult) -> tuple[str, ...]:
    """A paragraph on each network, and on what all share."""
    return (*(_network(result, each) for each in result.networks.values()), *_tests(result), _software(result))


def _network(result: GroupResult, found: NetworkFindings) -> str:
    first = next(iter(found.cohort.results.values()))
    sha256 = str(first.about.get("sha256", ""))[:12]
    said = [
        f"Maps of {people(found.cohort)} by the network {line(found.cohort.title, 100)} (SHA-256 {sha256}...) and the "
        f"method {line(first.method, 60)} were put together, all made with wbtools {first.record.version} and the same "
        "settings.",
        "Maps that had failed their checks of trust were included."
        if result.settings.include_failed
        else "Maps that had failed their checks of trust were left out.",
        "A person's level of a region is the binary logarithm of its mean |relevance| relative to that of the person's "
        f"median region; the ranked level is that of {found.measures.ranked_by}. Regions "
        f"({len(found.measures.regions)}) were ranked by the mean over people of the ranked level.",
    ]
    if found.bootstrap.enough:
        said.append(
            f"Intervals are of {found.bootstrap.level:.0%}, by {found.bootstrap.draws:,} bootstrap samples of "
            f"{counted(found.bootstrap.families, 'family')} (seed {found.bootstrap.seed}); those of ranks compare each "
            "region with every other (Mogstad et al. 2024)."
        )
    if found.randomised:
        said.append(
            f"Mean ranked levels were compared with those of {found.randomised.networks} networks with randomised "
            "weights, the same for everybody. The excess of a network in a region is 2 to the power of its mean level "
            "less 2 to that of the limit, the 95th percentile of a further network's level predicted from the mean and "
            "moderated variance of all others (Smyth 2004). p is the share of networks, this one among them, with as "
            "large an excess in any region, by step-down maxima (Westfall and Young 1993; Dwass 1957); a positive "
            f"excess of a randomised network was counted {MARGIN:g} times. Signs were not flipped between people, who "
            "share the network."
        )
    said.append(
        "Consistency is the share of people in whose own top tenth a region is, and agreement Kendall's W over "
        f"{found.consistency.regions} regions, both by ranked levels."
    )
    return " ".join(said)


def _tests(result: GroupResult) -> list[str]:
    tests = [each for found in result.networks.values() for each in found.contrasts]
    said = []
    if tests:
        names = ", ".join(dict.fromkeys(line(each.name, 60) for each in tests))
        of = f"the formula {line(result.settings.formula, 200)}"
        paired = f", within pairs that share {line(result.settings.paired, 60)}" if result.settings.paired else ""
        how = " or ".join(dict.fromkeys(each.permutations for each in tests))
        freedom = " or ".join(dict.fromkeys(str(each.tests.freedom) for each in tests))
        said.append(
            f"Contrasts ({names}) of {of}{paired} were tested in linear models of each region's level of {MEAN}, with "
            f"{freedom} residual degrees of freedom, by {how} of "
            f"{'the signs of differences' if paired else 'people (Freedman and Lane 1983)'} that keep families "
            "together (Winkler et al. 2015), two-sided, corrected by the largest |t| over regions; not for the number "
            "of contrasts."
        )
    if result.settings.vertex_wise:
        said.append(
            "They were tested in vertices of the cortex in the same way, by threshold-free cluster enhancement (E = "
            "0.5, H = 2; Smith and Nichols 2009) on the midthickness of the S1200 average."
        )
    spins = [test for found in result.networks.values() for test in found.context.spins]
    if spins:
        said.append(
            f"Mean levels of {MEAN} in cortical areas were correlated with "
            f"{counted(len({test.annotation for test in spins}), 'annotation')}; p by {spins[0].rotations:,} random "
            "rotations on the sphere (Alexander-Bloch et al. 2018), not corrected for the number of annotations."
        )
    return said


def _software(result: GroupResult) -> str:
    family = " and ".join(line(each, 60) for each in result.chosen.families_by)
    by = f"Families are those of the column {family}." if family else "Every person was taken for a family."
    return f"{by} The group was analysed with wbtools {__version__}."
