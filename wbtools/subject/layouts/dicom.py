"""A series as the scanner's archive gives it: DICOM files, made one T1w image, which is then taken as a lone one is.

Names of files and folders, and headers, often hold people's names: nothing of them is in what is found here but paths,
and the subject has a pseudonym unless somebody asks for more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from wbtools.dicom.conversion import convert, find_converter
from wbtools.dicom.header import is_dicom
from wbtools.dicom.series import (
    DIRECTORY,
    Found,
    Series,
    SeriesChoice,
    holds_images,
    read_again,
    require_pydicom,
    series_below,
)
from wbtools.errors import InputError, SubjectError
from wbtools.output.ownership import PROVENANCE
from wbtools.placement.options import PlacementOptions
from wbtools.subject import places
from wbtools.subject.layouts import LAYOUTS, Find, Layout, Signs, layout_named, t1w
from wbtools.subject.layouts.template_in_head import place
from wbtools.subject.subject import MeshChoice, Registration, Subject, is_plain_name
from wbtools.text import counted

_NAMED = 5
"""Series that an error lists."""
_LOOKED_AT = 20
_COPY = "copy the files again, neither deflated nor without their preamble"


def locate(study_folder: Path, subject_id: str) -> Path | None:
    """A folder with DICOM files in or below it, or one of its images; the file DICOMDIR stands for its folder.

    A folder of another layout, or of an export, counts as that.
    """
    for path in (study_folder / subject_id, *places.folders_named(study_folder, subject_id)):
        if path.name.upper() == DIRECTORY and is_dicom(path):
            return path.parent
        if is_dicom(path) or (places.is_dir(path) and not _is_of_others(path) and holds_images(path)):
            return path
    return None


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    """Find the only T1w-like series of a folder; arguments and errors as of `of_series(SeriesChoice())`."""
    return _find(SeriesChoice(), study_folder, subject_id, mesh, registration)


def of_series(choice: SeriesChoice) -> Find:
    """How a subject is found when a series was chosen.

    Raises
    ------
    InputError
        When it is called: if a package is missing, none or several series may be meant, or the one that is meant
        is no volume.
    """
    return partial(_find, choice)


def prepare(subject: Subject, folder: Path, placing: PlacementOptions) -> Subject:
    """Convert the series, and go on as with a lone T1w image.

    Raises
    ------
    WbtoolsError
        If the series cannot be converted, or as of a lone T1w image.
    """
    inside = folder / "dicom"
    inside.mkdir()
    image = convert(read_again(subject.scanner_files), inside)
    return place(replace(subject, t1w=image), folder, placing)


def _find(
    choice: SeriesChoice,
    study_folder: Path,
    subject_id: str,
    mesh: MeshChoice | None = None,
    registration: Registration | None = None,
) -> Subject:
    require_pydicom()
    find_converter()
    path = locate(study_folder, subject_id)
    assert path is not None  # the caller has asked `locate`
    folder = path.parent if path.is_file() else path
    found = series_below(folder)
    if not found.series:
        raise _no_image(found, folder)
    series = _of_image(found, path) if path.is_file() else _chosen(found, folder, choice)
    if series.hindrance:
        raise SubjectError(f"{_named(series)} {series.hindrance.says}", hint=series.hindrance.hint)
    if found.damaged:
        raise SubjectError(
            f"{counted(found.damaged, 'DICOM file')} in {folder} cannot be read, and may be slices of the series",
            hint=f"{_COPY}, or give a folder with nothing but the series",
        )
    subject = t1w.of_image(series.files[0], _name(series, choice), mesh, registration)
    remarks = (*series.remarks, *((f"The DICOM series {series.doubt.says}, and was chosen.",) if series.doubt else ()))
    return replace(
        subject,
        layout="dicom",
        folder=folder,
        scanner_files=series.files,
        remarks=(*subject.remarks, *remarks),
        derived=("T1w: the DICOM series, converted by dcm2niix", *subject.derived),
    )


def _name(series: Series, choice: SeriesChoice) -> str:
    """What the subject is called."""
    if not choice.patient_id:
        return series.pseudonym
    if not is_plain_name(series.first.patient):
        raise InputError("--patient-id: the patient's id is no plain name", hint="give the name with --id NAME")
    return series.first.patient


def _no_image(found: Found, folder: Path) -> SubjectError:
    if found.damaged:
        return SubjectError(f"none of {counted(found.damaged, 'DICOM file')} in {folder} can be read", hint=_COPY)
    return SubjectError(f"{folder} holds the list of a medium, and no DICOM images", hint="copy the whole medium")


def _of_image(found: Found, path: Path) -> Series:
    """The series that an image is of."""
    for series in found.series:
        if any(path.samefile(image) for image in series.files):
            return series
    raise SubjectError(f"{path} is a copy of an image, or is damaged", hint="give the folder of its series")


def _chosen(found: Found, folder: Path, choice: SeriesChoice) -> Series:
    """The series that is meant; nothing of an error is a text of a header."""
    if choice.number is None:
        likely = [series for series in found.series if series.is_candidate]
        if len(likely) == 1:
            return likely[0]
        raise _several(likely, folder) if likely else _none(found.series, folder)
    named = [series for series in found.series if series.first.number == choice.number]
    if len(named) == 1:
        return named[0]
    if named:
        what, hint = f"{len(named)} series", "choose one by the path of its own folder or of one of its images; "
    else:
        what, hint = "no series", ""
    raise InputError(f"--series {choice.number}: {folder} has {what} of this number", hint=hint + _look(folder))


def _several(likely: Sequence[Series], folder: Path) -> SubjectError:
    listed = ", ".join(
        f"{_number(series)} ({series.orientation}, {counted(len(series.frames), 'slice')})"
        for series in likely[:_NAMED]
    )
    more = ", ..." if len(likely) > _NAMED else ""
    numbers = Counter(series.first.number for series in likely)
    by_number = next((f"with --series {number}, or " for number in numbers if number and numbers[number] == 1), "")
    choose = f"choose one {by_number}by the path of its own folder or of one of its images"
    return SubjectError(
        f"{folder} holds {len(likely)} DICOM series that may be T1w images: {listed}{more}",
        hint=f"{choose}; {_look(folder)}",
    )


def _none(series: Sequence[Series], folder: Path) -> SubjectError:
    reasons = [
        f"{_named(each)} {reason.says}"
        for each in series[:_NAMED]
        if (reason := each.hindrance or each.doubt) is not None
    ]
    more = "; ..." if len(series) > _NAMED else ""
    return SubjectError(
        f"{folder} holds no DICOM series that can be taken as a T1w image" + "".join((": ", "; ".join(reasons), more)),
        hint=f"{_remedy(series)}; {_look(folder)}",
    )


def _remedy(series: Sequence[Series]) -> str:
    """What can be done where no series is taken: `--series` helps only where one could be read."""
    if len(series) > 1 and any(each.hindrance is None for each in series):
        choose = ["choose one with --series NUMBER"]
    else:
        choose = [each.doubt.hint for each in series if each.hindrance is None and each.doubt]
    likely = sorted(series, key=lambda each: each.doubt is not None)  # what looks T1-weighted is what is wanted
    mend = [each.hindrance.hint for each in likely if each.hindrance and (each.doubt is None or not choose)]
    return " or ".join((*mend[:1], *choose))


def _look(folder: Path) -> str:
    return f"to see all series: wbtools dicom list {folder}"


def _number(series: Series) -> str:
    return "?" if series.first.number is None else str(series.first.number)


def _named(series: Series) -> str:
    return "the series" if series.first.number is None else f"series {series.first.number}"


def _nobody(study_folder: Path) -> list[str]:
    """No names of subjects: folders of DICOM files are called after people, and outputs must not be."""
    return []


def _is_of_others(folder: Path) -> bool:
    """Whether a folder is an export, or a subject's in another layout."""
    others = (layout_named(name) for name in LAYOUTS if name != "dicom")
    try:
        return (folder / PROVENANCE).exists() or any(layout.signs.anywhere(folder) for layout in others)
    except OSError:  # nobody may look into it
        return True


def _is_scanners(folder: Path) -> bool:
    """Whether a folder is a medium's, or holds DICOM files itself; looks at the first files only."""
    inside = places.files(folder)[:_LOOKED_AT]
    return (folder / DIRECTORY).exists() or any(map(is_dicom, inside))


LAYOUT = Layout(
    "dicom",
    "DICOM files in or below SUBJECT/ (one T1w series)",
    locate,
    _nobody,
    find,
    Signs(anywhere=_is_scanners),
    is_raw=True,
    prepare=prepare,
    of_series=of_series,
)
