"""Diagnosis of files that cannot be read: the likely cause is established before a file is called damaged.

All readers use this module. `require_file` reports why a path does not lead to a readable file (a broken link, a
folder, no permission, an empty file); `refusal` reports what an unexpected file really is (a git-annex pointer, a web
page, an archive, another format), and calls it damaged only if it is none of these.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError

from wbtools.errors import InputError, MissingFile, WbtoolsError
from wbtools.errors.system import from_os_error
from wbtools.text import shell

HEAD = 4096
"""Number of bytes from the beginning of a file by which its kind is recognised."""

COPY_AGAIN = "copy or download the file again"
_FETCH = "fetch it first: datalad get {name}, or git annex get {name}"
_JOIN = "make one file of both: fslchfiletype NIFTI_GZ, or mrconvert; an Analyze header does not say where left is"
PACKED = "packed with gzip"
"""Name of the kind that can contain any other."""

ARRAY_DAMAGE = (OSError, EOFError, ValueError, OverflowError, SyntaxError, TokenError, MemoryError, LookupError)
"""What numpy raises for a file that is no array: its header is a Python literal."""

_DENIED = {errno.EACCES, errno.EPERM}


@dataclass(frozen=True)
class FileKind:
    """A kind of file that users give in place of the expected one.

    Parameters
    ----------
    name : str
        What the file is, with its article.
    hint : str
        What the user can do; `{name}` stands for the file's name.
    fits : callable
        Whether the first bytes of a file are of this kind.
    """

    name: str
    hint: str
    fits: Callable[[bytes], bool]


def _begins(*starts: bytes, at: int = 0) -> Callable[[bytes], bool]:
    """A test for fixed bytes at a fixed offset."""
    return lambda head: head[at:].startswith(starts)


def _says(*words: bytes) -> Callable[[bytes], bool]:
    """A test for the first words of a text, ignoring case, leading white space and a byte order mark."""
    return lambda head: head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(words)


def _holds(start: bytes, word: bytes) -> Callable[[bytes], bool]:
    """A test for the beginning of a text and a word further on."""
    return lambda head: head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(start) and word in head


def _is_annex(head: bytes) -> bool:
    """Whether the content is the path of a git-annex object, as in unlocked files and copied links."""
    line = head.split(b"\n", 1)[0].strip()
    return b"annex/objects/" in line and b"\0" not in line and len(line) < 1024 and b"<" not in line


def _is_analyze(head: bytes) -> bool:
    """Whether the content is an Analyze 7.5 header: the size of a NIfTI header without NIfTI's magic."""
    return head[:4] in {b"\x5c\x01\0\0", b"\0\0\x01\x5c"} and head[344:348] not in {b"n+1\0", b"ni1\0"}


def _is_text(head: bytes) -> bool:
    """Whether the content is text of some kind."""
    sample = head[:512]
    try:
        sample.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start < len(sample) - 8:
            return False
    return bool(sample) and not any(byte < 9 or 13 < byte < 32 or byte == 255 for byte in sample)


_UNPACK = "unpack it first, and give the file inside"
_CONVERT = "convert it first, for example with mri_convert or nibabel"
_SCAN = "convert the series first: dcm2niix -z y FOLDER"

