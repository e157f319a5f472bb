"""Whether a zip file is a pack as wbtools wrote it: only then it may be replaced, for all else is somebody's work."""

from __future__ import annotations

import json
import os
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wbtools.errors import InputError
from wbtools.output.ownership import PROVENANCE, subject_of
from wbtools.reading.container import Ambiguous, Zipped
from wbtools.reading.packing import PACKED, README
from wbtools.reading.record import section
from wbtools.text import line

_LOCAL = struct.Struct("<26x2H")
"""What stands before a file in a zip file; at its end the lengths of the name and of extra fields."""
_END = 22
"""Bytes of the end of a zip file without a comment."""
_ZIP64, _LARGE = 1, (1 << 31) - 1
"""The extra field of files, and places, that are as large as this: the only one that is written."""
_LOOSE = "it also holds bytes that belong to no file in it"


def not_replaceable(out: Path, subject: str) -> str:
    """Why a file is not a pack of a subject as wbtools wrote it, as a sentence about "it"; empty if it is.

    Parameters
    ----------
    out : Path
        Exists.
    subject : str
    """
    if out.is_symlink() or not out.is_file():
        return "it is a link" if out.is_symlink() else "it is no file"
    if not zipfile.is_zipfile(out):
        return "it is no zip file"
    zipped = Zipped(out)
    try:
        record = json.loads(zipped.record())
    except Ambiguous:
        return "it holds several files of one name"
    except (InputError, ValueError, RecursionError):
        return "it holds no record of wbtools"
    named = subject_of(record) if isinstance(record, dict) else None
    if named is None or not isinstance(record.get(PACKED), dict):
        return "it is no pack that wbtools wrote"
    if named != subject:
        return f"it is the pack of {line(named, 80)}"
    return _not_as_packed(zipped, record) or _added(zipped)


def _not_as_packed(zipped: Zipped, record: Mapping[str, Any]) -> str:
    """Which file somebody changed in a pack or put into it, as a sentence about "it"; empty if none."""
    own = {PROVENANCE: "", **record["outputs_sha256"]}
    own[README] = section(section(record, PACKED), README).get("sha256", "")
    added = [name for name in zipped.names() if name not in own]
    if added:
        return f"it also holds {line(added[0], 80)}"
    changed = [name for name in zipped.names() if own[name] and zipped.differs(name, str(own[name]))]
    return f"{line(changed[0], 80)} in it is not as wbtools packed it" if changed else ""


def _added(zipped: Zipped) -> str:
    """What a zip file of the right files has beside them, as a sentence about "it"; empty if nothing.

    As wbtools writes it, there are no folders and no remarks, and every byte belongs to a file, the directory or the
    end: file stands behind file from the first byte on, then the directory, then the end up to the last byte.
    """
    with zipped.opened() as archive, zipped.file.open("rb") as stream:
        entries, at = archive.infolist(), 0
        if archive.comment:
            return "it has a comment"
        for entry in entries:
            name = line(entry.filename, 80)
            if entry.filename[-1:] in ("", "/") or entry.filename != entry.orig_filename:
                return f"it also holds the folder {name}" if name else "it also holds something without a name"
            if entry.comment:
                return f"{name} in it has a comment"
            stream.seek(at)
            before = stream.read(_LOCAL.size)
            if entry.header_offset != at or len(before) < _LOCAL.size:
                return _LOOSE
            name_length, extra_length = _LOCAL.unpack(before)
            stream.seek(name_length, os.SEEK_CUR)
            if not all(_as_written(extra, entry) for extra in (entry.extra, stream.read(extra_length))):
                return f"{name} in it has fields that wbtools does not write"
            at += _LOCAL.size + name_length + extra_length + entry.compress_size
        stream.seek(-_END, os.SEEK_END)
        end = stream.read()
        whole = at == archive.start_dir and end.startswith(b"PK\5\6") and end.endswith(b"\0\0")
    return "" if whole else _LOOSE


def _as_written(extra: bytes, entry: zipfile.ZipInfo) -> bool:
    """Whether extra fields of a file are those that a large one needs, and a small one none."""
    if max(entry.file_size, entry.compress_size, entry.header_offset) < _LARGE:
        return not extra
    return not extra or (extra[:2] == struct.pack("<H", _ZIP64) and len(extra) == 4 + extra[2] + 256 * extra[3])
