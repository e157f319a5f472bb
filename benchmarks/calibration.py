"""How far calibrated ranks and trust figures hold where the truth is known.

    python benchmarks/calibration.py              (half an hour of one core)
    python benchmarks/calibration.py --work DIR   keeps networks and figures in DIR, and takes up what is there
    python benchmarks/calibration.py --quick      few networks, people and draws

Two tables:

- *Networks that have learned nothing*: untrained networks of several kinds explain the built-in subject's brain; each
  is compared with randomised networks from a pool, all by the default method. In which share of comparisons does a
  region come out at p < .05?
- *Correlation with randomised networks*, and with the image: maps of networks of `benchmarks/planted.py` by several
  methods.

What the calibration finds in trained networks is measured by `benchmarks/calibrated_areas.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from planted import NETWORKS, NULL, Case, Exam, Figures, trained

from wbtools.anatomy import Atlas, Kind, Region
from wbtools.attribution import Question, default, method
from wbtools.attribution.evaluation.null_maps import asked_of_null
from wbtools.attribution.evaluation.randomisation import randomised
from wbtools.attribution.evaluation.randomisation import untrained as initialised
from wbtools.attribution.evaluation.similarity import Similarity
from wbtools.attribution.runtime.memory import reused
from wbtools.exporting.explanation import seen_by
from wbtools.model import Card, Model, ModelInput
from wbtools.model.family import Network
from wbtools.native import person
from wbtools.native.projection import NativeProjection
from wbtools.regions import RegionMeans, calibrated, rank
from wbtools.regions.calibration import excesses, step_down
from wbtools.regions.ranking import NullSummary, Ranking
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.subject import find
from wbtools.subject.demo import HCP_GRID, write_demo_subject
from wbtools.training.planted import Head, mni_head
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins

SHAPE = (43, 51, 43)
"""Of the image that untrained networks explain; voxels of 4.2 mm."""

PLANTS = ("superior-frontal", "thalamus")
"""Of the planted benchmark."""

METHOD = "deviation-smooth"
"""Whose maps of untrained networks are compared: the default."""

METHODS = (
    *("deviation", "integrated-gradients", "gradient-x-input", "lrp", "lrp-epsilon", "lrp-flat"),
    *("guided-backprop", "grad-cam"),
)
"""Whose maps are compared with those of randomised networks."""

SIGNIFICANT = 0.05

Table = NDArray[np.float64]
"""What regions are ranked by; of several networks, a row for each."""

SHARES = ("a region comes out", "without the margin")
"""Columns of the first table."""

RANGES = ("freedom", "alike", "spread")
"""Of the comparisons as wholes, lowest and highest."""


@dataclass(frozen=True)
class Size:
    """How much is measured.

    Parameters
    ----------
    untrained : int
        Networks of each kind and family.
    pool : int
        Randomised networks of each family, of which each comparison draws `NULL`.
    draws : int
        Comparisons of each kind and family.
    compared : int
        Whose maps are correlated.
    """

    untrained: int = 20
    pool: int = 60
    draws: int = 150
    compared: int = 2


# ------------------------------------------------------------------------------- networks that have learned nothing


@dataclass(frozen=True)
class Shown:
    """The image that is explained, (1, 1, X, Y, Z), and other brains, (N, 1, X, Y, Z)."""

    image: torch.Tensor
    others: torch.Tensor


@dataclass(frozen=True)
class Brain:
    """The built-in subject's brain as networks see it, what randomised networks are asked, regions, six others."""

    image: ModelInput
    question: Question
    regions: RegionMeans
    others: torch.Tensor

    @classmethod
    def made(cls, folder: Path, model: Model) -> Brain:
        """Write the subject on the networks' own grid and read it as an export does; deform it into six others."""
        write_demo_subject(folder, grid=HCP_GRID.covering(model.card.shape), native_frequency=30)
        subject = find(folder, "100307")
        me = person.read(subject, subject.meshes[:1], NativeProjection(1))
        image = seen_by(model, me.scan)
        highest = float(image.data.max())
        twins = SyntheticTwins(image.data[0, 0] / highest, Conditions(), seed=11)
        question = asked_of_null(method(METHOD).ask(model, [image], default(model)))
        return cls(image, question, RegionMeans.of(me.atlas.whole, image.grid), highest * twins.scans(twins.people(6)))

    @property
    def shown(self) -> Shown:
        """What batch norms may be fitted to."""
        return Shown(self.question.image, self.others)

    def levels(self, network: Network) -> Table:
        """What every region is ranked by."""
        found = method(METHOD).attribute(self.question.for_network(network), self.image)
        levels: Table = self.regions.root_mean_squares(found.unpooled[None])[0]
        return levels


