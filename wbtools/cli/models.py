"""`wbtools models`."""

from __future__ import annotations

from pathlib import Path

import click

from wbtools.cli.console import out
from wbtools.cli.failures import plainly


@click.command("models")
@click.argument("checkpoint", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@plainly
def command(checkpoint: Path | None, debug: bool) -> None:
    """List the network families and the built-in network; with FILE, say what that checkpoint is."""
    from wbtools import model

    if checkpoint:
        _describe(model.load(checkpoint))
        return
    out.print("[bold]Families[/bold]")
    for family in model.families():
        out.print(f"  {family.name}: {family.title}")
    out.print("\n[bold]Built-in network[/bold]")
    _describe(model.built_in())


def _describe(model: object) -> None:
    """Print a network's description and card as two columns."""
    from rich.markup import escape
    from rich.table import Table

    from wbtools.model import Model

    assert isinstance(model, Model)
    card = model.card
    rows: dict[str, object] = {
        "name": card.name,
        "title": card.title,
        "family": card.family,
        **model.description,
        "threshold (cosine distance)": "not in the file" if model.threshold is None else f"{model.threshold:.4g}",
        "input": f"{' x '.join(map(str, card.shape))} {card.orientation}, {card.resampling}, {card.intensity}",
        "skull-stripped input": "yes" if card.skull_stripped else "no",
        "training data": card.training_data,
        "held-out performance": ", ".join(f"{k} {v:g}" for k, v in card.performance.items()) or "not stated",
        "intended use": card.intended_use,
        "card": "assumed from the family; write a JSON card beside the file" if card.assumed else "given",
        "notice": card.notice or "none",
        "sha256": model.sha256,
    }
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 2))
    for name, value in rows.items():
        table.add_row(name, escape(str(value)))
    out.print(table)
