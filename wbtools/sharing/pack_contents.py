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
from wbtools.reading.contents import ON_SURFACES, Contents
from wbtools.reading.record import section
from wbtools.sharing import scene_references
from wbtools.sharing.scene_references import SCENE, SPEC
from wbtools.version import __version__

PACKED = "packed"
"""The section of a record that says it is that of a pack."""

NAMES_PATIENT = "names the patient"
SHOWS_T1W = "shows the T1w"

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
        By their paths in the export: where they lie, or what they hold.
    left_out : mapping of str to str
        Files on record that are not in it, and why, as the end of a sentence about the file.
    dropped_scenes : tuple of str
        Scenes that are not in it, since they show a file that is left out.
    unrecorded : tuple of str
        What lies in the export beside what wbtools wrote, and is not packed.
    """

    files: Mapping[str, Path | bytes]
    left_out: Mapping[str, str] = field(default_factory=dict)
    dropped_scenes: tuple[str, ...] = ()
    unrecorded: tuple[str, ...] = ()

    @property
    def with_t1w(self) -> bool:
        """Whether the T1w is in it."""
        return SHOWS_T1W not in self.left_out.values()


def gather(contents: Contents, folder: Path, *, t1w: bool = True) -> PackContents:
    """Choose the files of a pack, and write its record.

    Parameters
    ----------
    contents : Contents
        Of a finished export.
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
    left_out = dict(_left_out(contents, t1w=t1w))
    files: dict[str, Path | bytes] = {
        name: folder / name for name in contents.record.files if name not in left_out and contents.container.has(name)
    }
    sessions = {name for name in files if left_out and name.endswith((SCENE, SPEC))}
    dropped: list[str] = []
    for name in sorted(sessions, key=lambda name: name.endswith(SPEC)):  # a spec lists the scene file
        before = (folder / name).read_bytes()
        after = scene_references.without(name, before, left_out)
        if name.endswith(SCENE):
            kept = scene_references.scenes(name, after)
            dropped += [scene for scene in scene_references.scenes(name, before) if scene not in kept]
            if not kept:
                left_out[name] = "has no scene left"
                del files[name]
                continue
        files[name] = after
    files[PROVENANCE] = _record(contents, files, left_out)
    return PackContents(files, left_out, tuple(dropped), tuple(_unrecorded(contents, folder)))


def _require_inside(folder: Path, name: str) -> None:
    """Raise InputError if a file is not where its name says, by a link."""
    place = folder / name
    if not place.resolve().is_relative_to(folder.resolve()):
        raise InputError(f"{place} is a link that leads outside {folder}", hint="put the file itself there, then pack")


def _left_out(contents: Contents, *, t1w: bool) -> Iterator[tuple[str, str]]:
    hides = _hides_t1w(contents)
    for name in contents.record.files:
        if name.startswith(f"{IDENTITY_FOLDER}/"):
            yield name, NAMES_PATIENT
        elif not t1w and not hides(name):
            yield name, SHOWS_T1W


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
    yield from (name for name in (path.relative_to(folder).as_posix() for path in there) if name not in own)


def _record(contents: Contents, files: Mapping[str, Path | bytes], left_out: Mapping[str, str]) -> bytes:
    """The export's record, whole, with what was packed and what not; hashes and sizes are those of the pack."""
    record = contents.record
    made = {name: content for name, content in files.items() if isinstance(content, bytes)}
    hashes = {name: digest for name, digest in record.files.items() if name in files}
    sizes = {name: size for name, size in section(record.content, "outputs_bytes").items() if name in files}
    hashes |= {name: sha256(content).hexdigest() for name, content in made.items()}
    sizes |= {name: len(content) for name, content in made.items()}
    packed = {
        "wbtools": __version__,
        "t1w": SHOWS_T1W not in left_out.values(),
        "left_out": {name: {"why": why, "sha256": record.files[name]} for name, why in sorted(left_out.items())},
        "changed": {name: {"sha256 in the export": record.files[name]} for name in sorted(made)},
    }
    content = {**record.content, PACKED: packed, "outputs_sha256": hashes, "outputs_bytes": sizes}
    return f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