def fresh(model: Model, shown: Shown, seed: int) -> Network:
    """As its family initialises it."""
    return initialised(model, seed)


def fitted(model: Model, shown: Shown, seed: int) -> Network:
    """Batch norms have the statistics of this brain alone."""
    return randomised(model, shown.image, seed)


def fitted_to_others(model: Model, shown: Shown, seed: int) -> Network:
    """Batch norms have the statistics of other brains."""
    return randomised(model, shown.others, seed)


def scattered(model: Model, shown: Shown, seed: int) -> Network:
    """Batch norms have statistics, scales and offsets that were drawn at random."""
    torch.manual_seed(seed)
    network = initialised(model, seed)
    for module in network.modules():
        if isinstance(module, (torch.nn.BatchNorm1d, torch.nn.BatchNorm3d)):
            assert module.running_mean is not None and module.running_var is not None
            module.running_mean.normal_(0, 0.3)
            module.running_var.uniform_(0.3, 2)
            module.weight.uniform_(0.5, 1.5)
            module.bias.normal_(0, 0.3)
    return network


KINDS: dict[str, Callable[[Model, Shown, int], Network]] = {
    "fresh: mean 0, variance 1": fresh,
    "fitted to this brain": fitted,
    "fitted to other brains": fitted_to_others,
    "drawn at random, scales and offsets, too": scattered,
}
"""Untrained networks, by where the statistics of their batch norms come from."""


def untrained(family: str, size: Size, folder: Path) -> Figures:
    """How often a region comes out, for each kind of untrained network: with and without the margin."""
    card = Card(name=family, title=family, family=family, shape=SHAPE)
    model = Model(NETWORKS[family]().eval().requires_grad_(False), card, {}, "")
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        brain = Brain.made(Path(scratch), model)
    pool = np.array([brain.levels(randomised(model, brain.question.shown, seed)) for seed in range(size.pool)])
    found = {}
    for number, (kind, make) in enumerate(KINDS.items()):
        seeds = range(10_000 * (number + 1), 10_000 * (number + 1) + size.untrained)
        observed = np.array([brain.levels(make(model, brain.shown, seed)) for seed in seeds])
        found[kind] = shares(observed, pool, size.draws, np.random.default_rng(number))
        print(f"{family}, {kind}: {found[kind]}", flush=True)
    return found


def shares(networks: Table, pool: Table, draws: int, chance: np.random.Generator) -> Figures:
    """Shares of draws (a network, and others to compare it with) in which a region comes out, and ranges of figures."""
    counts = dict.fromkeys(SHARES, 0)
    drawn: list[NullSummary] = []
    for _ in range(draws):
        observed = networks[int(chance.integers(len(networks)))]
        others = pool[chance.choice(len(pool), NULL, replace=False)]
        compared = against(observed, others)
        found = (compared.significant(SIGNIFICANT), exactly(observed, others))
        for name, significant in zip(SHARES, found, strict=True):
            counts[name] += bool(significant)
        if compared.null:  # an untrained network may give a region nothing at all
            drawn.append(compared.null)
    ranges = {name: [getattr(null, name) for null in drawn] for name in RANGES}
    return {
        **{name: count / draws for name, count in counts.items()},
        **{name: [min(values), max(values)] for name, values in ranges.items()},
    }


def against(observed: Table, others: Table) -> Ranking:
    """A table of regions with nothing but the comparison."""
    regions = tuple(Region(key, str(key), None, Kind.CORTEX, (0, 0, 0, 1)) for key in range(1, len(observed) + 1))
    labels = Volume(
        np.arange(1, len(observed) + 1, dtype=np.int32)[:, None, None], Grid((len(observed), 1, 1), np.eye(4))
    )
    density = Volume(observed.astype(np.float32)[:, None, None], labels.grid, Unit.DENSITY)
    return calibrated(rank(density, Atlas("regions", regions, labels)), observed, others)


