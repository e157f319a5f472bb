"""Which relevance methods point at what a network uses? Networks whose answer was planted, and every method.

    python benchmarks/planted.py                  three families, four plants, two seeds (within an hour of one core)
    python benchmarks/planted.py --quick          one plant, one seed, few people
    python benchmarks/planted.py --work DIR       keeps networks and results in DIR, and takes up what is there
    python benchmarks/planted.py --pictures DIR   draws two plants from the networks in --work

Synthetic twins share a random field in one region of the template; in a second region, the decoy, such a field is drawn
anew for every scan (see `wbtools.training.planted`). A small network learns to tell twins from others, on people drawn
anew all the time, and is tested on others. It has to read the region and to ignore the decoy; so has a map of it.

- AUC: of |R| of a voxel for lying in the planted region, over the brain, mean over people; `blurred`: all maps blurred
  by one voxel first; `group`: of the mean |R| of all people.
- ahead: share of people whose mean |R| is higher in the planted region than in the decoy.
- rank: mean rank of the region's two labels among all regions of the atlas, by mean |R|; 1.5 is the best.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata
from torch import Tensor

from wbtools.anatomy import Atlas, Kind, Region
from wbtools.attribution import Answers, Images, Target, method
from wbtools.attribution.autograd.gradients import Score
from wbtools.attribution.evaluation.randomisation import randomised
from wbtools.attribution.question import Question
from wbtools.attribution.reference import matched
from wbtools.model import Card, Model
from wbtools.model.families import densenet, resnet, unet
from wbtools.model.families.embedding_head import Embedder
from wbtools.regions import Ranking, abs_means, calibrated, rank
from wbtools.space.grid import Grid, Unit, Volume
from wbtools.training.planted import NUISANCE, Head, Plant, PlantedTwins, learn, mni_head
from wbtools.training.synthetic_twins import SyntheticTwins

NETWORKS: dict[str, Callable[[], Embedder]] = {
    "unet": lambda: unet.UNet(unet.UNetArchitecture((4, 16, 32, 32), attention=(3,), hidden=64, embedding=32)),
    "resnet": lambda: resnet.ResNet(
        resnet.ResNetArchitecture(planes=(8, 16, 32, 32), stem=8, attention=(4,), hidden=64, embedding=32)
    ),
    "densenet": lambda: densenet.DenseNet(
        densenet.DenseNetArchitecture((3, 3, 3), 8, 16, 8, attention=(3,), hidden=64, embedding=32)
    ),
}
EARLY = {"unet": "encoders.0", "resnet": "layer1", "densenet": "features.denseblock1"}
"""The layers whose features Grad-CAM is also taken from, before the grid becomes coarse."""

PLANTS = {
    "superior-frontal": Plant.named("superior frontal", "lateral occipital"),
    "thalamus": Plant.named("thalamus", "hippocampus"),
    "lateral-occipital": Plant.named("lateral occipital", "superior temporal", "shape"),
    "cerebellum": Plant.named("cerebellum", "superior frontal", "shape"),
}
ENOUGH = 0.9
"""Test AUC of a network that is asked; one below has not learned what was planted, and is only named."""

RANKED = ("deviation", "gradient-x-input")
"""Methods whose ranking of regions is also compared with randomised networks."""

NULL = 20
"""Networks with randomised weights that regions are compared with."""

Map = NDArray[np.floating]

Figures = dict[str, Any]
"""What is kept of a network as JSON."""


@dataclass(frozen=True)
class Case:
    """One trained network."""

    family: str
    plant: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.family}-{self.plant}-{self.seed}"


class Exam:
    """A network, and people it has not seen: each with a scan, a scan of the twin, and labels of the scan's voxels."""

    def __init__(self, case: Case, head: Head, network: Embedder, people: int) -> None:
        self.case, self.head, self.plant = case, head, PLANTS[case.plant]
        card = Card(name=case.family, title=case.name, family=case.family, shape=head.template.shape)
        self.model = Model(network.eval().requires_grad_(False), card, {}, "")
        twins = PlantedTwins(head, self.plant, seed=1000 * case.seed + 7)
        drawn = twins.people(people)
        self.twins = twins.scans(drawn)
        self.scans, origins = twins.scans_and_origins(drawn)
        self.labels = twins.labels(origins).numpy()
        self.others = twins.scans(twins.people(12))
        moving = SyntheticTwins(head.template, replace(NUISANCE, gain=0, bias=0, noise=0), seed=5)
        self.moved = moving.scans(0 * moving.people(4))
        self.keys = np.array(head.keys())
        self._grid = Grid(head.template.shape, np.eye(4))

    def __len__(self) -> int:
        return len(self.scans)

    def reference(self, i: int, brain: Map | None = None) -> Tensor:
        """The template, or another brain, with the intensities of person i."""
        given = self.head.template if brain is None else brain
        return torch.from_numpy(matched(given, self.scans[i, 0].numpy()))[None, None]

    def question(
        self, i: int, target: str = "embedding", before: Tensor | None = None, model: Model | None = None
    ) -> Question:
        """Person i, against a reference if there is one."""
        model, image = model or self.model, self.scans[i : i + 1]
        answers, asked = Answers(model), Target(target)
        people = (self.twins[i : i + 1], *torch.split(self.others, 1))
        objective = asked.objective(answers, Images(image, people, before))
        return Question(answers, image, asked, objective, people, before)

    def question_of(self, i: int, name: str, target: str = "embedding", model: Model | None = None) -> Question:
        """As a method of wbtools is asked: against the template in place, nothing, or no reference at all."""
        before = self.reference(i) if method(name).reference else None
        if before is not None and name.endswith("-zero"):
            before = torch.zeros_like(before)
        return self.question(i, target, before, model)

    def atlas(self, i: int) -> Atlas:
        """The regions of person i."""
        regions = tuple(Region(int(k), f"label {k}", None, Kind.CORTEX, (0, 0, 0, 1)) for k in self.keys)
        labels = np.where(np.isin(self.labels[i], self.keys), self.labels[i], 0)
        return Atlas("FreeSurfer", regions, Volume(labels.astype(np.int32), self._grid, Unit.LABEL))

    def density(self, i: int, name: str, model: Model) -> Volume:
        """The map of person i by a method of wbtools."""
        relevance = method(name).explain(self.question_of(i, name, model=model)).relevance
        return Volume(relevance.astype(np.float32), self._grid, Unit.DENSITY)

    def regions(self, i: int, relevance: Map) -> Map:
        """Mean |R| of every region of the atlas."""
        return abs_means(Volume(relevance.astype(np.float32), self._grid, Unit.DENSITY), self.atlas(i))


