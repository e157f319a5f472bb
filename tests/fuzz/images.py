"""Volumes and CIFTI files."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import nibabel
import numpy as np

from fuzz.targets import Seed, Target
from wbtools.anatomy import Hemisphere
from wbtools.images import cifti, nifti
from wbtools.space.grid import Unit

AFFINE = np.array([[-2.0, 0, 0, 9], [0, 2, 0.1, -12], [0, -0.1, 2, -7], [0, 0, 0, 1]])

NIFTI_1 = {
    "sizeof_hdr": (0, "i"), "intent": (68, "h"),
    **{f"dim{n}": (40 + 2 * n, "h") for n in range(8)},
    "datatype": (70, "h"), "bitpix": (72, "h"),
    **{f"pixdim{n}": (76 + 4 * n, "f") for n in range(8)}, "vox_offset": (108, "f"),
    "slope": (112, "f"), "inter": (116, "f"), "units": (123, "b"),
    "qform_code": (252, "h"), "sform_code": (254, "h"),
    **{f"quatern{n}": (256 + 4 * n, "f") for n in range(6)}, **{f"srow{n}": (280 + 4 * n, "f") for n in range(12)},
    "magic": (344, "i"), "extension": (348, "i"), "esize": (352, "i"), "ecode": (356, "i"),
}  # fmt: skip
NIFTI_2 = {
    "sizeof_hdr": (0, "i"), "magic": (4, "i"), "datatype": (12, "h"),
    **{f"dim{n}": (16 + 8 * n, "q") for n in range(8)},
    **{f"pixdim{n}": (104 + 8 * n, "d") for n in range(8)}, "vox_offset": (168, "q"), "slope": (176, "d"),
    "inter": (184, "d"), "qform_code": (344, "i"), "sform_code": (348, "i"),
    **{f"quatern{n}": (352 + 8 * n, "d") for n in range(6)}, **{f"srow{n}": (400 + 8 * n, "d") for n in range(12)},
    "units": (500, "i"), "intent": (504, "i"), "extension": (540, "i"), "esize": (544, "i"), "ecode": (548, "i"),
}  # fmt: skip
MGH = {
    "version": (0, ">i"), **{f"dim{n}": (4 + 4 * n, ">i") for n in range(4)}, "type": (20, ">i"), "good": (28, ">h"),
    **{f"geometry{n}": (30 + 4 * n, ">f") for n in range(15)},
}  # fmt: skip


def targets() -> list[Target]:
    """Every reader of volumes."""
    return [
        Target("volume", nifti.read_volume, _volumes),
        Target("labels", lambda path: nifti.read_volume(path, Unit.LABEL), _volumes),
        Target("grid", nifti.read_grid, _volumes),
        Target("cifti", cifti.read_cortex, _dense),
    ]


def _volumes() -> Sequence[Seed]:
    data = np.arange(6 * 5 * 4).reshape(6, 5, 4)
    first = nibabel.Nifti1Image(data.astype(np.int16), AFFINE)
    only_qform = nibabel.Nifti1Image(data.astype(np.float32), None)
    only_qform.set_qform(np.diag([2.0, 2, 2, 1]), 1)
    whole = data.astype(np.float64)
    big = nibabel.Nifti1Image(whole, AFFINE, nibabel.Nifti1Header(endianness=">"))
    second = nibabel.Nifti2Image(data.astype(np.uint8), AFFINE)
    mgh = nibabel.MGHImage(data.astype(np.uint8), AFFINE)
    big_fields = {name: (at, f">{form}") for name, (at, form) in NIFTI_1.items()}
    return [
        Seed("v.nii", first.to_bytes(), NIFTI_1),
        Seed("v.nii.gz", first.to_bytes(), NIFTI_1, packed=True),
        Seed("q.nii", only_qform.to_bytes(), NIFTI_1),
        Seed("b.nii.gz", big.to_bytes(), big_fields, packed=True),
        Seed("w.nii", second.to_bytes(), NIFTI_2),
        Seed("m.mgz", _tagged(mgh), MGH, packed=True),
        Seed("m.mgh", _tagged(mgh), MGH),
    ]


def _tagged(image: nibabel.MGHImage) -> bytes:
    """A volume of FreeSurfer's with tags at its end, as `mri_convert` leaves them."""
    stream = io.BytesIO()
    image.to_stream(stream)
    return stream.getvalue() + b"\0\0\0\3" + (12).to_bytes(8, "big") + b"mri_convert\0"


def _dense() -> Sequence[Seed]:
    cortex = {side: np.arange(12) % 4 > 0 for side in Hemisphere}
    rows = cifti.Greyordinates(cortex)
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as name:
        path = Path(name) / "d.dscalar.nii"
        cifti.write_dscalar(path, {"a": np.arange(rows.rows, dtype=float), "b": np.ones(rows.rows)}, rows)
        content = path.read_bytes()
    return [Seed("d.dscalar.nii", content, NIFTI_2, text=True)]
