"""What a group's maps of one network have in common."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from wbtools.group.brain_context import Annotations, BrainContext, brain_context
from wbtools.group.contrast_tests import ContrastTest, contrast_test, require_exchangeable
from wbtools.group.measures import Measures, measures
from wbtools.group.members.cohort import Cohort, Tell
from wbtools.group.members.comparisons import contrasts
from wbtools.group.members.family_names import person
from wbtools.group.settings_of_group import GroupSettings
from wbtools.group.statistics.against_randomised import AgainstRandomised, against_randomised
from wbtools.group.statistics.consistency import Consistency, consistency
from wbtools.group.statistics.deep_structures import DeepStructures, deep_structures
from wbtools.group.statistics.family_bootstrap import FamilyBootstrap, families_of
from wbtools.group.statistics.permutation import Permutations
from wbtools.group.statistics.rank_intervals import RankIntervals, rank_intervals
from wbtools.group.telling.region_table import region_table
from wbtools.group.vertex_tests import vertex_tests
from wbtools.regions.ranking import SIGNIFICANT

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class NetworkFindings:
    """What was found of one network.

    Parameters
    ----------
    cohort : Cohort
        Of whom.
    measures : Measures
    bootstrap : FamilyBootstrap
        How intervals were made.
    ranks : RankIntervals
        Of regions by their mean `ranked` level.
    consistency : Consistency
        Of the same levels.
    randomised : AgainstRandomised or None
        None where there are no randomised networks; `measures.without_null` says why.
    deep : DeepStructures or None
        Subcortex against cortex; None where the atlas has regions on one side only.
    contrasts : tuple of ContrastTest
    vertices : tuple of ContrastTest
        The same contrasts in vertices, if that is asked for.
    context : BrainContext
    """

    cohort: Cohort
    measures: Measures
    bootstrap: FamilyBootstrap
    ranks: RankIntervals
    consistency: Consistency
    randomised: AgainstRandomised | None
    deep: DeepStructures | None
    contrasts: tuple[ContrastTest, ...]
    vertices: tuple[ContrastTest, ...]
    context: BrainContext

    @property
    def name(self) -> str:
        """Of the network, in file names."""
        return self.cohort.network

    @cached_property
    def table(self) -> pd.DataFrame:
        """What was found of every region, sorted by rank, indexed by region."""
        return region_table(self.measures, self.ranks, self.consistency.top, self.randomised, self.contrasts)

    @property
    def outstanding(self) -> list[str]:
        """Regions that stand out from randomised networks, in the order of the table."""
        return list(self.table.index[self.table["p_corrected"] < SIGNIFICANT])


def network_findings(cohort: Cohort, settings: GroupSettings, annotations: Annotations, tell: Tell) -> NetworkFindings:
    """Analyse a group's maps of one network.

    Parameters
    ----------
    cohort : Cohort
    settings : GroupSettings
    annotations : Annotations
    tell : callable
        Told how many maps of vertices were tested, and of how many.

    Raises
    ------
    InputError
        If tables do not fit each other, or a contrast cannot be tested.
    """
    found, asked = measures(cohort), contrasts(settings.asked, cohort.participants)
    families = families_of(list(cohort.families))
    for each in asked:
        require_exchangeable(each, families, list(map(person, cohort.people)))
    bootstrap = FamilyBootstrap(families, settings.resamples, settings.seed)
    ranks = rank_intervals(found.ranked, bootstrap)
    randomised = against_randomised(found.compared) if found.seeds else None
    how = Permutations(settings.permutations, settings.seed)
    tests = tuple(contrast_test(found.levels, each, families, how) for each in asked)
    vertices = vertex_tests(cohort, asked, families, how, tell) if settings.vertex_wise else ()
    context = brain_context(dict(zip(found.names, found.mean_levels.tolist(), strict=True)), annotations)
    deep = _deep(found, bootstrap)
    return NetworkFindings(
        cohort, found, bootstrap, ranks, consistency(found.ranked), randomised, deep, tests, vertices, context
    )


def _deep(found: Measures, bootstrap: FamilyBootstrap) -> DeepStructures | None:
    if found.subcortical.all() or not found.subcortical.any():
        return None
    return deep_structures(found.compared, found.distances, found.subcortical, bootstrap)