Way = Callable[[Exam, int], Map]


def registered(name: str, target: str = "embedding") -> Way:
    """A method of wbtools."""

    def explain(exam: Exam, i: int) -> Map:
        return method(name).explain(exam.question_of(i, name, target)).relevance

    return explain


def several(brains: str, target: str = "embedding", signed: bool = False) -> Way:
    """Deviation from `moved` templates or from `others`, one after the other: the mean of the magnitudes, or of R."""

    def explain(exam: Exam, i: int) -> Map:
        references = (exam.reference(i, brain[0].numpy()) for brain in getattr(exam, brains)[:4])
        maps = [method("deviation").explain(exam.question(i, target, r)).relevance for r in references]
        mean: Map = np.mean(maps if signed else np.abs(maps), axis=0)
        return mean

    return explain


def early_grad_cam(exam: Exam, i: int) -> Map:
    """Grad-CAM on features that are still fine."""
    question = exam.question(i)
    score = Score(question.network, "raw", question.objective.directions[0])
    layer = question.network.get_submodule(EARLY[exam.case.family])
    found = LayerGradCam(score, layer).attribute(question.image.requires_grad_(), relu_attributions=True)
    shape = tuple(exam.scans.shape[2:])
    fine: Map = LayerAttribution.interpolate(found, shape, "trilinear")[0, 0].detach().numpy()
    return fine


