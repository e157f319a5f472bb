"""From what was asked for to a run: everything is checked before anything is made."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from wbtools.attribution.runtime.device import usable
from wbtools.datasets import DataSet, Kind, Split, check_leaks, folds_of, open_data, split_of
from wbtools.datasets.split import FRACTIONS
from wbtools.errors import InputError, require_choice
from wbtools.provenance import code_sha256, versions
from wbtools.subject.containment import require_outside_inputs
from wbtools.text import counted
from wbtools.training.backbones import BACKBONES, Backbone, require_meant
from wbtools.training.loop.ranks import ALONE, Place, Ranks
from wbtools.training.recipes import recipe_named
from wbtools.training.recipes.recipe import Material, Recipe, Task, require_finite
from wbtools.training.runs.beginning import digest, fitting, require_again
from wbtools.training.runs.checkpoints import card_of
from wbtools.training.runs.folder import RunFolder
from wbtools.training.runs.label import with_label
from wbtools.training.runs.references import REFERENCES, require_enough
from wbtools.training.settings import Settings, as_record, changed, from_record
from wbtools.training.triplet import without_dropout

if TYPE_CHECKING:
    from wbtools.model.card import Card
    from wbtools.model.family import Network

_AT_ONCE = 16  # images
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Asked:
    """What is to be trained, as the user said it.

    Parameters
    ----------
    recipe : str
    data : Path
    out : Path
    backbone : str, optional
        The recipe's first without.
    words : mapping of str to str
        Settings that differ from the recipe's.
    device : str
        One of DEVICES, or a card's number as in `cuda:1`.
    init : Path, optional
        A checkpoint whose weights training begins with.
    references : str
        One of REFERENCES.
    fractions : tuple of float, (3,), optional
        Of training, validation and test people.
    fold : tuple of int, optional
        Number, from 1, and count: a fold of a cross-validation instead.
    resume : bool
    """

    recipe: str
    data: Path
    out: Path
    backbone: str | None = None
    words: Mapping[str, str] = field(default_factory=dict)
    device: str = "auto"
    init: Path | None = None
    references: str | None = None
    fractions: tuple[float, float, float] | None = None
    fold: tuple[int, int] | None = None
    resume: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """What will be trained on what, where, and how.

    Parameters
    ----------
    folder : RunFolder
    recipe : Recipe
    backbone : Backbone
    task : Task
    material : Material
    record : dict
        What `run.json` holds.
    init : Path or None
    new : bool
        Whether it begins; else it is resumed.
    """

    folder: RunFolder
    recipe: Recipe
    backbone: Backbone
    task: Task
    material: Material
    record: dict[str, Any]
    init: Path | None
    new: bool

    @property
    def references(self) -> str:
        """One of REFERENCES."""
        return str(self.record["references"])

    def card(self) -> Card:
        """What all cards of the run say, but for its references."""
        material = self.material
        made = {"recipe": self.recipe.name, "seed": str(material.settings.seed), "torch": str(self.record["torch"])}
        title = self.recipe.titled(material.options, self.task.classes)
        card = card_of(self.recipe, title, self.backbone.known.card, material.data, self.task.learned.tolist(), made)
        return replace(card, classes=self.task.classes, **self.backbone.on_card(material.options))

    def network(self) -> Network:
        """The network, its weights drawn from the run's seed, shown what its card will say."""
        torch.manual_seed(self.material.settings.seed)
        network = self.backbone.build(self.task.sizes)
        network.adapt(self.card())
        if not self.material.settings.dropout:
            without_dropout(network)
        return network


def plan(asked: Asked, ranks: Ranks = ALONE) -> Run:
    """Find out what will be trained; nothing is written.

    Of several processes the first looks at the folder and decides; the others have to be able to follow.

    Parameters
    ----------
    asked : Asked
    ranks : Ranks

    Raises
    ------
    InputError
        If anything does not fit, in one sentence.
    """
    require_metric_learning()
    folder = RunFolder(asked.out)
    recipe = recipe_named(asked.recipe)
    data = open_data(asked.data)
    recipe.require_kind(data)
    record = _decided(folder, asked, recipe, data) if ranks.first else {}
    device = device_named(asked.device, ranks.place)
    if ranks.several:
        record = _followed(record, data, device, ranks)
    material = _material(recipe, data, record, ranks)
    task = recipe.task(material, device)
    if record["references"] != "none":
        require_enough(data, material.rows("train"))
    if not asked.resume:
        record["classes"], record["sizes"] = list(task.classes), {"images": list(data.manifest.shape)}
    run = Run(folder, recipe, BACKBONES[record["backbone"]], task, material, record, asked.init, not asked.resume)
    card = run.card()  # raises what a card cannot say, such as names that are too long
    if ranks.first:
        run.backbone.require_fitting(task.sizes, card)
    if run.new and run.init is not None and ranks.first:
        with torch.device("meta"):  # shapes only
            network = run.backbone.build(task.sizes)
        fitting(network, run.init)
    return run


