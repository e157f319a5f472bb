"""`wbtools train`."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.completion import names
from wbtools.cli.console import err, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import reports_errors
from wbtools.cli.learning.together import together
from wbtools.errors import InputError, TransientError
from wbtools.errors.system import from_os_error
from wbtools.text import counted, lengths, line
from wbtools.training.recipes import RECIPES

if TYPE_CHECKING:
    from wbtools.training.loop.fitting import Epoch
    from wbtools.training.loop.ranks import Ranks
    from wbtools.training.runs import starting
    from wbtools.training.runs.starting import Run
    from wbtools.training.runs.training import Trained

_PATH = click.Path(path_type=Path)


@click.command("train", epilog=f"Recipes: {', '.join(RECIPES)}.")
@click.argument("recipe", metavar="RECIPE", shell_complete=names(RECIPES))
@click.argument("data", metavar="DATA", type=_PATH)
@click.option("--out", required=True, metavar="DIR", type=_PATH, help="Folder of the run: checkpoints, log, state.")
@click.option("--backbone", metavar="NAME", help="Which network. [default: the recipe's]")
@click.option("--epochs", metavar="N", help="At most. [default: the recipe's]")
@click.option("--batch", metavar="N", help="Images, pairs or triplets at a time. [default: the recipe's]")
@click.option("--rate", metavar="RATE", help="Learning rate. [default: the recipe's]")
@click.option("--seed", metavar="S", help="Of weights, split, order and changes. [default: 42]")
@click.option(
    "--set",
    "words",
    metavar="NAME=VALUE",
    multiple=True,
    help="Any other setting; --dry-run lists all. May be repeated.",
)
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--init", metavar="RUN|FILE", type=_PATH, help="Begin with the weights of this checkpoint.")
@click.option(
    "--references",
    metavar="KIND",
    help="What the card gives for comparison: `components` of the training brains' mean, which show nobody; `brains` "
    "of some training people; or `none`. [default: components]",
)
@click.option(
    "--fractions", metavar="T V T", type=float, nargs=3, help="Of training, validation and test. [default: .7 .15 .15]"
)
@click.option("--fold", metavar="I/K", help="Instead: fold I of a K-fold cross-validation.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out, after the last epoch that was finished.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained, with all settings, and write nothing.")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(recipe: str, data: Path, *, dry_run: bool, verbose: int, debug: bool, **options: Any) -> None:
    """Train a network on a data set of wbtools prepare.

    RECIPE is what is learned. DATA is the folder that wbtools prepare made. People, twins and families are in
    one part of the split only; everything that is chosen, such as the best epoch and the threshold, is chosen on
    validation people. The checkpoints have the published form, with a card beside each, and open with --model of the
    other commands. torchrun starts this command in several processes, which train one network together.
    """
    set_up_logging(verbose)
    with together() as ranks:
        _train(_asked(recipe, data, options), ranks, dry_run=dry_run, debug=debug)


def _asked(recipe: str, data: Path, options: dict[str, Any]) -> starting.Asked:
    """What the words of the command line ask for."""
    from wbtools.training.runs import starting
    from wbtools.training.runs.chosen import place_of
    from wbtools.training.settings import assignments

    words = {name: options[name] for name in ("epochs", "batch", "rate", "seed") if options[name] is not None}
    return starting.Asked(
        recipe,
        data,
        options["out"],
        options["backbone"],
        {**words, **assignments(options["words"])},
        options["device"],
        options["init"] and place_of(options["init"]),
        options["references"],
        options["fractions"],
        _fold(options["fold"]),
        options["resume"],
    )


def _train(asked: starting.Asked, ranks: Ranks, *, dry_run: bool, debug: bool) -> None:
    """Train, or say what would be trained; of several processes the first shows it."""
    from wbtools.training.runs.label import said_of_label
    from wbtools.training.runs.starting import plan
    from wbtools.training.runs.training import train

    run = plan(asked, ranks)
    if ranks.first and run.new and (note := said_of_label(run.recipe, asked.words, run.record["options"])):
        terminal.print(terminal.wrapped(f"Note: {note}"))
    if dry_run:
        if ranks.first:
            _say_plan(run)
        return
    try:
        with _Watch(run) if ranks.first else nullcontext() as watch:
            found = train(run, watch)
    except (OSError, MemoryError, RuntimeError, KeyboardInterrupt) as error:
        if debug or (known := _interrupted(error, asked.out)) is None:
            raise
        raise known from error
    if ranks.first:
        _summarise(found, run)


def _fold(text: str | None) -> tuple[int, int] | None:
    """The fold in words such as `3/10`."""
    if text is None:
        return None
    number, _, count = text.partition("/")
    try:
        return int(number), int(count)
    except ValueError:
        raise InputError(f"--fold {text} is no fold", hint="write I/K, for example 3/10") from None


class _Watch:
    """Shows a run: a bar with the time that is left on a terminal, and a line for every epoch.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run) -> None:
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), console=err, transient=True
        )
        self._criteria = run.task.criteria
        self._metric = self._criteria[0].figure
        self._best: dict[str, float] = {}
        self._task = self._bar.add_task("preparing", total=None)
        self._began, self._done = time.monotonic(), 0.0
        self._title, self._share, self._left = "", 0.0, 0.0

    def __enter__(self) -> _Watch:
        if err.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, epoch: int, epochs: int, batches: int) -> None:
        """As in `Listener`."""
        if not self._done:
            self._began = time.monotonic()
        self._share, self._left = 1 / batches, float(epochs - epoch)
        self._title = f"epoch {epoch + 1} of {epochs}"
        self._bar.update(self._task, total=epochs, completed=epoch, description=self._words())

    def batch(self) -> None:
        """As in `Listener`."""
        self._done += self._share
        self._left -= self._share
        self._bar.update(self._task, advance=self._share, description=self._words())

    def end(self, epoch: Epoch) -> None:
        """As in `Listener`."""
        figures = {"loss": epoch.training["loss"], f"validation {self._metric}": epoch.validation[self._metric]}
        said = [f"{name} {value:.4g}" for name, value in figures.items()]
        improved = self._improved(epoch)
        best = f", best by {', '.join(improved)}" if improved else ""
        text = f"epoch {epoch.number + 1}: {', '.join(said)}{best} ({epoch.seconds:.1f} s{self._remaining()})"
        if err.is_terminal:
            self._bar.console.print(text)
        else:
            click.echo(f"{time.strftime('%H:%M:%S')} {text}", err=True)

    def _improved(self, epoch: Epoch) -> list[str]:
        """The criteria whose value is better than in every epoch before, not just equal with a lower loss."""
        figures = {each.name: each.figure for each in self._criteria}
        found = {name: epoch.validation[figures[name]] for name in epoch.best}
        improved = [name for name, value in found.items() if value != self._best.get(name)]
        self._best |= found
        return improved if epoch.number else []  # the first is the best by all

    def _words(self) -> str:
        return f"{self._title}{self._remaining()}"

    def _remaining(self) -> str:
        left = self._left * (time.monotonic() - self._began) / self._done if self._done else 0.0
        return f", {duration(left)} left" if self._done and self._left > 0.5 * self._share else ""


