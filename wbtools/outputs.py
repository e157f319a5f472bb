"""Every file name wbtools writes, and the way a finished folder appears: whole, or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError

PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class OutputFolder:
    """The names of all files of one subject's export.

    Parameters
    ----------
    folder : Path
        Where they lie now (while they are made, not yet their final place).
    subject : str

    Examples
    --------
    >>> out = OutputFolder(Path("out"), "100307")
    >>> out.relevance("unet").name, out.metric("unet", Hemisphere.LEFT, "32k_fs_LR").name
    ('100307.unet.relevance.T1w.nii.gz', '100307.L.unet.32k_fs_LR.func.gii')
    """

    folder: Path
    subject: str

    def _named(self, *words: str) -> Path:
        return self.folder / ".".join((self.subject, *words))

    def relevance(self, model: str) -> Path:
        """Relevance density on the T1w grid."""
        return self._named(model, "relevance", "T1w", "nii.gz")

    def heatmap(self, model: str) -> Path:
        """Every region painted with its score."""
        return self._named(model, "heatmap", "T1w", "nii.gz")

    def heatmap_smooth(self, model: str) -> Path:
        """The heatmap, Gaussian-smoothed within the atlas."""
        return self._named(model, "heatmap_smooth", "T1w", "nii.gz")

    def regions(self, model: str) -> Path:
        """The ranked table of regions."""
        return self._named(model, "regions", "tsv")

    def cortex_volume(self, atlas: str) -> Path:
        """Cortical areas on the T1w grid."""
        return self._named(atlas, "T1w", "nii.gz")

    def atlas_volume(self, atlas: str) -> Path:
        """Cortical areas and subcortical structures on the T1w grid."""
        return self._named(f"{atlas}+subcortex", "T1w", "nii.gz")

    def metric(self, model: str, hemisphere: Hemisphere, mesh: str) -> Path:
        """Maps of one network on one hemisphere's mesh."""
        return self._named(hemisphere.letter, model, mesh, "func.gii")

    def lut(self, atlas: str) -> Path:
        """Names and colours of the atlas volume, for viewers that do not read Workbench's label table."""
        return self._named(f"{atlas}+subcortex", "lut")

    def label(self, atlas: str, hemisphere: Hemisphere, mesh: str) -> Path:
        """Areas on one hemisphere's mesh."""
        return self._named(hemisphere.letter, atlas, mesh, "label.gii")

    def dscalar(self, model: str) -> Path:
        """Maps of one network over cortex and subcortical voxels."""
        return self._named(model, "32k_fs_LR", "dscalar.nii")

    def pscalar(self, model: str, atlas: str) -> Path:
        """One value per cortical area."""
        return self._named(model, atlas, "pscalar.nii")

    def pairs(self, model: str) -> Path:
        """The table of pairs of regions of two people."""
        return self._named(model, "pairs", "tsv")

    def pconn(self, model: str, atlas: str) -> Path:
        """One value per pair of regions of two people."""
        return self._named(model, atlas, "pairs", "pconn.nii")

    def dlabel(self, atlas: str) -> Path:
        """Areas of both hemispheres as CIFTI."""
        return self._named(atlas, "32k_fs_LR", "dlabel.nii")

    def spec(self, mesh: str) -> Path:
        """The files of one mesh, for wb_view."""
        return self._named(mesh, "wb.spec")

    def scene(self) -> Path:
        """The prepared views."""
        return self._named("wbtools", "scene")

    def figure(self, name: str) -> Path:
        """A rendered view."""
        return self.folder / "figures" / f"{name}.png"

    def provenance(self) -> Path:
        """Versions, settings, hashes and timings; its presence means that the folder is whole."""
        return self.folder / PROVENANCE

    def t1w(self) -> Path:
        """The subject's T1w, so that the folder stands alone."""
        return self.folder / "T1w" / "T1w_acpc_dc_restore_brain.nii.gz"

    def surface(self, hemisphere: Hemisphere, kind: str, mesh: str) -> Path:
        """One of the subject's surfaces in T1w space."""
        place = "Native" if mesh == "native" else f"fsaverage_LR{mesh.partition('_')[0]}"
        return self.folder / "T1w" / place / f"{self.subject}.{hemisphere.letter}.{kind}.{mesh}.surf.gii"

    def sulc(self, hemisphere: Hemisphere, mesh: str) -> Path:
        """Sulcal depth, the grey underlay of inflated surfaces."""
        return self.surface(hemisphere, "sulc", mesh).with_name(
            f"{self.subject}.{hemisphere.letter}.sulc.{mesh}.shape.gii"
        )

    def files(self) -> list[Path]:
        """Every file there is, relative to the folder, sorted."""
        return sorted(path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file())