WAYS: dict[str, Way] = {
    "deviation": registered("deviation"),
    "deviation, mean over dimensions": registered("deviation", "dimension"),
    "deviation, pair": registered("deviation", "pair"),
    "deviation, contrast": registered("deviation", "contrast"),
    "deviation from 4 moved templates": several("moved"),
    "deviation from 4 moved templates, mean over dimensions": several("moved", "dimension"),
    "deviation from 4 people": several("others"),
    "deviation from 4 people, signed": several("others", signed=True),
    "integrated gradients from template": registered("integrated-gradients"),
    "integrated gradients from zero": registered("integrated-gradients-zero"),
    "gradient x (input - template)": registered("gradient-x-difference"),
    "gradient x input": registered("gradient-x-input"),
    "LRP z-plus": registered("lrp"),
    "LRP epsilon (zennit)": registered("lrp-epsilon"),
    "Grad-CAM, last features": registered("grad-cam"),
    "Grad-CAM, early features": early_grad_cam,
    "abs(input - template)": lambda exam, i: (exam.scans[i, 0] - exam.reference(i)[0, 0]).abs().numpy(),
    "intensity": lambda exam, i: exam.scans[i, 0].numpy(),
}


def voxel_auc(score: Map, inside: NDArray[np.bool_]) -> float:
    """Chance that a voxel inside scores higher than one that is not; ties count half."""
    ranks = rankdata(score)
    n, m = int(inside.sum()), int((~inside).sum())
    return float((ranks[inside].sum() - n * (n + 1) / 2) / (n * m))


def ranks_of(scores: Map, keys: Map, region: tuple[int, ...]) -> list[int]:
    """Ranks of a region's labels, 1 for the highest score of all labels."""
    order = np.argsort(np.argsort(-scores, kind="stable")) + 1
    return [int(r) for r in order[np.isin(keys, region)]]


def measure(exam: Exam, way: Way) -> dict[str, float]:
    """All figures of one method and one network."""
    plant = exam.plant
    found: dict[str, list[float]] = {"auc": [], "blurred": [], "ahead": [], "rank": []}
    group = np.zeros(exam.head.template.shape)
    for i in range(len(exam)):
        size = np.abs(way(exam, i)).astype(np.float64)
        size /= max(size.sum(), 1e-30)
        group += size
        brain = exam.scans[i, 0].numpy() > 0
        true, decoy = (np.isin(exam.labels[i], keys) & brain for keys in (plant.region, plant.decoy))
        found["auc"].append(voxel_auc(size[brain], true[brain]))
        found["blurred"].append(voxel_auc(gaussian_filter(size, 1.0)[brain], true[brain]))
        found["ahead"].append(float(size[true].mean() > size[decoy].mean()))
        found["rank"].append(float(np.mean(ranks_of(exam.regions(i, size), exam.keys, plant.region))))
    brain = exam.head.template > 0
    true = np.isin(exam.head.labels, plant.region)
    return {
        **{name: float(np.mean(values)) for name, values in found.items()},
        "group": voxel_auc(group[brain], true[brain]),
    }


def against_null(exam: Exam, name: str) -> dict[str, dict[str, float]]:
    """Ranks of wbtools's table by a method: of the trained network, and of one that was never trained."""
    control = randomised(exam.model, exam.others, seed=1000 + exam.case.seed)
    networks = {"trained": exam.model, "untrained": replace(exam.model, network=control)}
    found: dict[str, list[dict[str, float]]] = {state: [] for state in networks}
    for i in range(len(exam)):
        images, atlas = torch.cat((exam.scans[i : i + 1], exam.reference(i))), exam.atlas(i)
        drawn = (replace(exam.model, network=randomised(exam.model, images, k)) for k in range(NULL))
        null = np.array([abs_means(exam.density(i, name, model), atlas) for model in drawn])
        for state, model in networks.items():
            density = exam.density(i, name, model)
            ranking = calibrated(rank(density, atlas), abs_means(density, atlas), null)
            found[state].append(ranks(ranking, exam.plant.region))
    return {
        state: {key: float(np.mean([figures[key] for figures in each])) for key in each[0]}
        for state, each in found.items()
    }


