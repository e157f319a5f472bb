"""Train the built-in demonstration network on synthetic twins, and write it with its card.

Run as `scripts/train-demo-network`; a GPU makes it minutes instead of hours.
"""

from __future__ import annotations

import argparse
import logging
import platform
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from wbtools.model import card as cards
from wbtools.model.card import Card
from wbtools.model.families.unet import UNet, UNetArchitecture
from wbtools.training.synthetic_twins import Conditions, SyntheticTwins, mni_template
from wbtools.training.triplet import Recipe, Scores, distances, fit, scores
from wbtools.version import __version__

WIDTHS = (8, 16, 32, 64)

CARD = Card(
    name="unet",
    title="Built-in demonstration network: U-Net encoder, trained on synthetic twins",
    family="unet",
    training_data="synthetic twins: smooth random deformations of nilearn's MNI152 template; no person's data",
    intended_use="to try wbtools; not for science, not for diagnosis",
    notice="built-in demonstration network: trained on synthetic deformations of a template; not for science",
    built_in=True,
)


def train(folder: Path, recipe: Recipe, template: Path | None, held_out: int, device: str, seed: int) -> Scores:
    """Train, choose the threshold on validation people, evaluate on test people, write `demo_unet.pt` and its card.

    Parameters
    ----------
    folder : Path
        Folder of the two files.
    recipe : Recipe
    template : Path or None
        An `.npz` with the array `template` instead of nilearn's brain, for machines without nilearn.
    held_out : int
        Pairs for validation, and as many for the test.
    device : str
    seed : int
    """
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = True
    brain = mni_template(CARD) if template is None else np.load(template)["template"]
    network = UNet(UNetArchitecture(WIDTHS)).to(device)
    fit(network, SyntheticTwins(brain, Conditions(), device, seed), recipe)
    # People are drawn from a continuous distribution: other seeds give other people.
    validation = scores(distances(network, SyntheticTwins(brain, Conditions(), device, seed + 1), held_out))
    test = scores(
        distances(network, SyntheticTwins(brain, Conditions(), device, seed + 2), held_out), validation.threshold
    )
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    torch.save({"model_state_dict": state, "threshold": test.threshold}, folder / "demo_unet.pt")
    performance = {
        "test_auc": test.auc,
        "test_f1": test.f1,
        "validation_auc": validation.auc,
        "test_pairs": float(held_out),
    }
    made = {
        "command": f"scripts/train-demo-network --steps {recipe.steps} --pairs {recipe.pairs} --seed {seed}",
        "device": torch.cuda.get_device_name() if device == "cuda" else "CPU",
        "wbtools": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
    cards.write(
        folder / "demo_unet.json", replace(CARD, threshold=test.threshold, performance=performance, provenance=made)
    )
    return test


def main() -> None:
    """The command line of `scripts/train-demo-network`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "data", help="folder of the files")
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--pairs", type=int, default=Recipe.pairs, help="twin pairs in a step")
    parser.add_argument("--held-out", type=int, default=200, help="pairs for validation, and as many for the test")
    parser.add_argument("--template", type=Path, help=".npz with the array 'template', instead of nilearn's brain")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stderr)
    recipe = Recipe(steps=given.steps, pairs=given.pairs)
    test = train(given.out, recipe, given.template, given.held_out, given.device, given.seed)
    logging.getLogger(__name__).info("%s", test)


if __name__ == "__main__":
    main()
