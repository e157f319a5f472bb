"""The README.txt of a pack: how to open it, what is in it and what not, whose data it is."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from wbtools.reading.contents import Contents
from wbtools.reading.packing import NAMES_PATIENT
from wbtools.sharing.pack_contents import PackContents
from wbtools.sharing.scene_references import SCENE, SPEC
from wbtools.text import counted, line, printable, shell
from wbtools.version import __version__
from wbtools.workbench.scene.legend import NOTICE as RESEARCH

_WIDTH = 100
_WITHOUT = (
    "Without the T1w: the image itself was left out, and what shows it: pictures and scenes of its slices, the picture "
    "of the network's input, and the export's report. Surfaces, sulcal depth, label volumes and maps are there, and "
    "have this brain's own folding: whoever has another scan of the person can match them to it."
)
_STILL = (
    "What needs the T1w does not work here: wbtools report makes its page without placement and viewer, the lines of "
    "--print-viewers open the maps without it, and wbtools.open(...).t1w is an error."
)
_WITH = (
    "The T1w, the surfaces and the sulcal depth show this brain's folding, which is as individual as a fingerprint: "
    "whoever has another scan of the person can match them to it. Treat the files as personal data, under the terms "
    "that apply to the scan."
)
_LICENCES = (
    "The files carry what they were made of. HCP-MMP 1.0 areas, S1200 surfaces and HCP subjects are under the HCP data "
    "use terms: cite Glasser et al. 2016 and acknowledge the WU-Minn HCP Consortium."
)


def readme(contents: Contents, packed: PackContents) -> str:
    """The text.

    Parameters
    ----------
    contents : Contents
        Of the export.
    packed : PackContents
    """
    record = contents.record
    paragraphs = [
        [f"{line(record.subject)}: results of wbtools {line(record.version, 20)}, packed by wbtools {__version__}"],
        _wrapped(each for each in record.notices if line(each) != RESEARCH),
        ["Open, in this folder:", *(f"    {each}" for each in _lines(packed))],
        _wrapped([_WITH] if packed.with_t1w else [_WITHOUT, _STILL]),
        _wrapped(_left_behind(packed)),
        ["Whose data", *_wrapped([_LICENCES, line(record.content.get("acknowledgement", ""))])],
        [RESEARCH],
    ]
    return printable("\n\n".join("\n".join(lines) for lines in paragraphs if lines)) + "\n"


def _lines(packed: PackContents) -> Iterator[str]:
    """What opens a pack, a line each."""
    said = {
        SCENE: (("wb_view", "-no-splash", "-scene-load"), (1,), "prepared scenes"),
        SPEC: (("wb_view",), (), "all files of a mesh"),
        ".html": ((), (), "everything on one page, for a browser"),
        "regions.tsv": ((), (), "the ranking of regions, for a spreadsheet"),
    }
    for ending, (before, after, about) in said.items():
        for name in sorted(packed.files):
            if name.endswith(ending):
                yield f"{shell(*before, name, *after)}    # {about}"
    yield """python -c 'import wbtools; print(wbtools.open("."))'"""


def _left_behind(packed: PackContents) -> Iterator[str]:
    naming = [name for name, each in packed.left_out.items() if each.why == NAMES_PATIENT]
    others = sorted(packed.left_out.keys() - naming)
    if naming:
        yield f"{counted(len(naming), 'DICOM object')} stayed behind, since such files name the patient."
    if others:
        yield f"Left out: {', '.join(map(line, others))}."
    if packed.dropped_scenes:
        yield f"Scenes left out: {', '.join(map(line, packed.dropped_scenes))}."


def _wrapped(sentences: Iterable[str]) -> list[str]:
    lines = []
    for sentence in sentences:
        lines += textwrap.wrap(line(sentence), _WIDTH, break_long_words=False, break_on_hyphens=False)
    return lines
