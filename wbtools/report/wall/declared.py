"""What the record of an export says, as far as a wall shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wbtools.reading.finished import open_export
from wbtools.reading.record import Json, section
from wbtools.reading.results import NetworkResults
from wbtools.report.person.findings import answer
from wbtools.text import line

_REPORT = "report.html"
_PERSONAL = ("subject", "threads", "report")
"""Settings that may differ between people."""
_PASSED = ("The map passed", "Passed")
"""How the verdict on a map that passed begins; the second in records of version 0.1."""
_LONGEST = 120


@dataclass(frozen=True)
class DeclaredNetwork:
    """What a record says of a network.

    Parameters
    ----------
    sha256 : str
        Of its checkpoint.
    method : str
    decision : str
        The first sentence of its answer.
    passed : bool or None
        Whether the map may be trusted; None if that was not checked.
    trust : str
        The same in words, with the check that failed.
    """

    sha256: str
    method: str
    decision: str
    passed: bool | None
    trust: str


@dataclass(frozen=True)
class Declared:
    """What a record says of an export.

    Parameters
    ----------
    subject : str
    version : str
        Of wbtools.
    settings_sha256 : str
    settings : mapping of str to str
        As JSON, without what is the person's own.
    notices : tuple of str
    failed_checks : tuple of str
        Names of self-checks that did not pass.
    networks : mapping of str to DeclaredNetwork
        By their names in file names.
    report : str
        Path of the person's report in the export; empty if there is none.
    """

    subject: str
    version: str
    settings_sha256: str
    settings: Mapping[str, str]
    notices: tuple[str, ...]
    failed_checks: tuple[str, ...]
    networks: Mapping[str, DeclaredNetwork]
    report: str


def read_declared(folder: Path) -> Declared:
    """Read the record of an export.

    Raises
    ------
    NoExport
        If wbtools made something else there.
    InputError
        If it is damaged, or of a newer version.
    """
    export = open_export(folder)
    record = export.contents.record
    settings = section(record.content, "settings")
    reports = (name for name in (_REPORT, *record.files) if name.endswith(_REPORT))
    return Declared(
        record.subject,
        line(record.version, 20),
        str(record.content.get("settings_sha256", "")),
        {str(key): json.dumps(value) for key, value in settings.items() if key not in _PERSONAL},
        tuple(line(notice) for notice in record.notices),
        _failed_checks(record.content),
        {name: _network(each) for name, each in export.networks.items()},
        next((name for name in reports if (folder / name).is_file()), ""),
    )


def _network(results: NetworkResults) -> DeclaredNetwork:
    said = results.decision.get("in_words")
    decision = line(answer(said[0]), _LONGEST) if isinstance(said, list) and said else ""
    passed = results.passed if "passed" in results.trust else None
    sha256 = str(results.about.get("sha256", ""))
    return DeclaredNetwork(sha256, line(results.method, 60), decision, passed, _trust(results.trust, passed))


def _trust(trust: Json, passed: bool | None) -> str:
    """A map's trust in few words: passed, or the first check that failed."""
    if passed is None:
        return "not checked"
    verdict, failures = line(trust.get("verdict", ""), _LONGEST), trust.get("failures")
    if not passed:
        why = line(failures[0], _LONGEST) if isinstance(failures, list) and failures else verdict
        return f"failed: {why}"
    return "passed" if verdict.startswith(_PASSED) else f"passed; {verdict[:1].lower()}{verdict[1:].rstrip('.')}"


def _failed_checks(record: Json) -> tuple[str, ...]:
    checks = record.get("checks")
    known = [check for check in checks if isinstance(check, dict)] if isinstance(checks, list) else []
    return tuple(line(check.get("check", "?"), 60) for check in known if check.get("outcome") != "passed")
