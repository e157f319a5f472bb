"""Sentences on whose brain it is, how it was divided into regions, and what of it was written."""

from __future__ import annotations

import re
from collections.abc import Iterator

from wbtools.report.methods.dialects import Sentence, cite
from wbtools.report.methods.imaging_papers import PAPERS
from wbtools.report.methods.lookup import Part, percent, quoted, shown
from wbtools.text import counted, line, listed

_MADE = re.compile(
    r"\b(no person|(built-in|made-up|synthetic|simulated) (subject|person|people|brain))\b", re.IGNORECASE
)
"""What notices on a subject that is no person say."""

_ALONE = ("t1w", "dicom")
"""The layouts of a T1w image and nothing else."""

_ENGINES = {"native": "wbtools' own ribbon-constrained mapping", "wb_command": "wb_command of Connectome Workbench"}


def person(record: Part) -> Iterator[Sentence]:
    """Whose brain it is, and which files and which registration were used."""
    subject = record.at("subject")
    name, layout, registration = subject.text("id"), subject.text("layout"), subject.text("registration")
    yield (f"The brain of {quoted(name) if name else 'one subject'} was analysed in its native T1w space.",)
    if layout in _ALONE:
        yield from _template(record.at("placement"))
    else:
        yield from _layout(layout, made_up(record))
        yield from _registration(record, registration)
    meshes = subject.texts("meshes")
    if meshes:
        yield (f"Surface meshes: {listed(meshes)}.",)
    derived = record.texts("derived")
    if derived:
        yield (f"Computed rather than read: {'; '.join(derived)}.",)


def _template(placement: Part) -> Iterator[Sentence]:
    """How a group average was laid over the image of somebody without surfaces."""
    average = (
        "The only input was a T1w image; cortical surfaces and segmentation were those of the S1200 group average "
        "of the Human Connectome Project",
        cite("vanessen2013"),
    )
    if not placement.text("registration").startswith("SyN"):
        yield (*average, ", placed by an affine registration of the MNI152 template", cite("fonov2011"), ".")
        return
    yield (
        *average,
        f", placed by {placement.text('registration')} in {placement.text('space')}",
        cite("avants2008"),
        " after correction of the bias field by N4",
        cite("tustison2010"),
        ".",
    )
    yield (f"Laid over the image was {listed(placement.texts('template'))}.",)
    yield (
        "Cortex was the grey matter of this image, as classified by Atropos",
        cite("avants2011"),
        "; each of its voxels took the area of the nearest point of the placed surfaces on a way through tissue. Deep "
        "structures were fitted to the tissue",
        ".",
    )


def _layout(layout: str, synthetic: bool) -> Iterator[Sentence]:
    if layout == "hcp":
        made = "laid out as" if synthetic else "outputs of"
        pipelines = "the minimal preprocessing pipelines of the Human Connectome Project"
        yield (f"Image and surfaces were {made} {'those of ' * synthetic}{pipelines}", cite("glasser2013"), ".")
    elif layout == "freesurfer":
        yield ("Image and surfaces were read from a FreeSurfer folder", cite("fischl2012"), ".")
    elif layout == "cat":
        yield ("Image and surfaces were read from a folder of CAT12 or T1Prep", cite("gaser2024"), ".")
    elif layout == "bids":
        yield ("Image and surfaces were read from BIDS derivatives", cite("gorgolewski2016"), ".")
    elif layout:
        yield (f"The files had the layout {quoted(layout)}.",)


def _registration(record: Part, registration: str) -> Iterator[Sentence]:
    """Over which registration areas were carried; of a made-up brain, no program's work is cited."""
    if not registration:
        return
    if made_up(record):
        works: tuple[str, ...] = ()
    elif registration.startswith("MSM"):
        works = ("robinson2014",)
    else:
        works = ("fischl1999",) if "FreeSurfer" in registration or "reg_LR" in registration else ()
    smriprep = " ".join((registration, *record.texts("derived")))
    also = ("esteban2019",) if re.search(r"[fs]MRIPrep", smriprep) else ()
    yield (f"The surface registration to the standard space was {registration}", cite(*works, *also), ".")


def made_up(record: Part) -> bool:
    """Whether the subject is no person."""
    return bool(_on_subject(record))


def _on_subject(record: Part) -> tuple[str, ...]:
    """The notices that say so; those of networks, which may have learned from made-up people, do not."""
    networks = record.at("networks")
    known = [text for name in networks.values if (text := networks.at(name).text("notice"))]
    notices = (notice for notice in record.texts("notices") if not any(text in notice for text in known))
    return tuple(notice for notice in notices if _MADE.search(notice))