KINDS: tuple[FileKind, ...] = (
    FileKind("a git-annex pointer, not the file itself", _FETCH, _is_annex),
    FileKind(
        "a git-lfs pointer, not the file itself",
        "fetch it first: git lfs pull --include {name}",
        _says(b"version https://git-lfs"),
    ),
    FileKind("a DVC pointer, not the file itself", "fetch it first: dvc pull {name}", _says(b"outs:\n- md5:")),
    FileKind(
        "a link that was copied as text",
        "copy the file that it names",
        _begins(b"XSym\n", b"!<symlink>", b"IntxLNK\1"),
    ),
    FileKind(
        "a companion file of macOS ('._...')",
        "give the file without '._' in its name",
        _begins(b"\0\5\x16\7", b"\0\5\x16\0"),
    ),
    FileKind(
        "a web page: the download failed, or asked for a login",
        "download the file again, logged in, and look at its size",
        _says(b"<!doctype html", b"<html", b"<head", b"<script"),
    ),
    FileKind(
        "a server's error message, saved as a file",
        "download the file again; the message tells why it failed",
        _says(
            b'<?xml version="1.0" encoding="utf-8"?><error',
            b'<?xml version="1.0" encoding="utf-8"?>\n<error',
            b"<error>",
        ),
    ),
    FileKind("a DICOM file", _SCAN, _begins(b"DICM", at=128)),
    FileKind("a zip archive", _UNPACK, _begins(b"PK\3\4", b"PK\5\6")),
    FileKind("packed with bzip2", "unpack it first: bunzip2 {name}", _begins(b"BZh")),
    FileKind("packed with xz", "unpack it first: unxz {name}", _begins(b"\xfd7zXZ\0")),
    FileKind("packed with zstd", "unpack it first: unzstd {name}", _begins(b"\x28\xb5\x2f\xfd")),
    FileKind("packed with lz4", "unpack it first: unlz4 {name}", _begins(b"\x04\x22\x4d\x18")),
    FileKind("packed with compress (.Z)", "unpack it first: gunzip {name}", _begins(b"\x1f\x9d")),
    FileKind("a 7z archive", _UNPACK, _begins(b"7z\xbc\xaf\x27\x1c")),
    FileKind("a rar archive", _UNPACK, _begins(b"Rar!\x1a\7")),
    FileKind("a tar archive", _UNPACK, _begins(b"ustar", at=257)),
    FileKind(PACKED, "unpack it first: gunzip {name}", _begins(b"\x1f\x8b")),
    FileKind(
        "an HDF5 or MINC file", "convert it first, for example with mnc2nii", _begins(b"\x89HDF\r\n\x1a\n", b"CDF\1")
    ),
    FileKind("a NumPy array", "save it as an image, with its affine", _begins(b"\x93NUMPY")),
    FileKind(
        "a PyTorch or pickle file",
        "give it with --model if it is a network",
        _begins(b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5"),
    ),
    FileKind("a MATLAB file", _CONVERT, _begins(b"MATLAB 5.0 MAT-file")),
    FileKind("an NRRD image", _CONVERT, _begins(b"NRRD000")),
    FileKind("a MetaImage header", _CONVERT, _says(b"objecttype = image")),
    FileKind("an MRtrix image", "convert it first: mrconvert {name} OUT.nii.gz", _begins(b"mrtrix image")),
    FileKind("a PNG picture", "give the scan itself, not a picture of it", _begins(b"\x89PNG")),
    FileKind("a JPEG picture", "give the scan itself, not a picture of it", _begins(b"\xff\xd8\xff")),
    FileKind("a TIFF picture", "give the scan itself, not a picture of it", _begins(b"II*\0", b"MM\0*")),
    FileKind("a PDF document", "give the scan itself", _begins(b"%PDF")),
    FileKind(
        "the header of a NIfTI pair (.hdr and .img)",
        _JOIN,
        _begins(b"ni1\0", at=344),
    ),
    FileKind(
        "an Analyze 7.5 header, which does not say where left is",
        "convert the scan again from its DICOM files",
        _is_analyze,
    ),
    FileKind("a NIfTI file", "give a file of the kind that is asked for", _begins(b"n+1\0", at=344)),
    FileKind("a NIfTI file", "give a file of the kind that is asked for", _begins(b"n+2\0", b"ni2\0", at=4)),
    FileKind(
        "a FreeSurfer surface",
        "give it as surf/?h.NAME of its recon-all folder, or convert it: mris_convert --to-scanner",
        _begins(b"\xff\xff\xfe"),
    ),
    FileKind(
        "a surface of quadrangles, as FreeSurfer's first steps leave it",
        "give ?h.white, ?h.pial or ?h.sphere.reg, which have triangles",
        _begins(b"\xff\xff\xfd"),
    ),
    FileKind("a FreeSurfer file of values per vertex", "give the surface itself", _begins(b"\xff\xff\xff")),
    FileKind("a FreeSurfer volume (.mgh)", "give a file of the kind that is asked for", _begins(b"\0\0\0\1\0\0")),
    FileKind("a FreeSurfer text file", "give a file of the kind that is asked for", _says(b"#!ascii")),
    FileKind("a GIFTI file", "give a file of the kind that is asked for", _holds(b"<?xml", b"<GIFTI")),
    FileKind("a GIFTI file", "give a file of the kind that is asked for", _holds(b"<GIFTI", b"<GIFTI")),
    FileKind("a VTK file", "convert it to GIFTI first, for example with mris_convert", _begins(b"# vtk DataFile")),
    FileKind("an XML file of another kind", "give a file of the kind that is asked for", _says(b"<?xml")),
    FileKind("a JSON file", "give a file of the kind that is asked for", _says(b"{")),
    FileKind("a text file", "give a file of the kind that is asked for", _is_text),
)
"""All kinds in the order in which they are tried: pointers and failed downloads, then formats, the vaguest last."""

_IMAGES = ("DICOM", "NRRD", "MetaImage", "MRtrix", "NIfTI", "Analyze", "FreeSurfer", "GIFTI", "VTK")
IMAGES = tuple(kind for kind in KINDS if any(word in kind.name for word in _IMAGES))
"""The kinds that are images, surfaces or data on surfaces."""


def kind_of(head: bytes) -> FileKind | None:
    """The kind of file that begins with these bytes; None if it is not a known one.

    Examples
    --------
    >>> kind_of(b"/annex/objects/MD5E-s7--0a.nii.gz").name
    'a git-annex pointer, not the file itself'
    >>> kind_of(bytes([200, 3, 1])) is None
    True
    """
    return next((kind for kind in KINDS if kind.fits(head)), None)


def require_file(path: Path) -> os.stat_result:
    """Require that a path leads to a readable regular file that is not empty.

    Returns
    -------
    os.stat_result
        Of the file, with links followed.

    Raises
    ------
    InputError
        With the reason: nothing there, a broken link, a folder, no permission, not a regular file, empty.
    """
    try:
        found = path.stat()
        if stat.S_ISREG(found.st_mode):
            # Only opening it tells whether it may be read: access lists and file servers have their own rules.
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC))
    except (OSError, ValueError) as error:
        raise unreadable(path, error) from None
    if stat.S_ISDIR(found.st_mode):
        raise InputError(f"{path} is a folder, not a file", hint=f"give a file inside it{_inside(path)}")
    if not stat.S_ISREG(found.st_mode):
        raise InputError(f"{path} is no ordinary file", hint="copy the data into a file first")
    if not found.st_size:
        raise InputError(f"{path} is empty (0 bytes)", hint=COPY_AGAIN)
    return found


