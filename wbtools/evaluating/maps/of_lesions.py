"""How well maps of networks of slices find simulated lesions, by method and size (recipe `symmetry`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating import told
from wbtools.evaluating.bootstrap import Estimate, groups_of
from wbtools.evaluating.figures import maps as drawings
from wbtools.evaluating.findings import Figure, Findings, Section, Table, shown
from wbtools.evaluating.maps import halves
from wbtools.evaluating.maps.explaining import (
    MAGNITUDES,
    SPOKEN,
    Counting,
    Explainer,
    drawn,
    methods_of,
    require_visible,
)
from wbtools.evaluating.maps.lesions import with_lesions
from wbtools.evaluating.maps.localisation import FIGURES, Located, located
from wbtools.evaluating.people import Rows
from wbtools.evaluating.recipes.evaluation import Bench
from wbtools.text import counted
from wbtools.training.simulated import SIZES

_BY_SIZE = {"inside": "Share of relevance inside the lesion", "auc": "AUC of voxels"}


@dataclass(frozen=True, eq=False)
class Judged:
    """The maps of a checkpoint.

    Parameters
    ----------
    name : str
    place : int
        From 1.
    whole : mapping of str to mapping of str to Estimate
        By method and figure, of all lesions; also of maps that need no network.
    sizes : mapping of str to tuple of mapping of str to Estimate
        By method, of each size.
    methods : tuple of str
        Those by which the network could be explained.
    right : ndarray, (S,)
        Share of the lesions of each size that the network finds.
    left_out : mapping of str to str
        Why methods could not explain it.
    """

    name: str
    place: int
    whole: Mapping[str, Mapping[str, Estimate]]
    sizes: Mapping[str, tuple[Mapping[str, Estimate], ...]]
    methods: tuple[str, ...]
    right: NDArray[np.float64]
    left_out: Mapping[str, str]

    def as_record(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "lesions_found": dict(zip(map(str, SIZES), np.round(self.right, 7).tolist(), strict=True)),
            "left_out": dict(self.left_out),
            "methods": {name: {"all": _record(self.whole[name]), **self._of_sizes(name)} for name in self.whole},
        }

    def _of_sizes(self, name: str) -> dict[str, object]:
        return {str(size): _record(found) for size, found in zip(SIZES, self.sizes[name], strict=True)}


def _record(found: Mapping[str, Estimate]) -> dict[str, object]:
    return {name: each.as_record() for name, each in found.items()}


def measure(bench: Bench) -> Findings:
    """Judge maps by lesions whose place is known.

    Parameters
    ----------
    bench : Bench
    """
    options = bench.options
    rows = drawn(bench.rows, options.explain_images, options.resampling.seed)
    require_visible(bench.data, rows)
    group = groups_of(bench.items(rows))
    images = len(rows) * len(SIZES) * len(bench.answered)
    counting = Counting(bench.tell, images, len(methods_of(options.explain)))
    told_of = [_judged(bench, place, rows, group, counting) for place in range(len(bench.answered))]
    words = [
        f"Maps of {counted(len(rows), 'slice')} of {counted(int(group.max()) + 1, 'family')}, drawn from those above, "
        f"each with a lesion of every size: {counted(len(rows) * len(SIZES), 'map')} of each method. "
        f"What is explained is the "
        f"network's value, which is above 0 if halves differ, whether it finds the lesion or not. {MAGNITUDES}",
        "Methods that compare with reference brains compare with slices of other people without a lesion; those that "
        "compare with a single one, with the mean of these slices. How well grey values "
        "find lesions without any network, stands below: a map has to be better to be owed to the network.",
        *told.too_few(int(group.max()) + 1),
        *(f"{each.name}, without {name}: {why}." for each in told_of for name, why in each.left_out.items()),
    ]
    found = {
        each.name: {f"map {name}: {figure}": value for name, of in each.whole.items() for figure, value in of.items()}
        for each in told_of
    }
    headline = tuple(_said(each) for each in told_of if 0 < len(each.methods) <= SPOKEN)
    tables = tuple(table for each in told_of for table in _tables(each))
    figures = tuple(_figure(each) for each in told_of)
    more = {"maps": {"slices": len(rows), **{each.name: each.as_record() for each in told_of}}}
    return Findings(headline, (Section("Maps", tuple(words), tables, figures),), found, more)


def _judged(bench: Bench, number: int, rows: Rows, group: NDArray[np.int64], counting: Counting) -> Judged:
    """The maps of a checkpoint."""
    answered, learned = bench.answered[number], bench.learned[number]
    explainer = Explainer(halves.explained(answered.contestant.model), bench.options.explain, counting)
    found: dict[str, list[list[tuple[float, ...]]]] = {}
    for row in rows:
        for name, figures in _of_slice(bench, explainer, int(row), learned if len(learned) else bench.rows).items():
            found.setdefault(name, []).append(figures)
    each = {
        name: Located(np.array(values), group).estimates(bench.options.resampling)
        for name, values in found.items()
        if name not in explainer.left_out
    }
    return Judged(
        answered.name,
        number + 1,
        {name: whole for name, (whole, _) in each.items()},
        {name: sizes for name, (_, sizes) in each.items()},
        explainer.methods,
        np.asarray((answered.said_of(rows)[:, 1:] > 0).mean(0), np.float64),
        explainer.left_out,
    )


def _of_slice(bench: Bench, explainer: Explainer, row: int, others: Rows) -> dict[str, list[tuple[float, ...]]]:
    """Figures of every method and size of a slice; of methods that fail at a size, as far as they came."""
    plain = np.array(bench.data.images[[row]])
    compared = halves.Others.of(bench.data, others, row, bench.options.resampling.seed)
    found: dict[str, list[tuple[float, ...]]] = {}
    for size in range(len(SIZES)):
        changed, lesions = with_lesions(plain, np.array([row]), size)
        given = explainer.maps(halves.image_of(changed[0]), compared.adapted)
        maps = {name: halves.halves_of(relevance) for name, relevance in given.items()}
        for name, relevance in {**maps, **compared.differences(changed[0])}.items():
            found.setdefault(name, []).append(located(relevance, changed[0] > 0, lesions[0]))
    return found


def _said(judged: Judged) -> str:
    each = {name: judged.whole[name] for name in judged.methods}
    said = (f"{name} {found['inside'].value:.3f}, AUC {found['auc'].value:.3f}" for name, found in each.items())
    chance = next(iter(each.values()))["chance"].value
    return f"{judged.name}: share of relevance inside the lesion (chance {chance:.3f}): {'; '.join(said)}"


def _tables(judged: Judged) -> tuple[Table, ...]:
    rows = tuple((name, *(str(each[figure]) for figure in FIGURES)) for name, each in judged.whole.items())
    note = (
        "Shares, AUC and precision are over the tissue of both halves; by chance the AUC is 0.5, and the precision is "
        "the share of the tissue that the lesion covers."
    )
    whole = Table(f"maps-{judged.place}", f"Maps, {judged.name}", ("method", *FIGURES.values()), rows, note)
    return (whole, *(_of_sizes(judged, figure) for figure in _BY_SIZE))


def _of_sizes(judged: Judged, figure: str) -> Table:
    """A figure of every method by size."""
    rows = [(name, *(shown(each[figure].value) for each in sizes)) for name, sizes in judged.sizes.items()]
    if figure == "inside":
        first = next(iter(judged.sizes.values()))
        rows.append(("chance", *(shown(each["chance"].value) for each in first)))
    rows.append(("lesions that the network finds", *map(shown, judged.right)))
    title = f"{_BY_SIZE[figure]} by size, pixels across, {judged.name}"
    return Table(f"maps-{figure}-{judged.place}", title, ("method", *map(str, SIZES)), tuple(rows))


def _figure(judged: Judged) -> Figure:
    by_size = {name: dict(zip(SIZES, sizes, strict=True)) for name, sizes in judged.sizes.items()}
    order = sorted(judged.methods, key=lambda name: -np.nan_to_num(judged.whole[name]["auc"].value))
    without = {name: each for name, each in by_size.items() if name not in judged.methods}
    return drawings.localisation(judged.name, judged.place, {name: by_size[name] for name in order}, without)