def ranks(ranking: Ranking, planted: tuple[int, ...]) -> dict[str, float]:
    """Where the planted region's two labels stand in the columns of the table, and in that of mean |R|."""
    rows = [(row, row.region, row.null) for row in ranking.rows if row.region and row.null]
    orders: dict[str, list[float]] = {
        "raw": [-row.mean for row, _, _ in rows],
        "|R|": [-row.abs_mean for row, _, _ in rows],
        "calibrated": [null.rank for _, _, null in rows],
        "z": [-null.z for _, _, null in rows],
    }
    mine = np.array([region.key in planted for _, region, _ in rows])
    p = np.array([null.p for _, _, null in rows])
    found = {"planted p < .05": float((p[mine] < 0.05).any()), "any p < .05": float((p < 0.05).any())}
    for column, values in orders.items():
        places = rankdata(values, "ordinal")[mine]
        found |= {f"{column} first": float(places.min() == 1), f"{column} both": float(places.max() == 2)}
        found[f"{column} rank"] = float(places.mean())
    return found


def trained(case: Case, head: Head, work: Path) -> tuple[Embedder, float]:
    """A network that was trained, or was found in the folder, and its test AUC."""
    path = work / f"{case.name}.pt"
    torch.manual_seed(case.seed)
    network = NETWORKS[case.family]()
    if path.exists():
        kept = torch.load(path, weights_only=True)
        network.load_state_dict(kept["model_state_dict"])
        return network, kept["auc"]
    auc = learn(network, head, PLANTS[case.plant], case.seed).auc
    torch.save({"model_state_dict": network.state_dict(), "auc": auc}, path)
    return network, auc


def run(case: Case, head: Head, people: int, work: Path) -> Figures:
    """All figures of one network, measured or found in the folder."""
    path = work / f"{case.name}.json"
    figures: Figures = json.loads(path.read_text()) if path.exists() else {"methods": {}, "null": {}}
    missing = [name for name in WAYS if name not in figures["methods"]]
    if not missing and set(RANKED) <= set(figures["null"]):
        return figures
    network, auc = trained(case, head, work)
    figures |= {"auc": auc, "people": people}
    if auc < ENOUGH:
        return figures
    exam = Exam(case, head, network, people)
    for name in missing:
        figures["methods"][name] = measure(exam, WAYS[name])
        path.write_text(json.dumps(figures, indent=1))
    for name in RANKED:
        figures["null"][name] = figures["null"].get(name) or against_null(exam, name)
        path.write_text(json.dumps(figures, indent=1))
    return figures


def table(results: dict[Case, Figures]) -> None:
    """Print everything as markdown."""
    failed = [f"{case.name} ({r['auc']:.2f})" for case, r in results.items() if r["auc"] < ENOUGH]
    results = {case: r for case, r in results.items() if r["auc"] >= ENOUGH}
    if failed:
        print(f"\nNot learned, and left out (test AUC): {', '.join(failed)}")
    columns = ("auc", "blurred", "group", "ahead", "rank")
    for family in NETWORKS:
        mine = [r for case, r in results.items() if case.family == family]
        if not mine:
            continue
        aucs = ", ".join(f"{r['auc']:.2f}" for r in mine)
        print(f"\n### {family}: {len(mine)} networks, test AUC {aucs}\n")
        print("| map | AUC | blurred | group | ahead | rank |\n|---|---|---|---|---|---|")
        for name in WAYS:
            values = {c: np.array([r["methods"][name][c] for r in mine]) for c in columns}
            cells = [spread(values[c], c) for c in columns]
            print(f"| {name} | {' | '.join(cells)} |")
    keys = [f"{column} {what}" for what in ("first", "both", "rank") for column in ("raw", "calibrated", "|R|", "z")]
    keys += ["planted p < .05", "any p < .05"]
    for name in RANKED:
        print(f"\n### Ranking of regions by {name}, raw and against {NULL} randomised networks\n")
        print(f"| networks | {' | '.join(key.replace('|', '') for key in keys)} |\n|---{'|---' * len(keys)}|")
        for family, state in product(NETWORKS, ("trained", "untrained")):
            mine = [r["null"][name][state] for case, r in results.items() if case.family == family]
            if mine:
                means = [np.mean([r[k] for r in mine]) for k in keys]
                cells = [f"{m:.1f}" if "rank" in k else f"{m:.0%}" for k, m in zip(keys, means, strict=True)]
                print(f"| {family}, {state} | {' | '.join(cells)} |")


