"""`wbtools dicom list`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from wbtools.cli.console import out
from wbtools.cli.failures import reports_errors
from wbtools.cli.listing import Listing
from wbtools.dicom.header import is_dicom
from wbtools.dicom.series import Found, Series, series_below
from wbtools.errors import InputError
from wbtools.subject.not_found import require_existing
from wbtools.text import counted, lengths, line

_LONGEST = 80


@click.group("dicom", cls=Listing)
def command() -> None:
    """Look at a scanner's DICOM files."""


@command.command("list")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@reports_errors
def list_series(folder: Path, debug: bool) -> None:
    """List the series of the DICOM files in and below DIR, and say which of them export-subject takes.

    Only headers are read. Descriptions are shown as the scanner's operator typed them: they may name a person.
    """
    place = require_existing(folder, Path())
    if not place.is_dir() and not is_dicom(place):
        raise InputError(f"{place} is not a DICOM file", hint="give the folder of the DICOM files, or one of them")
    found = series_below(place if place.is_dir() else place.parent)
    if not found.series:
        unread = f"; {counted(found.damaged, 'DICOM file')} cannot be read" if found.damaged else ""
        raise InputError(f"no DICOM images in {place}{unread}", hint="check the path, or copy the files again")
    for text in _lines(found):
        out.print(out.wrapped(text, indent=8))


def _lines(found: Found) -> Iterator[str]:
    """What is found, as lines."""
    shown = 0
    studies = list(dict.fromkeys(series.first.study for series in found.series))
    for series in found.series:
        if len(studies) > 1 and (here := studies.index(series.first.study) + 1) != shown:
            yield f"study {here} of {len(studies)}"
            shown = here
        number = "?" if series.first.number is None else str(series.first.number)
        names = (line(name, _LONGEST) for name in series.first.names)
        yield f"{number:>5}  {next(filter(None, names), 'no description')}"
        yield f"       {', '.join(filter(None, _facts(series)))}"
        yield f"       {_verdict(series, found)}"
    if found.damaged:
        yield f"{counted(found.damaged, 'DICOM file')} cannot be read, and may belong to any series"


def _facts(series: Series) -> Iterator[str]:
    """What headers say of a series, in the order of what matters."""
    first = series.first
    if first.modality != "MR":
        yield f"modality {line(first.modality, _LONGEST) or 'not said'}"
        yield counted(len(series.images), "file")
        return
    yield series.orientation
    yield counted(len(series.frames), "image")
    yield "x".join(map(str, (*first.size, len(series.frames))))
    sizes = (*first.frames[0].spacing[::-1], series.distance) if first.frames and first.frames[0].is_placed else ()
    yield f"{lengths(sizes, '.3g')} mm" if sizes else ""
    yield " ".join(filter(None, (line(first.dimensions, 4), line("/".join(first.sequence), _LONGEST))))
    yield from (f"{name} {value:g} ms" for name, value in zip(("TR", "TE", "TI"), first.times, strict=True) if value)


def _verdict(series: Series, found: Found) -> str:
    """Whether a series can be taken."""
    if series.hindrance:
        return f"cannot be taken: it {series.hindrance.says}"
    if series.doubt:
        return f"taken only by --series: it {series.doubt.says}"
    if [series] == [each for each in found.series if each.is_candidate]:
        return "taken: the only one that may be T1w"
    alone = [each.first.number for each in found.series].count(series.first.number) == 1
    number = series.first.number
    how = f"--series {number}" if alone and number is not None else "the path of one of its images"
    return f"possible T1w, but not the only one: choose with {how}"
