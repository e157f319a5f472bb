"""Whether exports may be put together: one network, one method, one set of settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wbtools.errors import InputError
from wbtools.reading.record import Json, number, section
from wbtools.reading.results import NetworkResults
from wbtools.text import counted, line

_PERSONAL = {"subject", "models", "other", "others", "layout", "threads", "allow"}
"""Settings that differ between people of one study: twins are compared with each other, files lie elsewhere."""
_ELSEWHERE = {"naming", "mesh", "render", "keep_face", "trust", "also", "report", "dicom_out"}
"""Settings that change other files than the ranking and its maps."""
_RESOLVED = {"method", "references", "null"}
"""Settings that say how something was chosen; what was chosen, the networks' own part of the record says."""
_NAMED = 3
"""People who are named of each kind."""

Kind = tuple[tuple[str, str], ...]


def deciding(results: NetworkResults) -> Kind:
    """What decides a network's map besides the person, each with its name.

    Examples
    --------
    >>> dict(deciding(wbtools.open("out/100307").network()))["method"]  # doctest: +SKIP
    'deviation-smooth'
    """
    record, about = results.record, results.about
    reference = section(about, "attribution", "reference")
    settings = section(record.content, "settings")
    ignored = _PERSONAL | _ELSEWHERE | _RESOLVED
    found = {
        "network": str(about.get("sha256", ""))[:12],
        "method": results.method,
        "references": str(reference.get("source", "none")),
        "randomised networks": "some" if number(about, "against_randomised_networks", "networks") else "none",
        "atlas": record.atlas,
        "labels below the cortex": _labels(record.content),
        "wbtools": record.version,
        **{name: str(value) for name, value in sorted(settings.items()) if name not in ignored},
    }
    return tuple((name, line(value, 100)) for name, value in found.items())


def _labels(record: Json) -> str:
    """Whose labels an export has besides the segmentation; where those of a person are, each has their own file."""
    found = section(record, "atlas").get("label_sources")
    sources = [source for source in found if isinstance(source, Mapping)] if isinstance(found, list) else []
    said = "; ".join(
        f"{source.get('name')} of {source.get('labels_of')}"
        + ("" if source.get("space") == "T1w" else f" ({str(source.get('sha256'))[:12]})")
        for source in sources
    )
    return said or "the segmentation's"


def by_kind(results: Mapping[str, NetworkResults]) -> dict[Kind, list[str]]:
    """People by what decided their maps, the most frequent kind first."""
    found: dict[Kind, list[str]] = {}
    for who, each in results.items():
        found.setdefault(deciding(each), []).append(who)
    return dict(sorted(found.items(), key=lambda item: -len(item[1])))


def mixed(network: str, kinds: Mapping[Kind, Sequence[str]]) -> InputError:
    """The error about exports of several kinds: what differs, and who."""
    said = [f"{_differing(kind, kinds)}: {named(people)}" for kind, people in kinds.items()]
    largest = next(iter(kinds.values()))
    return InputError(
        f"the exports of {line(network, 60)} cannot be put together, they are of {len(kinds)} kinds: {'; '.join(said)}",
        hint=f"export all alike, or keep the {counted(len(largest), 'person')} of the first kind by --leave-out",
    )


def differing(kind: Kind, other: Kind) -> str:
    """What of a kind is otherwise than in another, in words.

    Examples
    --------
    >>> differing((("method", "gradient"), ("atlas", "a")), (("method", "deviation"), ("atlas", "a")))
    'method gradient'
    """
    own = dict(kind)
    changed = [name for name, value in dict(other).items() if own.get(name) != value]
    return ", ".join(f"{name} {own.get(name, 'none')}" for name in [*changed, *(own.keys() - dict(other).keys())])


def named(people: Sequence[str]) -> str:
    """The first of several people, and how many others there are.

    Examples
    --------
    >>> named(["p0", "p1"]), named(["p0", "p1", "p2", "p3", "p4"])
    ('p0, p1', 'p0, p1, p2 and 2 more')
    """
    shown = ", ".join(line(who, 60) for who in people[:_NAMED])
    return shown if len(people) <= _NAMED else f"{shown} and {len(people) - _NAMED} more"


def _differing(kind: Kind, kinds: Mapping[Kind, Sequence[str]]) -> str:
    """What of a kind is not the same in all."""
    own = dict(kind)
    names = dict.fromkeys(name for each in kinds for name, _ in each)
    return ", ".join(
        f"{name} {own.get(name, 'none')}" for name in names if len({dict(each).get(name) for each in kinds}) > 1
    )