def duration(seconds: float) -> str:
    """A time that is left, as people say it.

    Examples
    --------
    >>> duration(42), duration(600), duration(9000), duration(400_000)
    ('42 s', '10 min', '2.5 h', '4.6 days')
    """
    for most, unit, size in ((100, "s", 1), (6000, "min", 60), (172_800, "h", 3600)):
        if seconds < most:
            return f"{seconds / size:.{0 if size < 3600 else 1}f} {unit}"
    return f"{seconds / 86_400:.1f} days"


def _interrupted(error: BaseException, out: Path) -> TransientError | None:
    """What an end that is no fault of the run means: what was finished is kept; None for anything else."""
    if not (out / "run.json").exists():
        return None
    kept = "epochs that were finished are kept"
    if isinstance(error, KeyboardInterrupt):
        return TransientError(f"interrupted; {kept}", hint="run the same command with --resume")
    if isinstance(error, OSError) and (known := from_os_error(error)).exit_code == TransientError.exit_code:
        return TransientError(f"{known}; {kept}", hint="make room or wait for the disk, then run again with --resume")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return TransientError(
            "there is not enough memory for a batch",
            hint="train anew with a smaller --batch, and --set accumulate=N for as many more batches a step",
        )
    return None


def _say_plan(run: Run) -> None:
    """The answer to --dry-run."""
    from wbtools.training.settings import as_word, described

    material, record = run.material, run.record
    images = lengths(material.data.manifest.shape)
    terminal.print(f"recipe: {run.recipe.name}, {run.recipe.title} (system {run.recipe.system})")
    terminal.print(f"data: {line(material.data.folder)}, {counted(len(material.data), 'image')} of {images}")
    for part, rows in material.split.parts.items():
        people = len({material.data.items[row].person for row in rows})
        terminal.print(f"  {part}: {counted(len(rows), 'image')} of {counted(people, 'person', 'people')}")
    if run.task.classes:
        terminal.print(f"classes: {', '.join(line(name) for name in run.task.classes)}")
    weights = sum(parameter.numel() for parameter in run.network().parameters())
    others = ", ".join(name for name in run.recipe.backbones if name != record["backbone"])
    terminal.print(f"backbone: {record['backbone']}, {weights:,} parameters{others and f'; also {others}'}")
    terminal.print(f"device: {run.task.device}")
    steps = -(-run.task.batches // material.settings.accumulate)
    terminal.print(
        f"an epoch: {counted(run.task.batches, 'batch', 'batches')}, {counted(steps, 'step')} of the optimiser"
    )
    terminal.print(f"references in the card: {record['references']}")
    terminal.print("settings (--set NAME=VALUE):")
    meant = described(material.settings) | described(material.options)
    for name, value in {**record["settings"], **record["options"]}.items():
        shown = as_word(value)
        terminal.print(terminal.wrapped(f"  {f'{name}={shown}':<24} {meant.get(name, '')}".rstrip(), 27))
    terminal.print(f"would write: {line(run.folder.path)}")


def _summarise(found: Trained, run: Run) -> None:
    """What a run prints at its end."""
    from wbtools.datasets import Kind
    from wbtools.evaluating.recipes import EVALUATIONS

    terminal.print(f"Trained {counted(found.epochs, 'epoch')}: {line(found.folder)}")
    for name, best in found.best.items():
        terminal.print(f"  best-{name}.pt: epoch {best.epoch + 1}, {name} {best.value:.4g} on validation data")
    terminal.print("  last.pt: the last epoch")
    data = run.material.data
    after: list[tuple[object, ...]] = []
    if run.recipe.name in EVALUATIONS and run.material.split.parts["test"]:
        after.append(
            ("evaluate", found.folder, data.folder, "--split", "test", "--out", Path(f"{found.folder}-evaluated"))
        )
    if data.manifest.kind is not Kind.PICTURES:
        after.append(("export-subject", "SUBJECT", "--model", found.chosen))
    for lead, words in zip(("Next:", "Then:"), after, strict=False):
        terminal.print(f"{lead}  {terminal.command('wbtools', *words)}")
