"""`wbtools evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.batch.engines import BATCH_ENGINES
from wbtools.cli.batch.options import piece_options
from wbtools.cli.batch.piecewise import Pieces, compute, show
from wbtools.cli.console import Held, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import refuse_without, reports_errors
from wbtools.cli.progress import several
from wbtools.errors import InputError
from wbtools.text import counted, line

if TYPE_CHECKING:
    from wbtools.evaluating.evaluation import Evaluated
    from wbtools.evaluating.piecewise import EvaluateJob
    from wbtools.evaluating.planning import Plan

_PATH = click.Path(path_type=Path)


@click.command("evaluate")
@click.argument("places", metavar="RUN|CHECKPOINT... DATA", type=_PATH, nargs=-1, required=True)
@click.option("--out", required=True, metavar="DIR", type=_PATH, help="Folder that receives page, figures and tables.")
@click.option(
    "--split",
    "part",
    metavar="PART",
    default="test",
    show_default=True,
    help="Whom to judge on: test, val or train people, or all of a data set that nothing was trained on.",
)
@click.option("--folds", is_flag=True, help="The runs are folds of one cross-validation: judge them together.")
@click.option("--recipe", metavar="NAME", help="What the checkpoints were trained for. [default: they say it]")
@click.option("--label", metavar="NAME", default="", help="Column of the label. [default: the one trained with]")
@click.option(
    "--draws",
    metavar="N",
    type=click.IntRange(2, 1000),
    default=10,
    show_default=True,
    help="Of one other pair for each pair of twins, as published.",
)
@click.option("--min-recall", metavar="R", type=float, help="Choose a threshold that reaches this recall as well.")
@click.option("--min-precision", metavar="P", type=float, help="Choose one that reaches this precision as well.")
@click.option(
    "--top",
    metavar="N",
    type=click.IntRange(1),
    default=10,
    show_default=True,
    help="Of codes: look at so many of the nearest.",
)
@click.option("--baselines", is_flag=True, help="Of classes: judge the brain's volume and an SVM on voxels as well.")
@click.option(
    "--measures",
    metavar="FILE",
    type=_PATH,
    help="Of classes: a table of people, such as FreeSurfer's, that classic models learn from.",
)
@click.option(
    "--explain",
    metavar="METHOD",
    multiple=True,
    help="Of symmetry and classes: judge maps by this method of export-subject, or by `all`; may be repeated.",
)
@click.option(
    "--explain-images",
    metavar="N",
    type=click.IntRange(1),
    default=20,
    show_default=True,
    help="Images that are drawn for maps, which cost many passes each.",
)
@click.option(
    "--resamples",
    metavar="N",
    type=click.IntRange(100, 100_000),
    default=2000,
    show_default=True,
    help="Bootstrap samples of families, for intervals.",
)
@click.option("--seed", metavar="S", type=click.IntRange(0), default=0, show_default=True, help="Of draws and samples.")
@click.option("--device", metavar="NAME", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier evaluation in --out, and nothing else.")
@click.option("--jobs", metavar="N", type=click.IntRange(1), help="local: batches at once. [default: one per thread]")
@piece_options
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(places: tuple[Path, ...], *, dry_run: bool, verbose: int, debug: bool, **options: Any) -> None:
    """Say how good trained networks are, on people that they have not seen.

    RUN is a folder of wbtools train, of which the checkpoint of the first criterion is taken; several checkpoints are
    compared side by side, on the same people. DATA is a data set of wbtools prepare. Figures have intervals over
    people; the threshold is the checkpoint's own, chosen on validation people.
    """
    set_up_logging(verbose, Held())
    if len(places) < 2:
        raise InputError("a checkpoint and a data set are needed", hint="wbtools evaluate RUN DATA --out DIR")
    if not options["explain"]:
        refuse_without("--explain", "explain_images")
    from wbtools.evaluating.bootstrap import Resampling
    from wbtools.evaluating.piecewise import EvaluateJob
    from wbtools.evaluating.planning import Asked
    from wbtools.evaluating.recipes.evaluation import Options

    chosen = Options(
        options["label"],
        options["draws"],
        options["min_recall"],
        options["min_precision"],
        options["top"],
        Resampling(options["resamples"], options["seed"]),
        options["baselines"],
        str(options["measures"].absolute()) if options["measures"] else "",
        options["explain"],
        options["explain_images"],
    )
    *checkpoints, data = places
    asked = Asked(
        tuple(checkpoints),
        data,
        options["out"],
        options["part"],
        options["recipe"],
        chosen,
        options["device"],
        options["overwrite"],
        options["folds"],
    )
    job, here = EvaluateJob(asked, asked.device), BATCH_ENGINES[options["engine"]].here
    if chosen.explain and not here:
        raise InputError(
            f"--explain makes maps on this machine only, not by --engine {options['engine']}",
            hint="leave out one of them",
        )
    if dry_run:
        _say_plan(job.plan)
        if not here:
            show(_pieces(job), job.cut(options["piece"]), options)
        return
    _summarise(_watched(job.plan, options["jobs"]) if here else _elsewhere(job, options))


def _pieces(job: EvaluateJob) -> Pieces:
    """What engines are asked for."""
    from wbtools.evaluating.piecewise import as_json

    out = job.asked.out.absolute()
    return Pieces(out.with_name(f"{out.name}.pieces"), "evaluate", as_json(job.asked), job.settings())


def _elsewhere(job: EvaluateJob, options: dict[str, Any]) -> Evaluated:
    """An evaluation whose checkpoints an engine of batches asks."""
    from wbtools.batch import pieces
    from wbtools.evaluating.evaluation import evaluate

    asked, units = _pieces(job), job.cut(options["piece"])
    compute(asked, units, options)
    found = evaluate(job.plan, job.collected(asked.home, units))
    pieces.remove(asked.home)
    return found


def _watched(found: Plan, jobs: int | None) -> Evaluated:
    """Evaluate here, and show how far it is: first networks are asked, then maps are made."""
    from wbtools.evaluating.evaluation import evaluate, here

    with several("image", "map") as (tell_images, tell_maps):
        asked = 0

        def more(images: int) -> None:
            nonlocal asked
            asked += images
            tell_images(asked, found.images)

        more(0)
        return evaluate(found, here(found, more, jobs), tell_maps)


def _say_plan(found: Plan) -> None:
    """The answer to --dry-run."""
    from wbtools.evaluating.people import described

    terminal.print(f"recipe: {found.evaluation.name}")
    for contestant, judged in zip(found.contestants, found.judged, strict=True):
        threshold = contestant.model.threshold
        terminal.print(f"checkpoint: {line(contestant.path)} ({contestant.model.family})")
        terminal.print(f"  threshold: {'none' if threshold is None else f'{threshold:.4g}'}")
        terminal.print(f"  {found.asked.part}: {described(found.data, judged.rows)}, by {judged.how}")
    if found.asked.options.explain:
        terminal.print(f"maps: {_said_of_maps(found)}")
    terminal.print(f"device: {found.device}")
    terminal.print(f"would write: {line(found.asked.out)}")


def _said_of_maps(found: Plan) -> str:
    """How many images are explained, and how."""
    from wbtools.evaluating.maps.explaining import methods_of

    options = found.asked.options
    methods, images = methods_of(options.explain), min(options.explain_images, len(found.rows))
    return f"{counted(images, 'image')} by {counted(len(methods), 'method')}, {', '.join(methods)}"


def _summarise(found: Evaluated) -> None:
    """What an evaluation prints at its end."""
    for said in found.findings.headline:
        terminal.print(said)
    for notice in found.notices:
        terminal.print(terminal.wrapped(f"Note: {notice}"))
    terminal.print(f"Open:  {line(found.folder / 'index.html')}")
