"""Whether a header is that of a T1w image: by its kind, by the names of the sequence, and by its times."""

from __future__ import annotations

import re

from wbtools.dicom.header import ImageHeader
from wbtools.dicom.stack import Reason

_LOCALIZER = re.compile(r"localiz|localis|scout|survey|\bloc\b|3[- ]?plane|\baahead|auto ?align", re.I)
_T1W = re.compile(r"(?<![a-z0-9])t1(?!\d)|mp-?rage|mp2rage|spgr|bravo|\btfl|t1w|t1-?(tfe|ffe|se|tse)", re.I)
_OTHER = re.compile(
    r"(?<![a-z0-9])t2|flair|\bpd\b|dwi|dti|diff|bold|fmri|\bswi|\basl|\btof|angio|\bcbf|perf|field ?_?map|"
    r"\badc|\bfa\b|trace|\bmap\b|t1 ?_?map|t1rho|phase|\bb0\b|\bb1\b|cine|spectro",
    re.I,
)
_PHASE = frozenset({"P", "PHASE", "PHASE MAP", "REAL", "IMAGINARY"})

_LONGEST_ECHO = 15.0  # ms; T2* shows in longer ones, and T2 in those of spin echoes
_SHORT_SPIN_ECHO, _SHORT_REPETITION = 30.0, 1000.0
_SPOILED_REPETITION, _SPOILED_FLIP = 60.0, 5.0
_INVERSION = (300.0, 1600.0)


def unlike_t1w(image: ImageHeader) -> Reason | None:
    """Why an image is probably no T1w image of a head; None if it looks like one.

    Names count before times: in a description, `t1` or the name of a sequence that makes T1w images says enough.
    Nothing of what is returned is a text of the header.
    """
    kinds = {kind.upper() for kind in image.kinds}
    names = " ".join(image.names).replace("_", " ")
    choose = "if it is a T1w image, name it with --series"
    if "LOCALIZER" in kinds or _LOCALIZER.search(names):
        return Reason("is a localizer", choose)
    if kinds & {"DERIVED", "SECONDARY"}:
        return Reason("is derived from another series", choose)
    if kinds & _PHASE:
        return Reason("holds phases", choose)
    if _OTHER.search(names) and not (_T1W.search(names) and not re.search(r"map|rho", names, re.I)):
        return Reason("does not look T1-weighted (judging by its name)", choose)
    if _T1W.search(names) or _by_times(image):
        return None
    return Reason("does not look T1-weighted (judging by its name and its times)", choose)


def _by_times(image: ImageHeader) -> bool:
    """Whether sequence and times are those of a T1w image: inversion or spoiling, and short echoes."""
    repetition, echo, inversion = image.times
    codes = set(image.sequence)
    if "EP" in codes or not 0 < echo < (_SHORT_SPIN_ECHO if codes == {"SE"} else _LONGEST_ECHO):
        return False
    if "GR" in codes:
        inverted = _INVERSION[0] <= inversion <= _INVERSION[1]
        spoiled = repetition <= _SPOILED_REPETITION and image.flip >= _SPOILED_FLIP and image.dimensions == "3D"
        return inverted or spoiled
    return codes == {"SE"} and 0 < repetition <= _SHORT_REPETITION