def warnings(record: Part, networks: tuple[Part, ...]) -> Iterator[Sentence]:
    """What the record says of a subject that is no person, of template surfaces, and of networks."""
    templates = (notice for notice in record.texts("notices") if notice.startswith("Template surfaces"))
    of_cards = (network.text("notice") for network in networks)
    said = dict.fromkeys(filter(None, (*_on_subject(record), *templates, *of_cards)))
    if said:
        yield (f"The record states: {'; '.join(map(quoted, said))}.",)


def regions(record: Part) -> Iterator[Sentence]:
    """How the brain was divided, who carried numbers between voxels and cortex, and what was checked of it."""
    atlas = record.at("atlas")
    name = atlas.text("name")
    if name.startswith("HCP-MMP1"):
        yield (
            "The cortex was divided into the 360 areas of HCP-MMP 1.0",
            cite("glasser2016"),
            ", resampled over the registration to the surfaces of this brain and mapped to its native T1w space",
            _count(atlas, "cortical_voxels", " ({} voxels)"),
            ".",
        )
    if name.endswith("+subcortex"):
        source = "the group average's" if record.at("subject").text("layout") in _ALONE else "the subject's"
        yield (
            f"Subcortical structures were those of {source} segmentation with FreeSurfer's labels",
            cite("fischl2002"),
            _count(atlas, "labelled_voxels", "; together with the cortex, {} voxels were labelled"),
            ".",
        )
    for labels in atlas.parts("label_sources"):
        yield from _labels(labels)
    engine = record.at("settings").text("engine")
    if engine:
        works = cite("marcus2011") if engine == "wb_command" else cite()
        how = _ENGINES.get(engine, f"the engine {quoted(engine)}")
        yield (f"Labels and maps were carried between voxels and cortex by {how}", works, ".")
    yield from _checks(record.parts("checks"))


def _labels(source: Part) -> Iterator[Sentence]:
    """Whose labels one further source has, and how they came to this brain."""
    replaced = listed(tuple(stem.lower().replace("_", " ") for stem in source.texts("replaces")))
    count = source.number("regions")
    what = f"{source.text('title')}{f' ({shown(count)} regions)' if count else ''}"
    place = f"; the parts replaced the whole of {replaced}" if replaced else ""
    papers = tuple(key for key in source.texts("papers") if key in PAPERS)
    yield (f"Labels of {what} were those of {source.text('labels_of')}", cite(*papers), f"{place}.")
    how = tuple(text.rstrip(".") for text in source.texts("how"))
    if how:
        yield (f"They were carried {listed(how)}.",)


def _count(part: Part, key: str, words: str) -> str:
    value = part.number(key)
    return "" if value is None else words.format(shown(value))


def _checks(checks: tuple[Part, ...]) -> Iterator[Sentence]:
    if not checks:
        return
    failed = tuple(f"{check.text('check')} ({check.text('outcome')})" for check in checks if not _passed(check))
    what = f"{counted(len(checks), 'automatic check')} of orientation, surfaces and labels"
    yield (f"Of {what}, all passed but {listed(failed)}." if failed else f"{'All ' * (len(checks) > 1)}{what} passed.",)


def _passed(check: Part) -> bool:
    return check.text("outcome") == "passed"


def brain(record: Part) -> Iterator[Sentence]:
    """How the brain was found in the image of a head."""
    found = record.at("brain_mask")
    mask, litres, version = found.text("mask"), found.number("litres"), found.text("deepbet")
    size = f"; it held {shown(litres)} litres" if litres is not None else ""
    if version:
        yield (
            f"The brain was extracted from the image of the head by deepbet {version}",
            cite("fisch2024"),
            f"{size}.",
        )
    elif mask:
        yield (f"The image showed the head, whose brain mask was {mask}{size}.",)


def face(record: Part) -> Iterator[Sentence]:
    """Whether the face was removed from what was written."""
    found = record.at("face")
    kept = found.flag("kept")
    if kept:
        yield ("The image was written and drawn whole; the face was not removed.",)
    if kept is not False:
        return
    margin, mask = found.number("dilation_mm"), found.text("mask") or "the brain mask"
    within = f"within {shown(margin)} mm of {mask}" if margin is not None else f"inside {mask}"
    yield (f"To remove the face, volumes and pictures were limited to voxels {within}.",)
    cut = found.at("share_of_relevance_cut_from_volume")
    shares = tuple((line(name, 80), share) for name in cut.values if (share := cut.number(name)) is not None)
    if shares:
        words = listed(tuple(f"{percent(share)} ({name})" for name, share in shares))
        yield (
            f"This cut the following shares of relevance from the volumes, but not from tables or surfaces: {words}.",
        )