def unreadable(path: Path, error: OSError | ValueError) -> WbtoolsError:
    """The error to show when an input file could not be opened.

    Parameters
    ----------
    path : Path
    error : OSError or ValueError
        The original error; Python raises ValueError for an impossible path (with a NUL character).

    Examples
    --------
    >>> str(unreadable(Path("T1.mgz"), PermissionError(errno.EACCES, "Permission denied")))
    'T1.mgz may not be read: Permission denied'
    """
    number = error.errno if isinstance(error, OSError) else None
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return _missing(path)
    if number == errno.ELOOP:
        # The outermost broken link is the one to repair.
        link = next((part for part in reversed([path, *path.parents]) if _is_broken_link(part)), path)
        return InputError(f"{link} is a link that leads back to itself", hint="copy the file again, or repair the link")
    if number in _DENIED:
        return InputError(f"{path} may not be read: {os.strerror(number or errno.EACCES)}", hint=_permission(path))
    if number is None or number in {errno.ENAMETOOLONG, errno.EINVAL, errno.EISDIR}:
        return InputError(f"{path} cannot be opened: {error}", hint="check the path")
    return from_os_error(error)  # type: ignore[arg-type]  # a ValueError has no number


def refusal(path: Path, wanted: str, reason: str = "", hint: str = COPY_AGAIN, head: bytes | None = None) -> InputError:
    """The error for a file that cannot be read as the expected format.

    Parameters
    ----------
    path : Path
    wanted : str
        The expected format, without article: "NIfTI file".
    reason : str
        What is wrong with the file if it does have the expected format.
    hint : str
        What the user can do in that case.
    head : bytes, optional
        The first bytes, decompressed; read from the file if not given.

    Returns
    -------
    InputError
        Names the actual format if it is recognised, else what is wrong.
    """
    if head is None:
        try:
            with path.open("rb") as stream:
                head = stream.read(HEAD)
        except (OSError, ValueError):
            head = b""
    if path.suffix == ".img" and path.with_suffix(".hdr").is_file():
        return InputError(f"{path} is half of a pair (.hdr and .img), not a {wanted}", hint=_JOIN)
    kind = kind_of(head)
    if kind is not None and wanted not in kind.name:
        return InputError(f"{path} is {kind.name}, not a {wanted}", hint=kind.hint.format(name=shell(path.name)))
    if head and not any(head):
        reason = f"its first {len(head)} bytes are all zero: it was not written, or not completely"
    return InputError(f"{path} is not a complete {wanted}{f': {reason}' if reason else ''}", hint=hint)


def truncated(path: Path, wanted: str, have: int, need: int, hint: str = COPY_AGAIN) -> InputError:
    """The error for a file that ends too early.

    Examples
    --------
    >>> str(truncated(Path("T1w.nii"), "NIfTI file", 1000, 2000))
    'T1w.nii is not a complete NIfTI file: it ends after 1,000 of 2,000 bytes'
    """
    return InputError(f"{path} is not a complete {wanted}: it ends after {have:,} of {need:,} bytes", hint=hint)


def _missing(path: Path) -> InputError:
    """The error for a path that does not exist; it tells a broken link and a missing folder apart."""
    link = next((part for part in (path, *path.parents) if _is_broken_link(part)), None)
    if link is None:
        file = next((part for part in path.parents if part.is_file()), None)
        if file is not None:
            return InputError(f"{file} is a file, not a folder", hint="check the path, or copy the folder again")
        return MissingFile(path)
    return InputError(
        f"{link} is a link to nowhere: its file was not fetched, or was moved",
        hint=_FETCH.format(name=shell(path.name)),
    )


def _is_broken_link(path: Path) -> bool:
    """Whether a path is a link whose target does not exist."""
    # `Path.exists` raises if a folder on the way may not be entered; here that just means False.
    return path.is_symlink() and not os.path.exists(path)  # noqa: PTH110


def _permission(path: Path) -> str:
    """A hint with the command by which the owner makes a file readable."""
    for folder in reversed(path.absolute().parents):
        if not os.access(folder, os.X_OK):
            return f"ask its owner for permission: chmod g+rx {shell(folder.name or folder)}"
    return f"ask its owner for read permission: chmod g+r {shell(path.name)}"


def _inside(folder: Path) -> str:
    """A few file names from a folder, for a hint."""
    try:
        names = sorted(entry.name for entry in os.scandir(folder) if not entry.name.startswith("."))[:3]
    except OSError:
        return ""
    return f", for example {', '.join(names)}" if names else ""
