"""Sentences on a network, its decision, and how the decision was explained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wbtools.report.methods.cited_for import BACKBONES, FAMILIES, GATED, LIBRARIES, METHODS, OF_GATES, Described
from wbtools.report.methods.dialects import Sentence, cite
from wbtools.report.methods.lookup import Part, numbered, percent, quoted, shown
from wbtools.text import line, listed

_DIGITS = 12
"""Of a SHA-256 in a text."""

_UNKNOWN: Mapping[str, str] = {
    "exported": "an exported program of PyTorch",
    "python": "a network that a Python function built",
}
"""What networks of no family are."""


def network(part: Part) -> Iterator[Sentence]:
    """What the network is."""
    title, family, digest = part.text("title"), part.text("family"), part.text("sha256")
    described = FAMILIES.get(family, Described(_UNKNOWN.get(family, "")))
    named = f"The network was {quoted(title)}" if title else "The network had no title"
    what = f", {described.words}" if described.words else ""
    gates = " with channel and spatial attention" if _has_gates(part) else ""
    works = (*described.keys, *_backbone(part), *((GATED,) if gates else ()))
    known = f" of the family {quoted(family)}" if family in FAMILIES else ""
    yield (f"{named}{what}{gates}", cite(*works), f"{known}.")
    yield from _architecture(part.at("network"))
    if digest:
        yield (f"The SHA-256 of its checkpoint began with {digest[:_DIGITS]}.",)
    if part.text("card").startswith("assumed"):
        yield ("It came without a card, so the input usual for its family was assumed.",)


def _architecture(values: Part) -> Iterator[Sentence]:
    """How large it was, and its figures as its checkpoint tells them."""
    parameters = values.number("parameters")
    if parameters is not None:
        yield (f"It had {shown(parameters)} parameters.",)
    told = [
        f"{line(key, 60)} {_value(value)}"
        for key, value in values.values.items()
        if key != "parameters" and _plain(value)
    ]
    if told:
        yield (f"Its architecture was recorded as: {'; '.join(told)}.",)


def _has_gates(part: Part) -> bool:
    return bool(part.at("network").values.get("attention"))


def _backbone(part: Part) -> tuple[str, ...]:
    name = part.at("network").text("backbone") if part.text("family") == "hemispheres" else ""
    return tuple(key for start, key in BACKBONES.items() if name.startswith(start))


def _plain(value: object) -> bool:
    return isinstance(value, str | int | float | list) and value != [] and value != ""


def _value(value: object) -> str:
    found = value if isinstance(value, list) else [value]
    words = tuple(shown(v) if isinstance(v, int | float) and not isinstance(v, bool) else str(v) for v in found)
    return line(", ".join(words), 100)


def decision(part: Part) -> Iterator[Sentence]:
    """What the network said."""
    found = part.at("decision")
    comparisons = found.parts("comparisons")
    classes = [each for each in found.parts("classes") if each.flag("each_value_is_a_yes_or_no") is False]
    for each in classes:
        yield (f"It assigned {quoted(each.text('person'))} to class {quoted(each.text('class'))}{_odds(each)}.",)
    for each in comparisons:
        yield from _comparison(each)
    rest = found.texts("in_words") if not classes and not comparisons else ()
    if any(words.startswith("none") for words in rest):
        yield ("It gave no verdict: it compares two people, and none was given to compare with.",)
    elif rest:
        yield (f"Its answer was {listed(tuple(map(quoted, rest)))}.",)


def _odds(each: Part) -> str:
    value = each.number("probability")
    if value is None:
        return ""
    bound = "above 0.999" if value > 0.9995 else "below 0.001" if value < 0.0005 else f"of {value:.3f}"
    return f" with a probability {bound}"


def _comparison(each: Part) -> Iterator[Sentence]:
    other, distance, threshold = quoted(each.text("other")), each.number("distance"), each.number("threshold")
    differing, bits = each.number("differing"), each.number("bits")
    if differing is not None and bits is not None:
        yield (f"Its hash codes of this person and {other} differed in {shown(differing)} of {shown(bits)} bits.",)
    elif distance is not None:
        verdict = each.text("verdict")
        end = (
            "; the checkpoint had no threshold, so there was no verdict"
            if threshold is None
            else f"; by the checkpoint's threshold of {threshold:.4g}, the verdict was {quoted(verdict)}"
        )
        yield (f"The cosine distance of its embeddings of this person and {other} was {distance:.4f}{end}.",)


def explanation(part: Part) -> Iterator[Sentence]:
    """How the decision was explained, against which references, and where the relevance went."""
    found = part.at("attribution")
    if not found:
        return
    target = found.text("target")
    if target:
        yield (f"The quantity explained was {quoted(target)}.",)
    yield from _method("The answer was explained by", part, found)
    yield from _references(found.at("reference"))
    yield from _carried(part)


def _method(begins: str, part: Part, found: Part) -> Iterator[Sentence]:
    """By which method, computed by what, and its rules."""
    name = found.text("method")
    described = METHODS.get(name, Described("a method that this text has no words for"))
    keys = [key for key in described.keys if key != OF_GATES or _has_gates(part)]
    if (found.at("reference").number("count") or 0) > 1 and name.startswith("deviation"):
        keys.append("lundberg2017")
    yield (f"{begins} {described.words}", cite(*keys), f", method {quoted(name)}.")
    if described.then:
        yield (described.then,)
    if described.library:
        yield (f"It was computed with {described.library}", cite(LIBRARIES[described.library]), ".")
    if found.texts("rules"):
        yield ("Its rules are listed at the end.",)
    noise = found.at("noise")
    draws, level, seed = (noise.number(key) for key in ("draws", "level", "seed"))
    if draws is not None and level is not None and seed is not None:
        yield (
            f"Noise was drawn {shown(draws)} times (seed {shown(seed)}), "
            f"with a standard deviation of {shown(level)} of the image's range.",
        )
    signed = found.flag("signed")
    if signed is not None:
        yes, no = "signed: positive for the explained quantity, negative against it", "a magnitude, without a sign"
        yield (f"Relevance was {yes if signed else no}.",)


def rules(part: Part) -> Iterator[Sentence]:
    """The rules of both methods, as recorded: a supplement to the text."""
    for found in (part.at("attribution"), part.at("also", "attribution")):
        words = found.texts("rules")
        if words:
            yield (f"Rules of the method {quoted(found.text('method'))}: {numbered(words)}.",)


def _references(found: Part) -> Iterator[Sentence]:
    source = found.text("source")
    if not source:
        return
    works = {"MNI152": "fonov2011", "made-up heads": "rueckert1999"}
    placed = found.at("placed")
    before, after = placed.number("correlation_before"), placed.number("correlation_after")
    how = ", placed by world coordinates" if found.text("placed") == "by world coordinates" else ""
    if before is not None and after is not None:
        how = (
            ", registered affinely to this brain "
            f"(correlation {shown(before)} before the registration and {shown(after)} after)"
        )
    yield (
        f"The reference was {quoted(source)}",
        cite(*(key for words, key in works.items() if words in source)),
        f"{how}.",
    )


def _carried(part: Part) -> Iterator[Sentence]:
    """What became of the relevance on its way to the T1w grid, and how regions were ranked."""
    kept, inside = part.number("relevance_kept"), part.number("share_inside_atlas")
    if kept is not None:
        ends = "" if inside is None else f", and {percent(inside)} of it lay inside the atlas"
        yield (f"Carried to the T1w grid as a density, {percent(kept)} of the relevance was kept{ends}.",)
    smooth = part.at("attribution").text("method") == "deviation-smooth"
    measure = "the root mean square of relevance before pooling" if smooth else "the mean relevance density"
    yield (f"Regions were ranked by {measure}, relative to that of the highest region.",)


def second(part: Part) -> Iterator[Sentence]:
    """The map by a second method, if there is one."""
    also = part.at("also")
    if not also:
        if part.at("attribution"):
            yield ("No second method was used.",)
        return
    yield from _method("A second map was made by", part, also.at("attribution"))
    alike, shared = also.at("similarity").number("spearman"), also.number("shared_of_first_10_regions")
    if alike is not None:
        ends = "" if shared is None else f", and {shown(shared)} of the first 10 regions were the same"
        yield (f"The magnitudes of both maps had a Spearman correlation of {alike:.2f}{ends}.",)


def pairs(part: Part) -> Iterator[Sentence]:
    """Contributions of pairs of regions, if they were computed."""
    cosine, kept = part.number("cosine"), part.number("conservation")
    if cosine is not None:
        ends = "" if kept is None else f"; the contributions added up to {percent(kept)} of it"
        yield (
            "Contributions of pairs of regions to the cosine of both embeddings were computed by BiLRP",
            cite("eberle2022"),
            f"; the cosine was {shown(cosine)}{ends}.",
        )