def _decided(folder: RunFolder, asked: Asked, recipe: Recipe, data: DataSet) -> dict[str, Any]:
    """The record of a run that begins or is resumed, its folder looked at."""
    if asked.resume:
        return _same(asked, recipe, data, folder.record())
    folder.require_new()
    require_outside_inputs(asked.out, "--out")
    return _record(asked, recipe, data)


def _followed(record: dict[str, Any], data: DataSet, device: torch.device, ranks: Ranks) -> dict[str, Any]:
    """The first process's record, which this one has to be able to follow.

    Raises
    ------
    InputError
        If it has another data set, or another kind of device.
    """
    if ranks.first and "ranks" not in record:
        record["ranks"] = ranks.place.world_size
    told = json.loads(ranks.broadcast(lambda: json.dumps({"record": record, "device": device.type}).encode()))
    me = f"process {ranks.place.rank} of {ranks.place.world_size}"
    if told["record"]["data_sha256"] != data.sha256:
        raise InputError(f"{me} finds another data set at {data.folder} than the first", hint="give all the same")
    if told["device"] != device.type:
        raise InputError(
            f"{me} would train on {device.type}, and the first on {told['device']}",
            hint="start processes where there is a graphics card for each, or give --device cpu",
        )
    return dict(told["record"])


def require_metric_learning() -> None:
    """Raise InputError if the libraries that only training needs are not installed."""
    from importlib.util import find_spec

    if find_spec("pytorch_metric_learning") is None:
        raise InputError(
            "training needs pytorch-metric-learning", hint="install it: pip install pytorch-metric-learning"
        )


def device_named(word: str, place: Place = Place()) -> torch.device:  # noqa: B008, it is frozen
    """The device that a word means.

    Parameters
    ----------
    word : str
    place : Place
        Of several processes each has a graphics card of its own.

    Raises
    ------
    InputError
        If it is not there.

    Examples
    --------
    >>> device_named("cpu")
    device(type='cpu')
    """
    if word == "auto" and (usable() is None or place.world_size == 1):
        return usable() or torch.device("cpu")
    if place.world_size > 1 and word in ("auto", "cuda"):
        cards = torch.cuda.device_count()
        if place.local_rank >= cards:
            raise InputError(
                f"process {place.rank} of {place.world_size} is number {place.local_rank + 1} of its machine, "
                f"which has {counted(cards, 'graphics card')}",
                hint="start as many processes on a machine as it has cards (--nproc-per-node), or give --device cpu",
            )
        return torch.device("cuda", place.local_rank)
    if place.world_size > 1 and word.startswith("cuda:"):
        raise InputError(
            f"--device {word} is a single card for {place.world_size} processes",
            hint="leave --device out: each has its own",
        )
    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,9})?", word):
        raise InputError(
            f"--device {word} is no device that can train", hint=f"give one of {', '.join(DEVICES)}, or cuda:N"
        )
    if word != "cpu" and not int(word.partition(":")[2] or 0) < torch.cuda.device_count():
        raise InputError(f"--device {word} is not there, or torch cannot use it", hint="give --device cpu")
    return torch.device(word)


def _record(asked: Asked, recipe: Recipe, data: DataSet) -> dict[str, Any]:
    """What a new run keeps of what was asked for."""
    settings, options = told(recipe, with_label(recipe, data, asked.words))
    backbone = asked.backbone or recipe.backbones[0]
    recipe.require_backbone(backbone)
    require_meant(backbone, options, recipe.options)
    volumes = data.manifest.kind is Kind.VOLUMES
    references = asked.references or (REFERENCES[0] if volumes else "none")
    require_choice("kind of references", references, REFERENCES)
    if references != "none" and not volumes:
        raise InputError(f"--references {references} needs brains", hint="give --references none")
    split = _split(asked, data, settings.seed, recipe.stratify(options) or None)
    return {
        "recipe": recipe.name,
        "backbone": backbone,
        "settings": as_record(settings),
        "options": as_record(options),
        "references": references,
        "split": {**split.as_record(), "people": _people(data, split)},
        "data_sha256": data.sha256,
        "init_sha256": digest(asked.init),
        "threads": torch.get_num_threads(),
        "torch": str(torch.__version__),
        "code_sha256": code_sha256("wbtools.training", "wbtools.model", "wbtools.datasets"),
        "versions": versions(),
    }


