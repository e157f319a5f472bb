"""A layout that wbtools does not have, as a contributor would add it: a scan each, SUBJECT/toy/SUBJECT_T1w.nii.gz."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wbtools.subject import MeshChoice, Registration, Subject, places
from wbtools.subject.layouts import Layout, Signs, having, t1w


def _is_subject(folder: Path) -> bool:
    return places.has_folder(folder, "toy") and places.is_file(_scan(folder))


def _scan(folder: Path) -> Path:
    return folder / "toy" / f"{folder.name}_T1w.nii.gz"


def locate(study_folder: Path, subject_id: str) -> Path | None:
    return places.only(places.found(study_folder, subject_id, _is_subject), study_folder, subject_id)


def list_subjects(study_folder: Path) -> list[str]:
    return places.people(study_folder, _is_subject)


def find(
    study_folder: Path, subject_id: str, mesh: MeshChoice | None = None, registration: Registration | None = None
) -> Subject:
    folder = locate(study_folder, subject_id)
    assert folder is not None  # the caller has asked `locate`
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
