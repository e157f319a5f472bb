"""`wbtools models` and `wbtools models convert`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from wbtools.cli.console import out
from wbtools.cli.failures import reports_errors
from wbtools.cli.listing import Listing
from wbtools.errors import InputError
from wbtools.text import counted, lengths, line

if TYPE_CHECKING:
    from wbtools.model.card import Card


_VALIDATION = "validation_"
"""How names of figures of validation data begin on cards."""

_ENDINGS = (".pt", ".pth", ".safetensors", ".pt2")
"""Of files of networks that have a card beside them."""


class _Networks(Listing):
    """A group in which the name of a network is the command that says what the network is."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """`convert`, and for every other word the command that describes the network of this name."""
        return super().get_command(ctx, cmd_name) or _described(Path(cmd_name), ctx.params["debug"])

    def format_usage(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Both forms, which click cannot know."""
        formatter.write_usage(ctx.command_path, "[OPTIONS] [FILE]")
        formatter.write_usage(ctx.command_path, "convert [OPTIONS] FILE [TARGET]")


@click.group("models", cls=_Networks, invoke_without_command=True)
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
@reports_errors
def command(context: click.Context, debug: bool) -> None:
    """List the network families and the built-in network; with FILE, say what that network is.

    FILE is a checkpoint, the folder of a run, a .pt2 file of torch.export, package.module:build, a Python function
    that builds a network, or `demo`, the built-in one.
    """
    from wbtools import model

    if context.invoked_subcommand:
        return
    out.print("Families", style="bold")
    for family in model.known_families():
        out.print(f"  {family.name}: {family.title}")
    out.print("  any other: a .pt2 file of torch.export, or package.module:build, a Python function")
    out.print("\nBuilt-in network", style="bold")
    _describe(model.built_in())


def _network_of(card: Path) -> Path | None:
    """The checkpoint beside a card; None for any other file."""
    if card.suffix != ".json" or not card.is_file():
        return None
    return next((path for ending in _ENDINGS if (path := card.with_suffix(ending)).is_file()), None)


def _described(name: Path, debugged: bool) -> click.Command:
    """The command that says what the network of a name is.

    Parameters
    ----------
    name : Path
        A file, or a Python function that builds a network.
    debugged : bool
        Whether `--debug` was given before the name.
    """

    @click.command(str(name), help="Say what this network is: its architecture, its card and what is only assumed.")
    @click.option("--debug", is_flag=True, default=debugged, help="Show the traceback of an error.")
    @reports_errors
    def describe(debug: bool) -> None:
        from wbtools import model
        from wbtools.training.runs.chosen import place_of

        if beside := _network_of(name):
            raise InputError(f"{name} is a card or another JSON file", hint=f"give the network: {beside}")
        path = place_of(name)
        if name.is_dir():
            out.print(f"The run's checkpoint {line(path)}:")
        _describe(model.load(path))

    return describe


@command.command("convert")
@click.argument("checkpoint", metavar="FILE", type=click.Path(path_type=Path))
@click.argument("target", metavar="[TARGET]", required=False, type=click.Path(path_type=Path))
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def convert(checkpoint: Path, target: Path | None, debug: bool) -> None:
    """Write a checkpoint as safetensors with its card inside, or a safetensors file as .pt with its card beside it.

    TARGET's ending decides; without it, the other format is written beside FILE. Existing files are never replaced.
    """
    from wbtools.model.convert import convert as converted

    for path in converted(checkpoint, target):
        out.print(f"Wrote {line(path)}")


def _several(card: Card) -> str:
    """What methods compare with that compare with several brains."""
    if card.references:
        return counted(len(card.references), "brain")
    if card.reference_components:
        return f"drawn from {counted(len(card.reference_components), 'component')}"
    return "made-up heads"


def _input(card: Card, pictures: object) -> dict[str, object]:
    """What the network takes; of one that was trained on pictures only what an export shows it."""
    from wbtools.model.intensity import Intensity
    from wbtools.model.pictures import Stacks

    image = f"{lengths(card.shape)} {card.orientation}"
    if card.pictures:
        return {"input": f"pictures; an export shows it the axial slices of the T1w image at {image}"}
    stacks = {}
    if isinstance(pictures, Stacks):  # the network's own: cards may leave plane and places to the family
        stacks = {"slices": f"neighbouring {pictures.plane} ones at {counted(pictures.places, 'place')}"}
    return {
        "input": f"{image}, {card.resampling}",
        **stacks,
        "intensities": f"{card.intensity}: {Intensity.parse(card.intensity).words}",
        "skull-stripped input": "yes" if card.skull_stripped else "no",
        "reference brain": card.reference or "the MNI152 template",
        "several references": _several(card),
    }


def _planted(card: Card) -> dict[str, object]:
    """Where is what there is to find, if that is known."""
    if not card.planted:
        return {}
    places = {"planted": (card.planted_in, card.planted), "decoy": (card.decoy_in, card.decoy)}
    return {
        what: f"{where}: {', '.join(names)}" if where else ", ".join(names)
        for what, (where, names) in places.items()
        if names
    }


def _performance(card: Card) -> dict[str, object]:
    """Figures, those of validation data apart: they chose epoch and threshold, and are better than on new people."""
    rows: dict[str, list[str]] = {"held-out performance": [], "on validation data": []}
    for name, value in card.performance.items():
        validation = name.startswith(_VALIDATION)
        said = f"{name.removeprefix(_VALIDATION).replace('_', ' ')} {value:g}"
        rows["on validation data" if validation else "held-out performance"].append(said)
    found: dict[str, object] = {name: ", ".join(figures) or "not stated" for name, figures in rows.items()}
    if rows["on validation data"]:
        found["on validation data"] = f"{found['on validation data']} (chose epoch and threshold)"
    return found


def _describe(model: object) -> None:
    """Print a network's description and card as two columns."""
    from rich.table import Table

    from wbtools.model import Model
    from wbtools.model.card import ANSWERS

    assert isinstance(model, Model)
    card = model.card
    rows: dict[str, object] = {
        "name": card.name,
        "title": card.title,
        "family": card.family,
        **model.description,
        "answers with": " or ".join(name for name, method in ANSWERS.items() if method in model.network.answers),
        "classes": ", ".join(card.classes) or "not named",
        "threshold (cosine distance)": "not in the file" if model.threshold is None else f"{model.threshold:.4g}",
        **_input(card, getattr(model.network, "pictures", None)),
        "training data": card.training_data,
        **_performance(card),
        **_planted(card),
        "intended use": card.intended_use,
        "card": "assumed from the family; write a JSON card beside the file" if card.assumed else "given",
        "notice": " ".join(filter(None, (card.notice, *model.remarks))) or "none",
        "sha256": model.sha256,
    }
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, out.fit(line(value)))
    out.print(table)
