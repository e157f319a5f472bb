"""Twins (S1): scans at 86 x 103 x 86, each from 0 to 1, and who is whose twin."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from wbtools.datasets import few_pairs
from wbtools.datasets.candidates import Candidate
from wbtools.datasets.dataset import DataSet
from wbtools.datasets.manifest import Kind
from wbtools.datasets.recipes import RecipeData
from wbtools.datasets.recipes.volumes import as_family
from wbtools.datasets.split import TWIN
from wbtools.errors import InputError
from wbtools.model.families.unet import FAMILY
from wbtools.text import first_of


def require_pairs(candidates: Sequence[Candidate]) -> None:
    """Require a pair of twins.

    Raises
    ------
    InputError
        If nobody's twin is known, or there are no two pairs, without which nothing can be told apart, or one has
        three people.
    """
    people: dict[str, set[str]] = defaultdict(set)
    for each in candidates:
        people[each.item.labels.get(TWIN, "")].add(each.item.person)
    for pair, members in people.items():
        if pair and len(members) > 2:
            raise InputError(
                f"the twin pair {pair} has {len(members)} people ({first_of(sorted(members), 3)})",
                hint="give every pair of two people a name of its own",
            )
    pairs = {each.item.labels.get(TWIN, "") for each in candidates} - {""}
    if len(pairs) < 2:
        said = f"the only pair is {min(pairs)}" if pairs else "nobody's twin is known"
        raise InputError(
            f"twins need two pairs at least, and {few_pairs.LEAST} to be trained on: {said}",
            hint="put twin_pairs.txt (idA,idB a line) beside the images, or name it, or a table with families and "
            "zygosity, with --labels",
        )


def remarks(candidates: Sequence[Candidate]) -> tuple[str, ...]:
    """Of few pairs, how many a training needs."""
    said = few_pairs.remark(few_pairs.pairs_of(each.item for each in candidates))
    return (said,) if said else ()


def told(data: DataSet) -> tuple[str, ...] | None:
    """The fractions with which so few pairs can be trained on; None if there are none."""
    fractions = few_pairs.fractions_for(data)
    if fractions is None:
        return None
    return () if few_pairs.usual(fractions) else ("--fractions", *few_pairs.as_words(fractions))


RECIPE = RecipeData(
    "twins",
    "who is whose twin (S1)",
    Kind.VOLUMES,
    as_family(FAMILY.card),
    require_pairs,
    remarks=remarks,
    told=told,
)
