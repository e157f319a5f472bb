"""Where a report goes: into its export, whose record then lists it, or into a file that the user names."""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import partial
from pathlib import Path

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.errors.system import writing
from wbtools.output.destination import require_writable_around
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.ownership import PROVENANCE, is_as_made, read_plain
from wbtools.reading.container import Folder
from wbtools.reading.finished import Export
from wbtools.reading.record import section
from wbtools.subject.containment import require_outside_inputs

_TITLE = rb"what (the network looked at|made the network decide) \("
"""Of reports of an export, now and in older versions; no other page has it."""
_MARK = re.compile(rb'<meta name="generator" content="wbtools[^>]*>\s*<title>[^<]*: ' + _TITLE)
_SEAL = b"\n<!-- wbtools wrote this page; SHA-256 of all above: "


def require_place(export: Export) -> Path:
    """The report's own place in an export.

    Raises
    ------
    InputError
        If the export is a zip file, may not be written, or something else has the name.
    """
    if not isinstance(export.contents.container, Folder):
        raise InputError(f"{export.folder} is a zip file, which is not changed", hint="name a file with --out")
    path = export.folder / name_of(export)
    if not os.access(path.parent, os.W_OK):
        raise InputError(f"{path.parent} may not be written", hint="name a file elsewhere with --out")
    if os.path.lexists(path) and not _is_report(path):
        raise InputError(f"{path} is not wbtools' report of an export", hint="move it away, or name a file with --out")
    if os.path.lexists(path) and not is_as_made(export.folder, name_of(export)):
        raise InputError(f"{path} is not as wbtools wrote it", hint="move it away, or name a file with --out")
    return path


def name_of(export: Export) -> str:
    """The path of the report in the export."""
    return export.contents.name(Output(OutputKind.REPORT))


def is_own(export: Export, path: Path) -> bool:
    """Whether a file that the user names is the report's own place in the export, be it there yet or not."""
    if not isinstance(export.contents.container, Folder):
        return False
    own = export.folder / name_of(export)
    return os.path.realpath(path) == os.path.join(os.path.realpath(own.parent), own.name)  # noqa: PTH118, links in a circle


def write_into(export: Export, page: str) -> Path:
    """Put a report into its export, in place of an earlier one, and list it in the record.

    Raises
    ------
    InputError
        As `require_place`; also if the export was replaced since the page was made.
    """
    path, content = require_place(export), page.encode()
    export.contents.container.require_same()  # a page of one export is never put into another
    record = json.loads(read_plain(export.folder / PROVENANCE))
    listed = {"outputs_sha256": hashlib.sha256(content).hexdigest(), "outputs_bytes": len(content)}
    for key, figure in listed.items():
        record[key] = {**section(record, key), name_of(export): figure}
    with writing(export.folder):
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        atomic.write_together({path: content, export.folder / PROVENANCE: f"{text}\n"})
    return path


def require_file(path: Path) -> Path:
    """A file that the user names: new, or a report that wbtools wrote.

    Raises
    ------
    InputError
        If something else has the name, its folder is missing or may not be written, or it lies among files that stay
        as they are.
    """
    if path.is_dir():
        raise InputError(f"--out {path} is a folder", hint="name a file, such as report.html in it")
    if not path.parent.is_dir():
        raise InputError(f"--out {path}: there is no folder {path.parent}", hint="make it, or choose another place")
    require_outside_inputs(path, "--out")
    if os.path.lexists(path):
        _require_report(path, path)
    require_writable_around(path, "--out")
    return path


def write_file(path: Path, page: str) -> Path:
    """Write a report to a file, whole or not at all; its last line says what it was like."""
    content = page.encode()
    with writing(path.parent):
        atomic.write_over(path, content + _seal(content), partial(_require_report, out=path))
    return path


def _require_report(earlier: Path, out: Path) -> None:
    """Require that what is in the file's place, for the moment under this name, may be replaced."""
    if not _is_report(earlier):
        raise InputError(f"--out {out} exists and is not wbtools' report of an export", hint="choose another name")
    page, mark, rest = earlier.read_bytes().rpartition(_SEAL)
    if not mark:
        what = "does not say whether somebody changed it, as pages out of exports and of older versions do not"
    elif mark + rest != _seal(page):
        what = "was changed since wbtools wrote it"
    else:
        return
    raise InputError(f"--out {out} exists and {what}", hint="choose another name, or remove it yourself")


def _seal(page: bytes) -> bytes:
    """The line behind a page by which it is seen whether somebody changed it."""
    return _SEAL + f"{hashlib.sha256(page).hexdigest()} -->\n".encode()


def _is_report(path: Path) -> bool:
    """Whether a file is a report of an export, by whichever version of wbtools."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return _MARK.search(stream.read(4096)) is not None
