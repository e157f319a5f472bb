"""What goes into a pack of a finished export: which files, which stay behind and why, and the record of both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from wbtools.errors import InputError
from wbtools.output.kinds import Output, OutputKind
from wbtools.output.names.convention import IDENTITY_FOLDER
from wbtools.output.ownership import MARKER, PROVENANCE
from wbtools.provenance import sha256_of
from wbtools.reading.contents import ON_SURFACES, Contents
from wbtools.reading.packing import MAY_SHOW_T1W, NAMES_PATIENT, NO_SCENE_LEFT, PACKED, README, SHOWS_T1W, LeftOut
from wbtools.reading.record import section
from wbtools.sharing import scene_references
from wbtools.sharing.scene_references import SCENE, SPEC
from wbtools.version import __version__

_NO_VOXELS = (
    ".surf.gii", ".func.gii", ".shape.gii", ".label.gii", ".dscalar.nii", ".dlabel.nii", ".pscalar.nii", ".pconn.nii",
    ".tsv", ".lut", SCENE, SPEC, ".json",
)  # fmt: skip
"""Endings of files that hold no voxel of the T1w, nor a picture of it."""
_VOLUMES = (OutputKind.BRAIN_MASK, OutputKind.CORTEX_VOLUME, OutputKind.ATLAS_VOLUME)
_MAPS = (OutputKind.RELEVANCE, OutputKind.RELEVANCE_MNI, OutputKind.HEATMAP, OutputKind.HEATMAP_SMOOTH)


@dataclass(frozen=True)
class PackContents:
    """The files of a pack.

    Parameters
    ----------
    files : mapping of str to Path or bytes
        By their paths in the export: where they lie, or what they hold; without the record and the README.txt.
    with_t1w : bool
        Whether the T1w is in it.
    left_out : mapping of str to LeftOut
        Files of the export that are not in it, and why; also those that an earlier pack left out.
    before : frozenset of str
        Those of them that an earlier pack left out.
    dropped_scenes : tuple of str
        Scenes that are not in it, since they show a file that is left out; also those of an earlier pack.
    unrecorded : tuple of str
        What lies in the export beside what wbtools wrote, and is not packed.
    changed_readme : bool
        Whether it is an unpacked pack whose README.txt somebody changed, and which is packed as wbtools writes it.
    """

    files: Mapping[str, Path | bytes]
    with_t1w: bool
    left_out: Mapping[str, LeftOut] = field(default_factory=dict)
    before: frozenset[str] = frozenset()
    dropped_scenes: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()
    changed_readme: bool = False


def gather(contents: Contents, folder: Path, *, t1w: bool = True) -> PackContents:
    """Choose the files of a pack.

    Parameters
    ----------
    contents : Contents
        Of a finished export, or of a pack of one, unpacked.
    folder : Path
        Where it lies.
    t1w : bool
        Whether the T1w goes in, with all that shows it. Without, a file goes in only if it is known not to show it.

    Raises
    ------
    InputError
        If a file is missing, not as recorded, or a link that leads outside.
    """
    for name in contents.record.files:
        _require_inside(folder, name)
    contents.require_as_recorded()
    earlier, now = contents.packing, dict(_left_out(contents, t1w=t1w))
    files: dict[str, Path | bytes] = {
        name: folder / name for name in contents.record.files if name not in now and contents.container.has(name)
    }
    sessions = {name for name in files if now and name.endswith((SCENE, SPEC))}
    dropped = list(earlier.scenes)
    for name in sorted(sessions, key=lambda name: name.endswith(SPEC)):  # a spec lists the scene file
        before = (folder / name).read_bytes()
        after = scene_references.without(name, before, now)
        if name.endswith(SCENE):
            kept = scene_references.scenes(name, after)
            dropped += [scene for scene in scene_references.scenes(name, before) if scene not in kept]
            if not kept:
                now[name] = NO_SCENE_LEFT
                del files[name]
                continue
        files[name] = after
    original = _originals(contents)
    left_out = {**earlier.left_out, **{name: LeftOut(why, original[name]) for name, why in now.items()}}
    with_t1w = contents.has_t1w and contents.name(contents.t1w_kind) in files
    before_now = frozenset(earlier.left_out)
    others = list(_unrecorded(contents, folder))
    changed_readme = README in others and bool(earlier.readme)
    if changed_readme:
        others.remove(README)
    return PackContents(files, with_t1w, left_out, before_now, tuple(dropped), tuple(others), changed_readme)


def _originals(contents: Contents) -> dict[str, str]:
    """SHA-256 of every file on record as it was in the export."""
    changed = contents.packing.changed
    return {name: changed.get(name, digest) for name, digest in contents.record.files.items()}


def _require_inside(folder: Path, name: str) -> None:
    """Raise InputError if a file is not where its name says, by a link."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{place} is a link that leads outside {folder}", hint="put the file itself there, then pack")