def spread(values: Map, column: str) -> str:
    """Mean and standard deviation over networks; of shares of people, the mean and the least."""
    if column == "ahead":
        return f"{values.mean():.0%} (least {values.min():.0%})"
    if column == "rank":
        return f"{values.mean():.1f} ± {values.std():.1f}"
    return f"{values.mean():.3f} ± {values.std():.2f}"


def pictures(folder: Path, head: Head, work: Path) -> None:
    """Two planted regions: the map of one person by a few methods, region and decoy outlined."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = (
        "deviation",
        "deviation from 4 moved templates",
        "integrated gradients from template",
        "gradient x input",
        "LRP z-plus",
        "Grad-CAM, last features",
        "abs(input - template)",
    )
    folder.mkdir(parents=True, exist_ok=True)
    for plant, axis in (("superior-frontal", 0), ("thalamus", 1)):
        cases = {Case(family, plant, 0): trained(Case(family, plant, 0), head, work) for family in NETWORKS}
        exams = [Exam(case, head, network, 1) for case, (network, auc) in cases.items() if auc >= ENOUGH]
        figure, axes = pyplot.subplots(len(exams), len(names), figsize=(2.2 * len(names), 2.1 * len(exams) + 0.9))
        for j, exam in enumerate(exams):
            for panel, name in zip(axes[j], names, strict=True):
                draw(panel, exam, np.abs(WAYS[name](exam, 0)), axis)
                if j == 0:
                    panel.set_title(name.replace(", ", "\n").replace(" from ", "\nfrom "), fontsize=9)
            axes[j, 0].set_ylabel(exam.case.family)
        figure.suptitle(
            f"Planted: {plant.replace('-', ' ')} (white); decoy (cyan). Mean of |R| along one axis, one person"
        )
        figure.tight_layout()
        figure.savefig(folder / f"planted-{plant}.png", dpi=100)
        pyplot.close(figure)


def draw(panel: Any, exam: Exam, size: Map, axis: int) -> None:
    """|R| along an axis, over the outlines of brain, region and decoy."""
    masks = [np.isin(exam.labels[0], keys) for keys in (exam.plant.region, exam.plant.decoy)]
    seen = np.rot90(size.mean(axis))
    panel.imshow(seen, cmap="inferno", vmin=0, vmax=np.quantile(seen, 0.995), interpolation="nearest")
    outlines = ((exam.scans[0, 0].numpy() > 0, "grey"), (masks[0], "white"), (masks[1], "cyan"))
    for mask, colour in outlines:
        panel.contour(np.rot90(mask.any(axis)), [0.5], colors=colour, linewidths=1.2)
    panel.set_xticks([])
    panel.set_yticks([])


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one plant, one seed, few people")
    parser.add_argument("--work", type=Path, help="folder that networks and results are kept in")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of two plants")
    parser.add_argument("--seeds", type=int, default=2, help="networks of each family and plant")
    parser.add_argument("--people", type=int, default=10, help="test people of each network")
    given = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    plants, seeds, people = (list(PLANTS), given.seeds, given.people)
    if given.quick:
        plants, seeds, people = plants[:1], 1, 4
    with tempfile.TemporaryDirectory() as scratch:
        work = given.work or Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        head = mni_head()
        results = {}
        for seed, plant, family in product(range(seeds), plants, NETWORKS):
            case = Case(family, plant, seed)
            results[case] = run(case, head, people, work)
            print(f"{case.name}: test AUC {results[case]['auc']:.3f}", flush=True)
        table(results)
        if given.pictures:
            pictures(given.pictures, head, work)


if __name__ == "__main__":
    main()