def exactly(observed: Table, others: Table) -> bool:
    """Whether a region would come out if every randomised network were taken at its own excess."""
    maps = np.vstack((observed, others))[:, np.isfinite(observed)]
    middle = np.median(maps, axis=1, keepdims=True)
    if not (middle > 0).all():
        return False
    return float(step_down(excesses(np.log2(np.maximum(maps / middle, 1e-6)))).min()) < SIGNIFICANT


# ------------------------------------------------------------------------------------------------- planted regions


def correlations(exam: Exam, people: int, networks: int = 3) -> Figures:
    """Correlation of |R| with that of randomised networks and with the image, by method, mean over people."""
    found = {}
    for name in METHODS:
        with_networks, with_image = [], []
        for i in range(people):
            brain = exam.scans[i, 0].numpy() > 0
            images = torch.cat((exam.scans[i : i + 1], exam.reference(i)))
            seen = exam.density(i, name, exam.model).data[brain]
            with_image.append(Similarity.of(seen, exam.scans[i, 0].numpy()[brain]))
            for seed in range(networks):
                other = replace(exam.model, network=randomised(exam.model, images, seed))
                with_networks.append(Similarity.of(seen, exam.density(i, name, other).data[brain]))
        pairs = {"networks": Similarity.mean(with_networks), "image": Similarity.mean(with_image)}
        found[name] = {key: [mean.pearson, mean.spearman] for key, mean in pairs.items()}
    return found


# ------------------------------------------------------------------------------------------------------- all of it


def kept(path: Path, measure: Callable[[], Figures]) -> Figures:
    """Figures that a file holds, or that are measured and written into it."""
    if not path.exists():
        path.write_text(json.dumps(measure(), indent=1))
    found: Figures = json.loads(path.read_text())
    return found


def of_planted(case: Case, head: Head, size: Size, work: Path) -> Figures:
    """All figures of one trained network."""
    network, auc = trained(case, head, work)
    exam = Exam(case, head, network, size.compared)
    print(f"{case.name}: AUC {auc:.2f}", flush=True)
    return {"auc": auc, "correlations": correlations(exam, size.compared)}


def table_of_untrained(results: dict[str, Figures]) -> None:
    """Print shares of comparisons as markdown."""
    for column in SHARES:
        print(f"\n{column}\n\n| batch norms | {' | '.join(results)} |\n|---{'|---' * len(results)}|")
        for kind in KINDS:
            print(f"| {kind} | {' | '.join(f'{found[kind][column]:.3f}' for found in results.values())} |")
    for name in RANGES:
        values = [value for found in results.values() for kind in KINDS for value in found[kind][name]]
        print(f"\n{name}: {min(values):.2f} to {max(values):.2f}")


def table_of_correlations(results: dict[Case, Figures]) -> None:
    """Print correlations as markdown: Pearson's and Spearman's by family, then the higher of both with the image."""
    print(f"\n| method | {' | '.join(NETWORKS)} | image |\n|---{'|---' * (len(NETWORKS) + 1)}|")
    for name in METHODS:
        of = {case: found["correlations"][name] for case, found in results.items()}
        families = [np.mean([of[case]["networks"] for case in of if case.family == family], 0) for family in NETWORKS]
        image = np.mean([found["image"] for found in of.values()], 0).max()
        cells = [f"{pearson:.2f}, {spearman:.2f}" for pearson, spearman in families]
        print(f"| {name} | {' | '.join(cells)} | {image:.2f} |")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, help="folder that networks and figures are kept in")
    parser.add_argument("--quick", action="store_true", help="few networks, people and draws")
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    size = Size(untrained=2, pool=26, draws=20, compared=1) if given.quick else Size()
    with tempfile.TemporaryDirectory() as scratch, reused():
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        table_of_untrained({f: kept(work / f"untrained-{f}.json", partial(untrained, f, size, work)) for f in NETWORKS})
        head = mni_head()
        cases = [Case(family, plant, 0) for family, plant in product(NETWORKS, PLANTS)]
        results = {c: kept(work / f"planted-{c.name}.json", partial(of_planted, c, head, size, work)) for c in cases}
        table_of_correlations(results)


if __name__ == "__main__":
    main()
