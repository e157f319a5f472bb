"""The record in a report: what was read, how it was computed, and the whole of it as text."""

from __future__ import annotations

import json
from collections.abc import Iterator

from wbtools.reading.record import Json, Record, section
from wbtools.report.parts import Cell, Column, Table, words
from wbtools.text import line, printable

_HASHES = ("inputs_sha256", "inputs_bytes", "outputs_sha256", "outputs_bytes", "commands")
"""Long lists that a page leaves out; the file has them."""
_SETTINGS = Column("Setting"), Column("Value")


def tables(record: Record) -> list[Table]:
    """Settings, self-checks, versions and seconds."""
    content = record.content
    return [
        Table("Export", _SETTINGS, [[words(name), words(value)] for name, value in _facts(record)]),
        Table(
            "Settings", _SETTINGS, [[words(name), words(value)] for name, value in _flat(section(content, "settings"))]
        ),
        Table("Self-checks", (Column("Check"), Column("Outcome"), Column("Finding")), list(_checks(content))),
        Table(
            "Versions",
            (Column("Program"), Column("Version")),
            [[words(name), words(value)] for name, value in section(content, "versions").items()],
        ),
        Table(
            "Seconds",
            (Column("Stage"), Column("Seconds", True)),
            [[words(name), words(value)] for name, value in section(content, "seconds").items()],
        ),
    ]


def text(record: Record) -> str:
    """The record as JSON, without its lists of files."""
    shown = {key: value for key, value in record.content.items() if key not in _HASHES}
    return printable(json.dumps(shown, indent=1, ensure_ascii=False))


def mask_legend(record: Record) -> str:
    """What the outline of the brain mask says, in a sentence; nothing where the record knows of none."""
    found = section(record.content, "brain_mask")
    by = f"deepbet {found['deepbet']}" if found.get("deepbet") else str(found.get("mask", ""))
    if not by:
        return ""
    return f"The outline of the brain mask ({line(by, 80)}) is blue: it should leave out the skull, and no cortex."


def own_grey_matter(record: Record) -> bool:
    """Whether areas lie on the grey matter that the image shows, under surfaces of an average."""
    return str(section(record.content, "placement").get("registration", "")).startswith("SyN") and any(
        notice.startswith("Template surfaces") for notice in record.notices
    )


def _facts(record: Record) -> Iterator[tuple[str, object]]:
    subject = section(record.content, "subject")
    yield "subject", record.subject
    yield "written", record.content.get("written")
    yield "wbtools", record.version
    yield "layout", subject.get("layout")
    yield "surface registration", subject.get("registration")
    yield "meshes", ", ".join(record.meshes)
    yield "atlas", section(record.content, "atlas").get("name")
    if mask := section(record.content, "brain_mask"):
        yield "brain mask", mask.get("mask")
    yield "settings_sha256", record.content.get("settings_sha256")
    for name, about in record.networks.items():
        yield f"{name}: family", about.get("family")
        yield f"{name}: sha256", about.get("sha256")
        yield f"{name}: method", section(about, "attribution").get("method")
        yield f"{name}: reference", section(about, "attribution", "reference").get("source")


def _flat(settings: Json) -> Iterator[tuple[str, object]]:
    for name, value in settings.items():
        yield name, ", ".join(line(each) for each in value) or "none" if isinstance(value, list) else value


def _checks(content: Json) -> Iterator[list[Cell]]:
    found = content.get("checks")
    for check in found if isinstance(found, list) else ():
        if isinstance(check, dict):
            yield [words(check.get(key)) for key in ("check", "outcome", "finding")]
