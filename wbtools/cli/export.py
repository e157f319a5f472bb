"""`wbtools export-subject`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from wbtools.atlas import ATLASES
from wbtools.atlas.deep.known_sources import SEGMENTATION
from wbtools.atlas.deep.known_sources import SOURCES as DEEP_SOURCES
from wbtools.attribution import KINDS, METHODS, SECOND_METHODS, Target
from wbtools.attribution.references.sources import SOURCES
from wbtools.attribution.registry import null_networks_by_default
from wbtools.cli.completion import files, names
from wbtools.cli.console import Held, err, live_stage, out, set_up_logging
from wbtools.cli.failures import reports_errors
from wbtools.cli.sharing.viewer_lines import print_viewers
from wbtools.cli.summary import summarise
from wbtools.dicom.series import SeriesChoice
from wbtools.drawing.renderer_names import RENDERERS, refuse_beside
from wbtools.errors import InputError
from wbtools.exporting.references.choice import USUAL, ReferenceChoice
from wbtools.exporting.settings import REGISTRATIONS, REPORTS, TRUST_LEVELS, ExportJob, ExportSettings
from wbtools.native.engines import ENGINES
from wbtools.output.names import NAMINGS
from wbtools.placement.options import PLACEMENTS
from wbtools.subject import MESHES, resolve
from wbtools.subject.containment import default_out
from wbtools.subject.layouts import AUTO, LAYOUTS
from wbtools.subject.selection import Comparison
from wbtools.text import line

_PATH = click.Path(path_type=Path)


Command = Callable[..., Any]


_WHAT: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--study-folder",
        metavar="DIR",
        type=_PATH,
        envvar="WBTOOLS_STUDY_FOLDER",
        default=Path(),
        help="Folder that holds the subject's folder. [default: $WBTOOLS_STUDY_FOLDER, else .]",
    ),
    click.option(
        "--layout",
        type=click.Choice([AUTO, *LAYOUTS]),
        default=AUTO,
        show_default=True,
        help="How the subject's folder is laid out.",
    ),
    click.option("--naming", type=click.Choice(list(NAMINGS)), help="Names of output files. [default: the layout's]"),
    click.option(
        "--model",
        "models",
        metavar="RUN|FILE|MODULE:BUILD",
        type=_PATH,
        multiple=True,
        help="A run of wbtools train, a checkpoint, a .pt2 file, or a Python function that builds a network; may be "
        "repeated. [default: demo, the built-in demonstration network]",
    ),
    click.option(
        "--method",
        type=click.Choice(METHODS),
        metavar="METHOD",
        help=f"How to explain it: {', '.join(METHODS)}. [default: deviation-smooth, where every layer is known]",
    ),
    click.option(
        "--also",
        type=click.Choice(SECOND_METHODS),
        metavar="METHOD",
        help="Write the map of a second method beside the first, in the same files, table and scenes; `none` for none. "
        "[default: gradient for classes and numbers explained by deviation-smooth]",
    ),
    click.option(
        "--target",
        metavar="TARGET",
        shell_complete=names(KINDS),
        help=f"What to explain: {', '.join(kind.spelling for kind in KINDS.values())}. "
        "[default: the embedding, or the predicted class]",
    ),
    click.option(
        "--other",
        metavar="SUBJECT|FILE",
        shell_complete=files,
        help="The person that the target compares with: an id, a subject's folder, or an image.",
    ),
    click.option(
        "--others",
        metavar="SUBJECT|FILE",
        multiple=True,
        shell_complete=files,
        help="More people, for --target contrast; may be repeated.",
    ),
    click.option(
        "--references",
        metavar="N|DIR|LIST|NAME",
        shell_complete=names(SOURCES, or_files=True),
        help="The brains that deviation methods compare with: N other people of the study folder, those of another "
        f"folder or of a list, or one of {', '.join(SOURCES)}. [default: the method's]",
    ),
    click.option(
        "--null",
        "nulls",
        metavar="K",
        type=int,
        help=f"Compare each map with those of K randomised networks. [default: {null_networks_by_default()}]",
    ),
    click.option(
        "--trust",
        type=click.Choice(list(TRUST_LEVELS)),
        default=next(iter(TRUST_LEVELS)),
        show_default=True,
        help="`full` adds layer-wise randomisation, deletion and insertion, and occlusion by region.",
    ),
    click.option("--mesh", type=click.Choice(list(MESHES)), help="[default: every mesh the subject has]"),
    click.option(
        "--surf-reg", type=click.Choice(REGISTRATIONS), help="[default: MSMAll where it exists, else MSMSulc]"
    ),
    click.option(
        "--atlas",
        type=click.Choice(list(ATLASES)),
        default=next(iter(ATLASES)),
        show_default=True,
        help="Names of regions.",
    ),
    click.option(
        "--registration",
        "placement",
        type=click.Choice(PLACEMENTS),
        help="How a template is laid over a T1w image without surfaces. [default: syn where antspyx is installed]",
    ),
    click.option(
        "--subcortex",
        metavar="SOURCE[+SOURCE]",
        shell_complete=names((SEGMENTATION, *DEEP_SOURCES), or_files=True),
        default=SEGMENTATION,
        show_default=True,
        help=f"Labels below the cortex: {SEGMENTATION} (the segmentation), and with it {', '.join(DEEP_SOURCES)}, or a "
        ".nii.gz file with a table of names beside it; SOURCE=DIR looks in that folder.",
    ),
)
_THREADS = "Processor threads. [default: all this process may use]"
_THREADS_OF_EACH = "Processor threads of each subject. [default: its share of the processors; slurm: --cpus]"
"""The same of a batch."""
_HOW: tuple[Callable[[Command], Command], ...] = (
    click.option(
        "--allow",
        metavar="CHECK",
        multiple=True,
        help="Let this self-check fail; it is put on record. May be repeated.",
    ),
    click.option(
        "--keep-face",
        is_flag=True,
        help="Write and draw the T1w as it is, with the face. [default: only the brain and 4 mm around it]",
    ),
    click.option("--no-render", is_flag=True, help="Leave the pictures out."),
    click.option(
        "--renderer",
        type=click.Choice(RENDERERS),
        default=RENDERERS[0],
        show_default=True,
        help="Who draws them: Workbench, wbtools itself, or wbtools where Workbench is missing or cannot.",
    ),
    click.option(
        "--report",
        type=click.Choice(REPORTS),
        default=REPORTS[0],
        show_default=True,
        help="The page report.html: with an interactive viewer, or without it and at most 2 MB.",
    ),
    click.option("--no-report", is_flag=True, help="Leave the page out."),
    click.option("--dicom-out", is_flag=True, help="Write results as DICOM objects, too, where the scan was DICOM."),
    click.option("--wb-command", metavar="PATH", type=_PATH, help="The wb_command to use. [default: on PATH]"),
    click.option(
        "--work",
        metavar="DIR",
        type=_PATH,
        help="Keep what takes long here for the next export: ribbon weights (about 200 MB a person), brain masks and "
        "placements of a template (35 MB), maps of randomised networks.",
    ),
)


def export_options(command: Command, *, engine: str = "--engine", several: bool = False) -> Command:
    """All options that decide what an export computes, in the order of the help.

    Parameters
    ----------
    command : callable
    engine : str
        What the option is called that chooses between the engines.
    several : bool
        Whether it exports several subjects, which share the processors.
    """
    threads: Callable[[Command], Command] = click.option(
        "--threads", type=int, help=_THREADS_OF_EACH if several else _THREADS
    )
    choice: Callable[[Command], Command] = click.option(
        engine,
        "mapping_engine",
        type=click.Choice(list(ENGINES)),
        default=next(iter(ENGINES)),
        show_default=True,
        help="Map between voxels and cortex in-process, or through wb_command (minutes instead of seconds).",
    )
    for option in reversed((*_WHAT, choice, threads, *_HOW)):
        command = option(command)
    return command


def settings(options: Mapping[str, Any]) -> ExportSettings:
    """How to export, from the values of `export_options`.

    Raises
    ------
    InputError
        If a value cannot be meant.
    """
    from wbtools.training.runs.chosen import place_of

    if options["no_render"]:
        refuse_beside("--no-render", options["renderer"])
    target = options["target"]
    return ExportSettings(
        models=tuple(map(place_of, options["models"])),
        layout=options["layout"],
        naming=options["naming"],
        method=options["method"],
        also=options["also"],
        target=None if target is None else Target.parse(target),
        nulls=options["nulls"],
        references=USUAL if options["references"] is None else ReferenceChoice.parse(options["references"]),
        trust=options["trust"],
        mesh=options["mesh"],
        registration=options["surf_reg"],
        atlas=options["atlas"],
        placement=options["placement"],
        subcortex=options["subcortex"],
        engine=options["mapping_engine"],
        threads=options["threads"],
        allow=options["allow"],
        keep_face=options["keep_face"],
        render=not options["no_render"],
        renderer=options["renderer"],
        report=None if options["no_report"] else options["report"],
        dicom_out=options["dicom_out"],
        wb_command=options["wb_command"],
        work=options["work"],
    )


def comparison(options: Mapping[str, Any]) -> Comparison:
    """The people to compare with, from the values of `export_options`."""
    return Comparison(options["other"], options["others"])


@click.command("export-subject")
@click.argument("subject", shell_complete=files)
@click.option("--out", metavar="DIR", type=_PATH, help="[default: STUDY/derivatives/wbtools]")
@click.option(
    "--id",
    metavar="NAME",
    help="What to call SUBJECT in every output. [default: by its folder or file; a pseudonym for DICOM files]",
)
@click.option(
    "--patient-id", is_flag=True, help="Call the subject of DICOM files by the patient's id, which is in the header."
)
@click.option(
    "--series",
    metavar="NUMBER",
    type=int,
    help="The DICOM series to take; `wbtools dicom list` shows them. [default: the only T1w-like one]",
)
@export_options
@click.option("--overwrite", is_flag=True, help="Replace an earlier export of this subject.")
@click.option("--dry-run", is_flag=True, help="Say what would be read and written, and write nothing.")
@click.option("--print-viewers", is_flag=True, help="Print lines that open the results in other viewers as well.")
@click.option("-v", "--verbose", count=True, help="Say more.")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def command(subject: str, dry_run: bool, verbose: int, debug: bool, **options: Any) -> None:
    """Export SUBJECT: relevance maps, region ranking, specs, scenes and pictures in the subject's native T1w space.

    SUBJECT is the name of a folder in the study folder, or a path: as the Human Connectome Project, FreeSurfer
    or fMRIPrep leaves it, one T1w image, or a scanner's DICOM files. The result appears whole in OUT/SUBJECT, or
    not at all. Research use only, not for diagnosis.
    """
    held = Held()
    set_up_logging(verbose, held)
    from wbtools.exporting import pipeline
    from wbtools.exporting.dry_run import plan
    from wbtools.reading import open_export

    study_folder, subject = resolve(options["study_folder"], subject)
    destination = options["out"] or default_out(study_folder, subject, options["study_folder"])
    if options["patient_id"] and options["id"]:
        raise InputError("--patient-id and --id name the subject twice", hint="leave one of them out")
    series = SeriesChoice(options["series"], options["patient_id"])
    how, overwrite = settings(options), options["overwrite"]
    job = ExportJob(subject, study_folder, destination, options["id"], comparison(options), overwrite, series=series)

    if dry_run:
        for text in plan(job, how):
            out.print(line(text))
        return
    try:
        with live_stage() as listener:
            export = pipeline.export_subject(job, how, listener)
    except BaseException:
        for notice in held.sentences:  # what was noticed may be why it failed
            err.print(err.wrapped(f"Note: {line(notice)}"))
        raise
    summarise(export, whole=verbose > 0)
    if options["print_viewers"]:
        print_viewers(open_export(export.folder))
