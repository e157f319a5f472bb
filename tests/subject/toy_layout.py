"""A layout that wbtools does not have, as a contributor would add it: a scan each, SUBJECT/toy/SUBJECT_T1w.nii.gz."""

from dataclasses import replace

from wbtools.subject import places
from wbtools.subject.layouts import Layout, Signs, having, t1w


def _is_subject(folder):
    return places.has_folder(folder, "toy") and places.is_file(_scan(folder))


def _scan(folder):
    return folder / "toy" / f"{folder.name}_T1w.nii.gz"


def locate(study_folder, subject_id):
    return places.only(places.found(study_folder, subject_id, _is_subject), study_folder, subject_id)


def list_subjects(study_folder):
    return places.people(study_folder, _is_subject)


def find(study_folder, subject_id, mesh=None, registration=None):
    folder = locate(study_folder, subject_id)
    scan = _scan(folder)
    return replace(t1w.find(scan.parent, scan.name, mesh, registration), id=folder.name, layout="toy", folder=folder)


LAYOUT = Layout(
    "toy",
    "SUBJECT/toy (toy)",
    locate,
    list_subjects,
    find,
    Signs(having(("toy",))),
    parts=("toy",),
    steps=frozenset(["toybox"]),
    prepare=t1w.LAYOUT.prepare,
)
