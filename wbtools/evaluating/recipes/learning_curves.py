"""Learning curves: accuracy against training examples per class, of networks that were each trained anew.

Runs of one recipe that differ in examples, in the seed, and in whether they learned distances (Siamese) or the classes
themselves (plain). What is compared is pairs of runs with the same seed and the same examples; seeds, not pictures, are
what intervals are over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wbtools.evaluating.bootstrap import Estimate
from wbtools.evaluating.contestants import Contestant
from wbtools.evaluating.figures import learning as drawings
from wbtools.evaluating.findings import Section, Table
from wbtools.text import counted
from wbtools.training.recipes.contrastive import RECIPE
from wbtools.training.settings import as_record

SIAMESE, PLAIN = "Siamese", "plain CNN"
DIFFERENCE = f"{SIAMESE} less {PLAIN}"

_OWN = ("examples", "plain", "seed", "epochs")
"""Settings in which runs of a curve may differ; more examples may need more or fewer epochs."""


@dataclass(frozen=True, order=True)
class Key:
    """What a run was trained with.

    Parameters
    ----------
    examples : float
        Of each class; infinite for all.
    plain : bool
    seed : int
    """

    examples: float
    plain: bool
    seed: int

    @property
    def kind(self) -> str:
        """`SIAMESE` or `PLAIN`."""
        return PLAIN if self.plain else SIAMESE


def settings_of(contestant: Contestant) -> dict[str, Any]:
    """The settings that a run was trained with; empty without a record. What an older run does not say is as usual."""
    record = contestant.record
    if record is None or contestant.recipe != RECIPE.name:
        return {}
    usual = {**as_record(RECIPE.settings), **as_record(RECIPE.options)}
    return {**usual, **record["settings"], **record["options"], "backbone": record.get("backbone")}


def keys_of(contestants: Sequence[Contestant]) -> tuple[Key, ...]:
    """What each of the runs of a learning curve was trained with; empty if they form none.

    They do if they differ in examples or in the seed, none is there twice, and those of a kind differ in nothing else
    but epochs.
    """
    known = [settings_of(contestant) for contestant in contestants]
    if not all(known):
        return ()
    keys = tuple(Key(each["examples"] or float("inf"), each["plain"], each["seed"]) for each in known)
    if len(set(keys)) < len(keys) or len({(key.examples, key.seed) for key in keys}) < 2 or differing(contestants):
        return ()
    return keys


def differing(contestants: Sequence[Contestant]) -> tuple[str, ...]:
    """Settings in which runs of one kind differ, and which no curve can be over."""
    found: dict[str, None] = {}
    for plain in (False, True):
        mine = [each for each in map(settings_of, contestants) if each and each["plain"] == plain]
        found |= dict.fromkeys(
            name for each in mine[1:] for name in each if name not in _OWN and each[name] != mine[0].get(name)
        )
    return tuple(found)


def why_none(contestants: Sequence[Contestant]) -> list[str]:
    """Why runs that differ in examples or seed form no curve."""
    known = [each for each in map(settings_of, contestants) if each]
    varied = len({(each["examples"], each["seed"]) for each in known}) > 1
    if not varied or not (other := differing(contestants)):
        return []
    return [f"Runs of one kind differ in {' and '.join(other)}: they form no learning curve."]


def judged_together(contestants: Sequence[Contestant]) -> Sequence[object]:
    """A value for each run; those with the same have to be judged on the same people: of a curve, those of a seed."""
    return [key.seed for key in keys_of(contestants)] or [0] * len(contestants)


def t_interval(values: Sequence[float], level: float) -> Estimate:
    """The mean with Student's interval; without one of a single value, or of values that are all the same.

    Examples
    --------
    >>> str(t_interval([1.0, 2.0, 3.0], 0.95)), str(t_interval([1.0], 0.95)), str(t_interval([1.0, 1.0], 0.95))
    ('2.000 [-0.484, 4.484]', '1.000 (no interval)', '1.000 (no interval)')
    """
    from scipy import stats

    found = np.asarray(values, np.float64)
    mean = float(found.mean())
    error = float(found.std(ddof=1)) / len(found) ** 0.5 if len(found) > 1 else 0.0
    if error < 1e-12:  # rounding alone
        return Estimate(mean, float("nan"), float("nan"), found)
    half = float(stats.t.ppf((1 + level) / 2, len(found) - 1)) * error
    return Estimate(mean, mean - half, mean + half, found)


@dataclass(frozen=True, eq=False)
class Curves:
    """Accuracies of runs.

    Parameters
    ----------
    runs : mapping of Key to float
    level : float
        Of intervals.
    """

    runs: Mapping[Key, float]
    level: float

    @property
    def examples(self) -> tuple[float, ...]:
        """The numbers of examples, ascending."""
        return tuple(sorted({key.examples for key in self.runs}))

    def of(self, examples: float, kind: str) -> dict[int, float]:
        """The accuracy by seed, of runs of a kind, or their `DIFFERENCE`."""
        if kind == DIFFERENCE:
            siamese, plain = (self.of(examples, each) for each in (SIAMESE, PLAIN))
            return {seed: siamese[seed] - plain[seed] for seed in siamese if seed in plain}
        found = {key.seed: value for key, value in self.runs.items() if (key.examples, key.kind) == (examples, kind)}
        return dict(sorted(found.items()))

    def estimate(self, examples: float, kind: str) -> Estimate | None:
        """The mean over seeds with its interval; None if there is no run."""
        found = self.of(examples, kind)
        return t_interval(list(found.values()), self.level) if found else None

    def signs(self) -> dict[str, list[float]]:
        """For which numbers of examples the interval of the difference is above 0, below 0, or holds it."""
        found: dict[str, list[float]] = {"above_0": [], "below_0": [], "holds_0": [], "no_interval": []}
        for examples in self.examples:
            if (apart := self.estimate(examples, DIFFERENCE)) is not None:
                found[_sign(apart)].append(examples)
        return found

    def as_record(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "level": self.level,
            "examples": {
                said_of(examples): {
                    name: self._record(examples, kind)
                    for name, kind in (("siamese", SIAMESE), ("plain", PLAIN), ("difference", DIFFERENCE))
                }
                for examples in self.examples
            },
            "difference": {name: [said_of(each) for each in which] for name, which in self.signs().items()},
        }

    def _record(self, examples: float, kind: str) -> dict[str, object] | None:
        found = self.estimate(examples, kind)
        if found is None:
            return None
        seeds = {str(seed): float(f"{value:.7g}") for seed, value in self.of(examples, kind).items()}
        return {**found.as_record(), "seeds": seeds}


def _sign(apart: Estimate) -> str:
    if not apart.sure:
        return "no_interval"
    return "above_0" if apart.low > 0 else "below_0" if apart.high < 0 else "holds_0"


def said_of(examples: float) -> str:
    """A number of examples, in words.

    Examples
    --------
    >>> said_of(10), said_of(float("inf"))
    ('10', 'all')
    """
    return "all" if examples == float("inf") else f"{examples:g}"


def verdict(curves: Curves) -> str:
    """For which numbers of examples distances are better, worse, or neither, in a sentence."""
    signs = {name: [said_of(each) for each in which] for name, which in curves.signs().items()}
    if not any(signs.values()):
        return "No Siamese run has a plain one of the same seed and examples: there is no difference to look at."
    parts = [f"{words} with {_listed(signs[name])}" for name, words in _SIGNS.items() if signs[name]]
    said = []
    if parts:
        where = "; ".join(parts)
        said = [f"{DIFFERENCE}, accuracy: the {curves.level:.0%} interval is {where} examples of each class."]
    if bare := signs["no_interval"]:
        said.append(
            f"{DIFFERENCE}: there is no interval with {_listed(bare)} examples of each class, since there is one pair "
            "of runs, or all pairs differ by the same. Nothing follows for other seeds."
        )
    return " ".join(said)


_SIGNS = {"above_0": "above 0", "below_0": "below 0", "holds_0": "on both sides of 0"}


def _listed(names: Sequence[str]) -> str:
    """Names in a row.

    Examples
    --------
    >>> _listed(["5", "10", "20"]), _listed(["5"])
    ('5, 10 and 20', '5')
    """
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def headline(curves: Curves) -> tuple[str, ...]:
    """The verdict, and a line for each number of examples."""
    lines = [verdict(curves)]
    for examples in curves.examples:
        found = {kind: curves.estimate(examples, kind) for kind in (SIAMESE, PLAIN)}
        said = [f"{kind} {each} ({counted(len(each.drawn), 'seed')})" for kind, each in found.items() if each]
        if (apart := curves.estimate(examples, DIFFERENCE)) is not None:
            said.append(f"difference {apart.said()}")
        lines.append(f"{said_of(examples)} examples of each class: accuracy {', '.join(said)}")
    return tuple(lines)


Had = Callable[[Key], tuple[int, int] | None]
"""The fewest and the most examples that a class of a run really had; None where that is not known."""


def section(curves: Curves, words: Sequence[str], had: Mapping[float, tuple[int, int]]) -> Section:
    """Table and figure of the curves.

    Parameters
    ----------
    curves : Curves
    words : sequence of str
        Before the verdict.
    had : mapping of float to (int, int)
        The fewest and the most examples that a class really had, by the number that was asked for.
    """
    labels = {examples: _label(examples, had.get(examples)) for examples in curves.examples}
    rows = []
    for examples in curves.examples:
        found = [curves.estimate(examples, kind) for kind in (SIAMESE, PLAIN, DIFFERENCE)]
        cells = [cell for each in found[:2] for cell in ((str(each), str(len(each.drawn))) if each else ("n/a", "0"))]
        apart = found[2]
        last = (apart.said(), str(len(apart.drawn)), _SAID[_sign(apart)]) if apart else ("n/a", "0", "n/a")
        rows.append((labels[examples], *cells, *last))
    header = ("examples of each class", SIAMESE, "seeds", PLAIN, "seeds", DIFFERENCE, "pairs", "interval")
    note = (
        f"Accuracy, mean over seeds with Student's {curves.level:.0%} interval; a seed decides weights, examples and "
        "order, and the split unless the data set brings one. A pair is two runs of one seed and the same examples. "
        "Each interval is for its own number of examples: of many, some miss the truth by chance."
    )
    title = "Accuracy by training examples of each class"
    table = Table("learning-curves", title, header, tuple(rows), note)
    figure = drawings.learning(
        {kind: _drawn(curves, kind, had) for kind in (SIAMESE, PLAIN)}, _drawn(curves, DIFFERENCE, had)
    )
    return Section("Learning curves", (*words, verdict(curves)), (table,), (figure,))


_SAID = {"above_0": "above 0", "below_0": "below 0", "holds_0": "holds 0", "no_interval": "none"}


def _label(examples: float, had: tuple[int, int] | None) -> str:
    """How a number of examples is called: with what classes had, if that is not the number."""
    if had is None or had == (examples, examples):
        return said_of(examples)
    return f"{said_of(examples)} ({had[0]})" if had[0] == had[1] else f"{said_of(examples)} ({had[0]} to {had[1]})"


def _drawn(curves: Curves, kind: str, had: Mapping[float, tuple[int, int]]) -> dict[str, drawings.Point]:
    """Points by label; a number that classes did not have, or that is not known, stands where it was or beyond all."""
    most = max([each for each in curves.examples if each != float("inf")], default=1.0)
    points = {}
    for examples in curves.examples:
        place = float(np.mean(had[examples])) if examples in had else min(examples, 2 * most)
        if (found := curves.estimate(examples, kind)) is not None:
            points[said_of(examples)] = drawings.Point(place, found)
    return points


def apart_in(contestants: Sequence[Contestant], keys: Sequence[Key]) -> tuple[str, ...]:
    """Settings in which runs of a pair differ besides what they learn."""
    known = {key: settings_of(contestant) for key, contestant in zip(keys, contestants, strict=True)}
    found: dict[str, None] = {}
    for key, mine in known.items():
        its = known.get(Key(key.examples, True, key.seed), {}) if not key.plain else {}
        found |= dict.fromkeys(name for name in its if name != "plain" and its[name] != mine.get(name))
    return tuple(found)


def each_run(names: Sequence[str], keys: Sequence[Key], epochs: Sequence[int], found: Sequence[Estimate]) -> Section:
    """The table of all runs."""
    order = sorted(range(len(keys)), key=keys.__getitem__)
    rows = tuple(
        (names[n], said_of(keys[n].examples), keys[n].kind, str(keys[n].seed), str(epochs[n]), str(found[n]))
        for n in order
    )
    header = ("run", "examples of each class", "network", "seed", "epochs", "accuracy")
    note = "These intervals are over pictures of the same run, and say nothing of other seeds."
    return Section("Runs", (), (Table("learning-curve-runs", "Each run", header, rows, note),))


def fewest_and_most(classes: NDArray[np.int64]) -> tuple[int, int]:
    """How many of the rarest and of the most frequent class there are.

    Examples
    --------
    >>> fewest_and_most(np.array([0, 0, 1, 2, 2, 2]))
    (1, 3)
    """
    counts = np.unique(classes, return_counts=True)[1]
    return int(counts.min()), int(counts.max())
