"""What of an export's results is written and drawn: the brain and a rim around it, unless faces are asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wbtools.exporting.explanation import RELEVANCE, Explanation, Maps
from wbtools.exporting.session.data import ExportData
from wbtools.native import defacing
from wbtools.native.defacing import ReleaseMask
from wbtools.native.person import Person
from wbtools.placement import brain_extraction
from wbtools.provenance import Provenance
from wbtools.space.foreground import is_stripped
from wbtools.space.grid import Unit, Volume
from wbtools.subject import Subject

KEPT = "Made with --keep-face: image and pictures show whatever the T1w shows, the face too"
"""What every output says where nothing was cut away."""


def planned(subject: Subject, keep_face: bool) -> str:
    """What will be written of a head, before any image is read, as a dry run says it."""
    own = None if subject.from_template else subject.segmentation
    masks = {"its brain mask": subject.brain_mask, "the outline of its segmentation": own}
    found = "what deepbet takes for brain" if brain_extraction.installed() else "the template's brain, laid over it"
    mask = next((name for name, path in masks.items() if path), found)
    if keep_face:
        return f"the T1w whole, with the face (--keep-face); networks trained on brains are shown it inside {mask}"
    return (
        f"the T1w without face and skull, where it shows them: {mask}, and {defacing.DILATION:g} mm around it; "
        "networks trained on brains are shown no skull"
    )


def visible_of(me: Person, record: Provenance) -> ReleaseMask:
    """What of a person may be seen: the dilated brain mask."""
    with record.stage("brain mask"):
        return defacing.release_mask(me.scan, me.atlas.whole.volume, me.segmentation)


def brain_only(made: ExportData, visible: ReleaseMask, record: Provenance) -> ExportData:
    """The results with nothing in any volume outside a mask; what was cut away goes on record.

    Tables and surface maps stay those of the whole image.
    """
    with record.stage("cut to the brain"):
        me = made.person
        for remark in visible.remarks(me.t1w):
            record.notice(remark)
        outside = {
            " ".join(filter(None, (part.name, part.by))): round(visible.share_outside(part.volumes[RELEVANCE]), 4)
            for part in made.parts
        }
        record.facts["face"] = {"kept": False, **visible.as_record(), "share_of_relevance_cut_from_volume": outside}
        explanations = tuple(_cut_both(explanation, visible) for explanation in made.explanations)
        scan = replace(me.scan, t1w=visible.cut(me.t1w))
    return replace(made, person=replace(me, scan=scan), explanations=explanations)


def _cut_both(explanation: Explanation, visible: ReleaseMask) -> Explanation:
    """An explanation whose volumes show nothing outside a mask, those by the second method and the input included."""
    also = explanation.also and replace(explanation.also, maps=_cut(explanation.also.maps, visible))
    inside = Volume(visible.inside.astype(np.uint8), explanation.volumes[RELEVANCE].grid, Unit.LABEL)
    return replace(_cut(explanation, visible), also=also, shown=explanation.shown and explanation.shown.cut(inside))


def _cut(maps: Maps, visible: ReleaseMask) -> Maps:
    return replace(maps, volumes={**maps.volumes, RELEVANCE: visible.cut(maps.volumes[RELEVANCE])})


def whole_head(made: ExportData, record: Provenance) -> ExportData:
    """The results as they are, and a notice that every output repeats."""
    record.notice(KEPT)
    record.facts["face"] = {"kept": True}
    notice = f"{made.notice.rstrip('.')}. {KEPT}." if made.notice else KEPT
    explanations = tuple(
        replace(explanation, shown=explanation.shown and explanation.shown.without_other_heads())
        for explanation in made.explanations
    )
    return replace(made, explanations=explanations, notice=notice, whole_head=not is_stripped(made.person.t1w))