def _left_out(contents: Contents, *, t1w: bool) -> Iterator[tuple[str, str]]:
    hides, why = _hides_t1w(contents), SHOWS_T1W if contents.has_t1w else MAY_SHOW_T1W
    for name in contents.record.files:
        if name.startswith(f"{IDENTITY_FOLDER}/"):
            yield name, NAMES_PATIENT
        elif not t1w and not hides(name):
            yield name, why


def _hides_t1w(contents: Contents) -> Callable[[str], bool]:
    """Tells of a file whether it is known to show no voxel of the T1w; a sidecar goes with its file."""
    record = contents.record
    known = {contents.name(Output(kind, atlas=atlas)) for kind in _VOLUMES for atlas in (record.atlas,)}
    for network, about in record.networks.items():
        methods = ("", str(section(about, "also").get("method", "")))
        known |= {contents.name(Output(kind, network, by=by)) for kind in _MAPS for by in methods}
        known |= {name for scene, name in contents.figures(network).items() if scene in ON_SURFACES}
    images = (contents.name(Output(OutputKind.T1W, whole_head=whole)) for whole in (False, True))
    sidecars = {f"{image.removesuffix('.gz').removesuffix('.nii')}.json" for image in images}
    return lambda name: name in known or (name.endswith(_NO_VOXELS) and name not in sidecars)


def _unrecorded(contents: Contents, folder: Path) -> Iterator[str]:
    own = {*contents.record.files, PROVENANCE, MARKER}
    there = (path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir())
    for path in there:
        name = path.relative_to(folder).as_posix()
        if name not in own and not (name == README and _is_readme(path, contents.packing.readme)):
            yield name


def _is_readme(path: Path, digest: str) -> bool:
    """Whether it is the very file that `wbtools pack` wrote beside the export, by its SHA-256 on record."""
    if not digest or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return sha256_of(stream) == digest


def record_of(contents: Contents, packed: PackContents, readme: bytes) -> bytes:
    """The record of a pack: the export's, whole, with what was packed and what not; hashes and sizes are the pack's.

    Parameters
    ----------
    contents : Contents
        Of the export.
    packed : PackContents
    readme : bytes
        What the README.txt of the pack holds.
    """
    record, files, original = contents.record, packed.files, _originals(contents)
    made = {name: content for name, content in files.items() if isinstance(content, bytes)}
    hashes = {name: digest for name, digest in record.files.items() if name in files}
    sizes = {name: size for name, size in section(record.content, "outputs_bytes").items() if name in files}
    hashes |= {name: sha256(content).hexdigest() for name, content in made.items()}
    sizes |= {name: len(content) for name, content in made.items()}
    said = {
        "wbtools": __version__,
        "t1w": packed.with_t1w,
        "left_out": {name: {"why": each.why, "sha256": each.sha256} for name, each in sorted(packed.left_out.items())},
        "scenes_left_out": list(packed.dropped_scenes),
        "changed": {
            name: {"sha256 in the export": original[name]}
            for name in sorted(files)
            if name in made or name in contents.packing.changed
        },
        README: {"sha256": sha256(readme).hexdigest()},
    }
    content = {**record.content, PACKED: said, "outputs_sha256": hashes, "outputs_bytes": sizes}
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
