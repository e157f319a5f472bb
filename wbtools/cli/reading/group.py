"""`wbtools group`."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from wbtools.cli.completion import files
from wbtools.cli.console import Held, set_up_logging
from wbtools.cli.console import out as terminal
from wbtools.cli.failures import refuse_without, reports_errors
from wbtools.cli.progress import several
from wbtools.cli.sharing.viewer_lines import print_opening
from wbtools.cli.summary import Column, table
from wbtools.drawing.renderer_names import RENDERERS, RendererName, refuse_beside
from wbtools.text import line

if TYPE_CHECKING:
    from wbtools.drawing.renderer_choice import Renderer
    from wbtools.group.analysis import GroupResult
    from wbtools.group.group_folder import GroupPlace
    from wbtools.group.network_findings import NetworkFindings
    from wbtools.group.settings_of_group import GroupSettings
    from wbtools.reading import Batch

_PATH = click.Path(path_type=Path)
_TOP = 10


@click.command("group")
@click.argument("exports", metavar="OUT", type=_PATH)
@click.option("--out", required=True, metavar="DIR", type=_PATH, help="Folder that receives page, tables and maps.")
@click.option(
    "--participants",
    metavar="FILE",
    type=_PATH,
    help="Table with a row per person, people in participant_id. [default: participants.tsv in OUT, if there]",
)
@click.option("--network", "networks", metavar="NAME", multiple=True, help="As in file names. [default: all]")
@click.option(
    "--family",
    metavar="COLUMN",
    default="",
    help="Column that relatives share: they are drawn and permuted together. [default: family_id, Family_ID or family]",
)
@click.option(
    "--formula",
    metavar="TERMS",
    default="",
    help='What people are compared by: columns joined by +, products as a:b, such as "age + sex".',
)
@click.option(
    "--contrast",
    "contrasts",
    metavar="NAME",
    multiple=True,
    help="A term of --formula, or two levels of a column, such as patient-control. [default: the first term]",
)
@click.option("--paired", metavar="COLUMN", default="", help="Compare within pairs, who share a value in this column.")
@click.option(
    "--annotation",
    "annotations",
    metavar="FILE|neuromaps:NAME",
    multiple=True,
    shell_complete=files,
    help="Correlate with a map of the cortex: .func.gii or .shape.gii (name one side's), .dscalar.nii, .pscalar.nii, "
    ".tsv, or one of neuromaps (pip install neuromaps).",
)
@click.option("--include-failed", is_flag=True, help="Take maps, too, that failed their trust checks.")
@click.option("--leave-out", is_flag=True, help="Go on without exports that do not fit, and list them.")
@click.option(
    "--vertex-wise",
    is_flag=True,
    help="Also test contrasts in every vertex of the cortex, with TFCE; 10,000 permutations take about 6 minutes.",
)
@click.option(
    "--permutations",
    metavar="N",
    type=click.IntRange(99, 1_000_000),
    default=10_000,
    show_default=True,
    help="Of contrasts, and rotations of annotations.",
)
@click.option(
    "--resamples",
    metavar="N",
    type=click.IntRange(99, 100_000),
    default=2000,
    show_default=True,
    help="Bootstrap samples of families, for intervals.",
)
@click.option("--seed", metavar="S", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")
@click.option("--no-maps", is_flag=True, help="Make tables and page only.")
@click.option("--no-render", is_flag=True, help="Do not draw the maps.")
@click.option(
    "--renderer",
    type=click.Choice(RENDERERS),
    default=RENDERERS[0],
    show_default=True,
    help="Who draws them: Workbench, wbtools itself, or wbtools where Workbench is missing or cannot.",
)
@click.option("--palm", is_flag=True, help="Also write data, design and exchangeability blocks for PALM.")
@click.option("--overwrite", is_flag=True, help="Replace an earlier group in --out, and nothing else.")
@click.option(
    "--jobs", metavar="N", type=click.IntRange(1), default=2, show_default=True, help="People who are read at once."
)
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(
    exports: Path,
    out: Path,
    participants: Path | None,
    *,
    no_maps: bool,
    no_render: bool,
    renderer: RendererName,
    palm: bool,
    overwrite: bool,
    jobs: int,
    verbose: int,
    debug: bool,
    **options: Any,
) -> None:
    """Say what many people's maps have in common, or how groups of people differ.

    OUT is the folder of finished exports, as wbtools batch run filled it. Only exports of one network, method and
    settings are put together; maps that failed their trust checks are left out, and listed.

    Regions are ranked by their mean level over people, with intervals over families, and compared with the same
    people's maps of randomised networks. The page group.html has all of it.
    """
    from wbtools.group.analysis import analyse
    from wbtools.group.group_folder import write

    set_up_logging(verbose, Held())
    asked = {"no_maps": no_maps, "no_render": no_render, "renderer": renderer, "palm": palm, "overwrite": overwrite}
    batch, settings, place, drawing = prepare(exports, out, participants, jobs=jobs, **asked, **options)
    with several("export", "permutation", "map") as (tell_exports, tell_tests, tell_maps):
        result = analyse(batch, settings, tell_exports, tell_tests)
        written = write(result, place, drawing, tell_maps)
    _summarise(result, out, written, drawing.notice if drawing else "")


def prepare(
    exports: Path, out: Path, participants: Path | None, **options: Any
) -> tuple[Batch, GroupSettings, GroupPlace, Renderer | None]:
    """What the command line asks for, as far as it can be had; nothing is computed or written.

    Parameters
    ----------
    exports, out, participants : Path
    **options
        All others, by the names of the parameters of `command`.

    Raises
    ------
    InputError
        If an option means nothing, there are no exports, or the group may not be written there.
    CommandError
        If Workbench is to draw, and cannot.
    """
    if not options["formula"]:
        refuse_without("--formula", "contrasts", "paired", "vertex_wise")
    no_maps, no_render = options["no_maps"], options["no_render"]
    if no_maps or no_render:
        refuse_beside("--no-maps" if no_maps else "--no-render", options["renderer"])
    from wbtools.drawing.renderer_choice import choose
    from wbtools.group.group_folder import GroupPlace
    from wbtools.group.settings_of_group import GroupSettings
    from wbtools.reading import open_batch

    settings = GroupSettings(**{each.name: options[each.name] for each in fields(GroupSettings)})
    batch = open_batch(exports, participants)
    place = GroupPlace(out, not no_maps, options["palm"], options["overwrite"], options["jobs"])
    place.require(batch)
    drawing = None if no_maps or no_render else choose(options["renderer"])
    return batch, settings, place, drawing


def _summarise(result: GroupResult, folder: Path, written: tuple[Path, ...], drawn: str) -> None:
    """What the command prints at its end."""
    from wbtools.group.telling import sentences
    from wbtools.report.page import NOTICE

    family = sentences.families(result.chosen)
    for found in result.networks.values():
        terminal.print(f"{line(found.name)}: {sentences.people(found.cohort)} ({family})")
        for row in table(_columns(found), terminal.width):
            terminal.print(row)
        for sentence in _figures(found):
            terminal.print(terminal.wrapped(sentence))
        terminal.print()
    if result.shared:
        for first, second, r, low, high, overlap in result.shared.pairs():
            ends = sentences.interval((low, high))
            terminal.print(f"{line(first)} and {line(second)}: Spearman {r:.2f} [{ends}], overlap {overlap:.0%}")
    if said := sentences.left_out(result.chosen):
        terminal.print(said)
    for notice in filter(None, (*result.cautions, *result.briefs, drawn)):
        terminal.print(terminal.wrapped(f"Note: {notice}"))
    terminal.print(f"Wrote {line(folder)}")
    scene = next((path for path in written if path.suffix == ".scene"), None)
    if scene:
        print_opening(folder / scene)
    terminal.print(f"Read:  {line(folder / 'group.html')}")
    terminal.print(NOTICE)


def _columns(found: NetworkFindings) -> list[Column]:
    """The highest regions as columns."""
    rows = found.table.head(_TOP)

    def numbers(name: str, form: str) -> tuple[str, ...]:
        return tuple("n/a" if value != value else format(value, form) for value in rows[name])

    ends = zip(numbers("rank_low", "g"), numbers("rank_high", "g"), strict=True)
    between = [Column("95 %", tuple(f"{low}-{high}" for low, high in ends))] if found.bootstrap.enough else []
    against = [Column("z", numbers("z", ".1f")), Column("p", numbers("p_corrected", ".2g"))] if found.randomised else []
    return [
        Column("rank", numbers("rank", "g")),
        *between,
        Column("region", tuple(line(name) for name in rows.index), words=True),
        Column("kind", tuple(rows["kind"]), words=True),
        Column("ranked level", numbers("ranked_level", ".2f")),
        Column("top tenth", numbers("consistency", ".0%")),
        *against,
    ]


def _figures(found: NetworkFindings) -> list[str]:
    """Agreement of people, subcortex against cortex, contrasts, annotations."""
    from wbtools.group.telling import sentences

    said = [f"Agreement of people: W = {found.consistency.concordance:.2f}"]
    if found.deep:
        said.append(sentences.deep(found.deep))
    if found.randomised:
        said.append(sentences.outstanding(found).rstrip("; "))
    return [*said, *sentences.results(found)[1:], *sentences.spins(found.context.spins)]