def require_absent(out: Path, subject: str, overwrite: bool) -> None:
    """Raise InputError if the subject was exported before and may not be replaced."""
    final = out / subject
    if overwrite or not final.exists():
        return
    count = sum(1 for path in final.rglob("*") if path.is_file()) if final.is_dir() else 1
    raise InputError(
        f"{final} exists already ({count} files)", mend="add --overwrite to replace it, or choose another --out"
    )


@contextmanager
def publishing(out: Path, subject: str, *, overwrite: bool) -> Iterator[OutputFolder]:
    """Make a subject's folder beside its place and move it there when the block ends without an error.

    Parameters
    ----------
    out : Path
        Folder of all exports; created when missing.
    subject : str
    overwrite : bool
        Replace an existing folder of this subject.

    Yields
    ------
    OutputFolder
        Names inside the unfinished folder.

    Raises
    ------
    InputError
        If the folder exists and may not be replaced, also when another process was quicker: of several that make the
        same subject at once, exactly one publishes. No lock is involved, so that nothing is left locked by a crash.
    OSError
        If `out` cannot be written; nothing is left behind.
    """
    require_absent(out, subject, overwrite)
    created = _make_folders(out)
    try:
        staging = Path(tempfile.mkdtemp(prefix=f".{subject}.", dir=out))
        try:
            staging.chmod(0o777 & ~_umask())
            yield OutputFolder(staging, subject)
            _make_durable(staging)
            if overwrite:
                _replace(staging, out / subject)
            else:
                _claim(staging, out / subject)
            _sync(out)
        finally:
            shutil.rmtree(staging, ignore_errors=True)
    finally:
        for folder in created:  # innermost first; stays when anything was published
            try:
                folder.rmdir()
            except OSError:
                break


def _make_folders(folder: Path) -> list[Path]:
    """Create a folder and its missing parents; return those created, innermost first."""
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
    return missing


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _make_durable(folder: Path) -> None:
    """Have all files and folders on disk before the rename: after a power cut, what is visible is whole.

    A full disk or quota often shows only here.
    """
    for path in (*folder.rglob("*"), folder):
        _sync(path)


def _sync(path: Path) -> None:
    """Flush one file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _claim(staging: Path, final: Path) -> None:
    """Rename the finished folder to its name; a folder that is there already stays and wins.

    Raises
    ------
    InputError
        If somebody else published first.
    """
    mark = _mark(staging)
    try:
        staging.rename(final)
    except OSError:
        if not staging.exists() and mark is not None and _mark(final) == mark:
            return  # NFS: the rename was done, its answer was lost and the repeated request failed
        require_absent(final.parent, final.name, overwrite=False)
        raise


def _mark(folder: Path) -> bytes | None:
    """The record of a folder, None if it has none."""
    try:
        return (folder / PROVENANCE).read_bytes()
    except OSError:
        return None


def _replace(staging: Path, final: Path) -> None:
    """Rename the finished folder to its name; an older one is set aside first and removed after."""
    aside = staging.with_name(f"{staging.name}.old")
    if final.exists():
        final.rename(aside)
    try:
        _claim(staging, final)
    except (OSError, InputError):
        if aside.exists() and not final.exists():
            aside.rename(final)
        raise
    finally:
        if final.exists():
            shutil.rmtree(aside, ignore_errors=True)
