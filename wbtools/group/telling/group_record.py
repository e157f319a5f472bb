"""All figures of a group as JSON values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from wbtools.group.contrast_tests import ContrastTest
from wbtools.group.members.sameness import deciding
from wbtools.group.network_findings import NetworkFindings
from wbtools.group.statistics.deep_structures import DeepStructures, Effect
from wbtools.group.telling.region_table import CONTRAST
from wbtools.group.telling.sentences import spread
from wbtools.group.vertex_tests import share_significant
from wbtools.report.page import NOTICE
from wbtools.version import __version__

if TYPE_CHECKING:
    from wbtools.group.analysis import GroupResult
    from wbtools.group.brain_context import BrainContext
    from wbtools.group.shared_maps import SharedMaps

Json = dict[str, Any]


def as_record(result: GroupResult) -> Json:
    """What was found, for programs."""
    return {
        "wbtools": __version__,
        "notices": [*result.notices, NOTICE],
        "settings": result.settings.as_record(),
        "people": list(result.people),
        "family_column": result.chosen.family or None,
        "paired_column": result.settings.paired or None,
        "rows_without_export": len(result.chosen.without_export),
        "left_out": left_out(result),
        "networks": {name: _network(each) for name, each in result.networks.items()},
        "agreement": _shared(result.shared) if result.shared else None,
    }


def left_out(result: GroupResult) -> list[Json]:
    """Who is not in the group, and why."""
    return [{"who": each.who, "why": each.why, "network": each.network or None} for each in result.left_out]


def rounded(value: object) -> float | None:
    """A number of seven digits; None for what is missing.

    Examples
    --------
    >>> rounded(1 / 3), rounded(float("nan"))
    (0.3333333, None)
    """
    number = float(str(value))
    return float(f"{number:.7g}") if np.isfinite(number) else None


def _network(found: NetworkFindings) -> Json:
    randomised = found.randomised
    return {
        "title": found.cohort.title,
        "made_by": dict(deciding(next(iter(found.cohort.results.values())))),
        "ranked_by": found.measures.ranked_by,
        "people": list(found.cohort.people),
        "families": found.bootstrap.families,
        "intervals": {"level": found.bootstrap.level, "resamples": found.bootstrap.draws}
        if found.bootstrap.enough
        else None,
        "concordance": {"W": rounded(found.consistency.concordance), "regions": found.consistency.regions},
        "against_randomised_networks": {
            "networks": randomised.networks,
            "lowest_p": rounded(randomised.lowest_p),
            "outstanding": found.outstanding,
        }
        if randomised
        else {"none": found.measures.without_null},
        "subcortex_against_cortex": _deep(found.deep) if found.deep else None,
        "contrasts": {each.name: _contrast(each, found.measures.names) for each in found.contrasts},
        "vertices": {each.name: _vertices(each) for each in found.vertices},
        **_context(found.context),
        "regions": [
            _row(name, row) for name, row in zip(found.table.index, found.table.to_dict("records"), strict=True)
        ],
    }


def _row(name: str, row: Mapping[str, object]) -> Json:
    return {"region": name} | {key: value if isinstance(value, str) else rounded(value) for key, value in row.items()}


def _effect(found: Effect) -> Json:
    return {
        "difference": rounded(found.difference),
        "d_paired": rounded(found.d_paired),
        "d_paired_interval": [rounded(end) for end in found.d_paired_interval],
        "d_pooled": rounded(found.d_pooled),
        "d_pooled_interval": [rounded(end) for end in found.d_pooled_interval],
        "people": found.people,
    }


def _deep(found: DeepStructures) -> Json:
    return {
        "network": _effect(found.network),
        "randomised_networks": [_effect(each) for each in found.randomised],
        "closeness_to_the_middle_of_the_brain": _effect(found.closeness),
    }


def _contrast(test: ContrastTest, names: tuple[str, ...]) -> Json:
    tests = test.tests
    return {
        "means": test.contrast.says,
        "effect": test.effect,
        "degrees_of_freedom": tests.freedom,
        "permutations": len(tests.maxima),
        "distinct_permutations": test.distinct,
        "exact": test.exact,
        "lowest_p": rounded(tests.lowest_p),
        "regions": {
            name: {measure.name: rounded(getattr(test, measure.name)[place]) for measure in CONTRAST}
            for place, name in enumerate(names)
        },
    }


def _vertices(test: ContrastTest) -> Json:
    return {
        "share_of_cortex_significant": rounded(share_significant(test)),
        "lowest_p_found": rounded(spread(test.p_corrected)[1]),
        "permutations": len(test.tests.maxima),
        "exact": test.exact,
    }


def _context(found: BrainContext) -> Json:
    return {
        "profiles": [
            {
                "networks_of": profile.title,
                "kind": profile.kind.value,
                "mean_level": {
                    network.name: rounded(mean) for network, mean in zip(profile.networks, profile.means, strict=True)
                },
            }
            for profile in found.profiles
        ],
        "annotations": [
            {
                "annotation": test.annotation,
                "coefficient": test.coefficient,
                "r": rounded(test.r),
                "p": rounded(test.p),
                "areas": test.areas,
                "rotations": test.rotations,
            }
            for test in found.spins
        ],
    }


def _shared(found: SharedMaps) -> Json:
    return {
        "people": found.people,
        "regions": found.agreement.regions,
        "pairs": [
            {
                "networks": [first, second],
                "spearman": rounded(r),
                "interval": [rounded(low), rounded(high)],
                "overlap_of_top_tenths": rounded(overlap),
            }
            for first, second, r, low, high, overlap in found.pairs()
        ],
    }
