"""The results as DICOM objects, for the archive that the scan came from: all of an export that holds its identity."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from itertools import count
from typing import TYPE_CHECKING

from wbtools.dicom.header import silenced
from wbtools.dicom.objects.parametric_map import relevance_map
from wbtools.dicom.objects.research import RESEARCH, NewSeries
from wbtools.dicom.objects.secondary_capture import Captured, captures
from wbtools.dicom.objects.segmentation import Segment, segmentation
from wbtools.dicom.objects.source_series import SourceSeries, read_series
from wbtools.exporting.explanation import RELEVANCE, Explanation
from wbtools.exporting.session.data import ExportData
from wbtools.exporting.session.scene_types import SCENES
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names import OutputFolder
from wbtools.output.names.convention import IDENTITY_FOLDER
from wbtools.output.written import Written, WrittenFiles
from wbtools.provenance import Provenance
from wbtools.subject import Subject

if TYPE_CHECKING:
    from pydicom import Dataset

TOP = 10
"""So many regions of a ranking become segments."""

IDENTITY = f"{IDENTITY_FOLDER}/ holds the identity of the patient and the study, as the scan's own header has it"
"""What is said of the folder."""

_SLICES = "Slices: the patient's left (L) is on the left, the right (R) is on the right: not as in radiology."
_SURFACES = "Surfaces: the left hemisphere is on the left, the right one on the right, from outside and from inside."
_LEAST_WORD = 3  # letters of ASCII by which an id can name a patient; names in Chinese or Japanese have fewer


def write(
    out: OutputFolder, made: ExportData, shown: WrittenFiles, subject: Subject, record: Provenance
) -> WrittenFiles:
    """Write the relevance of every network, the first regions of its ranking, and all pictures, as DICOM objects.

    Parameters
    ----------
    out : OutputFolder
    made : ExportData
        As it may be written: without the face, unless that was asked for.
    shown : WrittenFiles
        With the pictures of scenes.
    subject : Subject
        Whose scan was read from DICOM files.
    record : Provenance
        Gets a notice that these files name the patient.

    Raises
    ------
    InputError
        If the header of the source allows no objects.
    CheckError
        If the T1w is not on the voxels of its source.
    """
    with record.stage("DICOM objects"), silenced():
        source = read_series(subject.scanner_files)
        written = []
        for what, dataset in _Objects(source, made, out.subject).all(shown.of(OutputKind.FIGURE)):
            path = out.path(what)
            path.parent.mkdir(parents=True, exist_ok=True)
            dataset.save_as(path)
            written.append(Written(what, path))
        record.notice(f"{IDENTITY}: remove that folder before you share the export.")
        record.facts["dicom"] = {
            "identity": f"{IDENTITY}; remove that folder before sharing",
            "says": RESEARCH,
            "objects": len(written),
            "highdicom": metadata.version("highdicom"),
        }
    return WrittenFiles(tuple(written))


@dataclass(frozen=True, eq=False)
class _Objects:
    """What is made of one export's results.

    Parameters
    ----------
    source : SourceSeries
    made : ExportData
    subject : str
        The id that pictures have in their titles.
    """

    source: SourceSeries
    made: ExportData
    subject: str

    def all(self, figures: Sequence[Written]) -> Iterator[tuple[Output, Dataset]]:
        """One after the other, since each is as large as the scan."""
        places = count(1)
        for explanation in self.made.explanations:
            yield from self._maps(explanation, places)
            yield self._regions(explanation, next(places))
        yield from self._pictures(figures, next(places))

    def _maps(self, explanation: Explanation, places: Iterator[int]) -> Iterator[tuple[Output, Dataset]]:
        for part in explanation.parts:
            whose = ", ".join(filter(None, (part.name, part.by)))
            series = NewSeries(next(places), f"relevance, {whose}", self.made.foot_of(explanation, (part,)))
            relevance = self.made.stored(part.volumes[RELEVANCE])
            made = relevance_map(self.source, relevance, series, whole_head=self.made.whole_head)
            yield Output(OutputKind.DICOM_RELEVANCE, part.name, by=part.by), made

    def _regions(self, explanation: Explanation, place: int) -> tuple[Output, Dataset]:
        atlas, ranking = self.made.person.atlas, explanation.ranking
        ranked = [row for row in ranking.rows[:TOP] if row.rank is not None]
        segments = [
            Segment(row.region, f"Rank {row.rank} of {len(ranking.rows)} regions, score {row.score:.3f}")
            for row in ranked
            if row.region
        ]
        series = NewSeries(place, f"first regions, {explanation.name}", self.made.foot_of(explanation))
        labels = self.made.stored(atlas.whole.volume)
        made = segmentation(self.source, labels, segments, atlas.source.title, series)
        return Output(OutputKind.DICOM_REGIONS, explanation.name), made

    def _pictures(self, figures: Sequence[Written], place: int) -> Iterator[tuple[Output, Dataset]]:
        made = captures(
            self.source,
            [Captured(figure.path, _sides(figure.what.scene)) for figure in figures],
            NewSeries(place, "pictures", self.made.notice),
            whole_head=self.made.whole_head,
            identifying=_names(self.subject, self.source.study),
        )
        for figure, dataset in zip(figures, made, strict=True):
            yield Output(OutputKind.DICOM_PICTURE, figure.what.network, scene=figure.what.scene), dataset


def _sides(scene: str) -> tuple[str, ...]:
    """Which side of the patient is where in the picture of a scene."""
    kind = next(kind for kind in SCENES if kind.name == scene)
    said = ((kind.slices, _SLICES), (kind.surface, _SURFACES))
    return tuple(words for there, words in said if there)


def _names(subject: str, study: Dataset) -> bool:
    """Whether a subject's id, which pictures show, has words of a patient's name or number in it.

    That decides what BurnedInAnnotation says: whether words in the picture identify the patient (PS3.3 C.7.6.1.1.2).
    """
    keywords = ("PatientID", "PatientName", "AccessionNumber", "StudyID")
    texts = [str(study.get(keyword, "")).casefold() for keyword in keywords]
    words = {word for text in texts for word in re.split(r"\W+|_", text) if word}
    telling = {word for word in words if len(word) >= _LEAST_WORD or not word.isascii()}
    return subject.casefold() in texts or any(word in subject.casefold() for word in telling)