def _split(asked: Asked, data: DataSet, seed: int, stratify: str | None) -> Split:
    """Who learns, is validated on and tested, as it was asked for."""
    if asked.fold is None:
        split = split_of(data, asked.fractions or FRACTIONS, seed, stratify)
    else:
        number, count = asked.fold
        if not 1 <= number <= count:
            raise InputError(f"--fold {number} of {count} does not exist", hint=f"give a number from 1 to {count}")
        if count > len(data):
            raise InputError(f"--fold {number}/{count} asks for more folds than there are images", hint="give fewer")
        split = folds_of(data, count, seed, stratify)[number - 1]
    if not split.parts["val"]:
        raise InputError("nothing is left to validate on", hint="give other --fractions")
    return split


def _same(asked: Asked, recipe: Recipe, data: DataSet, record: dict[str, Any]) -> dict[str, Any]:
    """The record of a run that is resumed, of which nothing may be asked for otherwise.

    Raises
    ------
    InputError
        If something is, or the data set has changed.
    """
    place = asked.out
    if record["recipe"] != recipe.name:
        raise InputError(f"{place} is a run of {record['recipe']}, not of {recipe.name}", hint="give the run's recipe")
    if record["data_sha256"] != data.sha256:
        raise InputError(
            f"{asked.data} is not the data set that the run {place} began with, or has changed",
            hint="give that data set, or train anew with another --out",
        )
    recipe.require_backbone(record["backbone"])
    require_choice("kind of references", record["references"], REFERENCES)
    data.verify()
    settings = from_record(recipe.settings, record["settings"])
    options = from_record(recipe.options, record["options"])
    _require_unchanged(place, (settings, options), told(recipe, asked.words, settings, options))
    was = {name: value for name, value in record["split"].items() if name != "people"}
    given = {
        "--backbone": asked.backbone in (None, record["backbone"]),
        "--references": asked.references in (None, record["references"]),
        "--init": asked.init is None or digest(asked.init) == record["init_sha256"],
        "--fold or --fractions": (asked.fold is None and asked.fractions is None)
        or _split(asked, data, settings.seed, recipe.stratify(options) or None).as_record() == was,
    }
    if other := [name for name, same in given.items() if not same]:
        raise InputError(
            f"{place} began with other settings: {other[0]} cannot be changed", hint="leave it out, or train anew"
        )
    require_again(RunFolder(place), asked.init, record["init_sha256"])
    return record


def _require_unchanged(place: Path, began: tuple[Settings, Any], asked: tuple[Settings, Any]) -> None:
    """Raise InputError that names the first setting that is not what the run began with."""
    before, after = ({**as_record(settings), **as_record(options)} for settings, options in (began, asked))
    name = next((name for name, value in before.items() if after[name] != value), None)
    if name is None:
        return
    hint = "leave it out, or train anew with another --out"
    if name == "epochs":
        hint = (
            "leave --epochs out: the schedule of the learning rate is planned for all epochs, so none can be added. "
            f"Or train anew with another --out; --init {place / 'last.pt'} begins with the weights of this run"
        )
    raise InputError(f"{place} began with {name}={_shown(before[name])}, not {_shown(after[name])}", hint=hint)


def _shown(value: object) -> str:
    """A setting as `--set` takes it."""
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def told(
    recipe: Recipe, words: Mapping[str, str], settings: Settings | None = None, options: Any = None
) -> tuple[Settings, Any]:
    """Settings of the loop and of a recipe, some of them changed by words."""
    settings, options = settings or recipe.settings, options or recipe.options
    own = {name: word for name, word in words.items() if hasattr(options, name)}
    rest = {name: word for name, word in words.items() if name not in own}
    return changed(settings, rest, also=tuple(as_record(options))), changed(options, own)


def _material(recipe: Recipe, data: DataSet, record: Mapping[str, Any], ranks: Ranks) -> Material:
    split = Split.from_record(record["split"])
    check_leaks(data, split)
    settings = from_record(recipe.settings, record["settings"])
    return Material(data, split, settings, from_record(recipe.options, record["options"]), ranks)


def _people(data: DataSet, split: Split) -> dict[str, list[str]]:
    """Who is in which part."""
    return {part: list(dict.fromkeys(data.items[row].person for row in rows)) for part, rows in split.parts.items()}


def require_sound_images(material: Material) -> None:
    """Require that all images that training looks at are numbers; reads them once, several processes their share.

    Raises
    ------
    InputError
        Naming the first that is not.
    """
    if material.data.manifest.kind is not Kind.VOLUMES:
        return
    rows = np.concatenate([material.rows("train"), material.rows("val")])
    share = material.ranks.share_of(len(rows))
    rows = rows if share is None else rows[share.own]
    for some in np.array_split(rows, max(1, -(-len(rows) // _AT_ONCE))):
        require_finite(material.data, some, np.asarray(material.data.images[some]))
