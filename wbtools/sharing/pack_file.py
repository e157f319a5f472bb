"""A finished export as one zip file: the same files give the same bytes, and it is checked before it appears."""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from wbtools import atomic
from wbtools.errors import CheckError, InputError
from wbtools.errors.system import writing
from wbtools.output.destination import require_writable_around
from wbtools.output.ownership import PROVENANCE
from wbtools.reading.container import Replaced
from wbtools.reading.contents import Contents
from wbtools.reading.export_folders import holds_exports
from wbtools.reading.packing import README
from wbtools.reading.places import is_zip, mode_of
from wbtools.sharing.pack_check import Checked, check
from wbtools.sharing.pack_contents import PackContents, gather, record_of
from wbtools.sharing.pack_ownership import UNSEALED, not_replaceable, seal
from wbtools.sharing.pack_readme import readme
from wbtools.subject.containment import require_outside_inputs

_TIME = (1980, 1, 1, 0, 0, 0)
"""Of every file in a pack: the earliest that a zip file can say."""
_MODE = (stat.S_IFREG | 0o644) << 16
_UNIX = 3
_PACKED_ALREADY = (".gz", ".png", ".jpg", ".webp")
_LARGE = 1 << 31
_HINT = "give the folder that wbtools export-subject wrote"


@dataclass(frozen=True)
class Pack:
    """A pack that was written.

    Parameters
    ----------
    file : Path
    contents : PackContents
    checked : Checked
    """

    file: Path
    contents: PackContents
    checked: Checked


@dataclass(frozen=True)
class PackOptions:
    """How an export is packed.

    Parameters
    ----------
    t1w : bool
        Whether the T1w goes in, with all that shows it.
    overwrite : bool
        Whether an earlier pack of the same subject is replaced; nothing else ever is.
    draw : bool
        Whether Workbench, where it can, draws a scene out of the pack as a check.
    wb_command : Path or None
    """

    t1w: bool = True
    overwrite: bool = False
    draw: bool = True
    wb_command: Path | None = None


def pack(place: Path, out: Path, options: PackOptions | None = None) -> Pack:
    """Pack a finished export.

    Parameters
    ----------
    place : Path
        Its folder.
    out : Path
        The zip file, outside of it.
    options : PackOptions, optional

    Returns
    -------
    Pack

    Raises
    ------
    InputError
        If it is no folder of an export, is damaged, holds a link that leads outside, or changes meanwhile; if `out`
        exists and is not an earlier pack of the same subject, or lies among files that stay as they are.
    CheckError
        If the pack, unpacked, is not whole; then there is none.
    """
    options, folder = options or PackOptions(), folder_of(place)
    contents = Contents.of(folder)
    require_place(out, folder, contents.record.subject, options.overwrite)
    with _staying(contents):
        packed = gather(contents, folder, t1w=options.t1w)
    text = readme(contents, packed).encode()
    files = {**packed.files, PROVENANCE: record_of(contents, packed, text), README: text}
    checked: list[Checked] = []

    def write(stream: BinaryIO) -> None:
        with _staying(contents):
            write_zip(stream, root_of(contents.record.subject), files)
            seal(stream)
            checked.append(check(Path(stream.name), folder, options.draw, options.wb_command))

    def require(earlier: Path) -> None:
        _require_replaceable(earlier, out, contents.record.subject, options.overwrite)

    with writing(out.parent):
        atomic.write_over(out, write, require)
    return Pack(out, packed, checked[0])


@contextmanager
def _staying(contents: Contents) -> Iterator[None]:
    """A block that needs an export to stay as recorded: if it does not, neither the disk nor the pack is blamed."""
    try:
        yield
    except (OSError, CheckError, Replaced):
        try:
            contents.require_as_recorded()
        except InputError:
            raise InputError(f"{contents.container.place} changed while it was packed", hint="pack it again") from None
        raise


def folder_of(place: Path) -> Path:
    """The folder of a finished export that the user named by itself or by its record.

    Raises
    ------
    InputError
        If it is something else; a zip file, which other commands read, is refused, too.
    """
    folder = place.parent if place.name == PROVENANCE else place
    mode = mode_of(folder, _HINT)
    if is_zip(folder, mode):
        raise InputError(f"{place} is a zip file already", hint="unpack it, and pack its folder")
    if not stat.S_ISDIR(mode):
        raise InputError(f"{place} is no folder", hint=_HINT)
    if not (folder / PROVENANCE).is_file():
        hint = "it is a folder of exports: pack one of them" if holds_exports(folder) else _HINT
        raise InputError(f"{folder} has no {PROVENANCE}: it is no finished export", hint=hint)
    return folder


def write_zip(stream: BinaryIO, root: str, files: Mapping[str, Path | bytes]) -> None:
    """Write files as a zip file that is to be sealed, sorted, with one time and one mode for all.

    Parameters
    ----------
    stream : BinaryIO
        Open for writing.
    root : str
        The folder that all of them lie in.
    files : mapping of str to Path or bytes
        By their paths in it.

    Examples
    --------
    >>> first, second = BytesIO(), BytesIO()
    >>> write_zip(first, "s", {"b.txt": b"b", "a/c.txt": b"c"})
    >>> write_zip(second, "s", {"a/c.txt": b"c", "b.txt": b"b"})
    >>> first.getvalue() == second.getvalue(), zipfile.ZipFile(first).namelist()
    (True, ['s/a/c.txt', 's/b.txt'])
    """
    with zipfile.ZipFile(stream, "w") as archive:
        for name in sorted(files):
            source = files[name]
            entry = zipfile.ZipInfo(f"{root}/{name}", _TIME)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            entry.compress_type = zipfile.ZIP_STORED if name.endswith(_PACKED_ALREADY) else zipfile.ZIP_DEFLATED
            large = not isinstance(source, bytes) and source.stat().st_size >= _LARGE
            with (
                BytesIO(source) if isinstance(source, bytes) else source.open("rb") as content,
                archive.open(entry, "w", force_zip64=large) as member,
            ):
                shutil.copyfileobj(content, member, 1 << 20)
        archive.comment = UNSEALED


def root_of(subject: str) -> str:
    """The folder in a pack, after the subject, whatever characters its id has.

    Examples
    --------
    >>> root_of("100307"), root_of("../a b"), root_of("..")
    ('100307', 'a_b', 'export')
    """
    return re.sub(r"[^\w.+-]", "_", subject).strip("._") or "export"


def require_place(out: Path, folder: Path, subject: str, overwrite: bool) -> None:
    """Require that a pack can be written: a new file outside the export, or an earlier pack of the same subject.

    Raises
    ------
    InputError
    """
    if out.suffix.lower() != ".zip":
        raise InputError(f"--out {out} does not end in .zip", hint="name a zip file")
    if not out.parent.is_dir():
        raise InputError(f"--out {out}: there is no folder {out.parent}", hint="make it, or choose another place")
    if out.parent.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"--out {out} lies in the export that is packed", hint="choose a place outside")
    require_outside_inputs(out, "--out")
    if os.path.lexists(out):
        _require_replaceable(out, out, subject, overwrite)
    require_writable_around(out, "--out")


def _require_replaceable(earlier: Path, out: Path, subject: str, overwrite: bool) -> None:
    """Require that what is in the pack's place, for the moment under this name, may be replaced."""
    why = not_replaceable(earlier, subject)
    if why:
        raise InputError(f"--out {out} exists and is not wbtools' to replace: {why}", hint="choose another name")
    if not overwrite:
        raise InputError(f"--out {out} exists already", hint="add --overwrite to replace it, or choose another name")
