"""A file that cannot be read is named for what it is, before it is called damaged."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nibabel.freesurfer import write_geometry
from nibabel.gifti import GiftiDataArray, GiftiImage

from wbtools.anatomy import Hemisphere
from wbtools.errors import InputError
from wbtools.images import diagnosis, gifti, nifti
from wbtools.surfaces import files

DATA = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
IMAGE = nibabel.Nifti1Image(DATA, np.diag([2.0, 2, 2, 1])).to_bytes()


def _zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("T1w.nii", IMAGE)
    return stream.getvalue()


def _tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("T1w.nii"))
    return stream.getvalue()


MET = {
    "git-annex": (b"/annex/objects/MD5E-s80--0a1b2c.nii.gz\n", "git-annex pointer", "datalad get"),
    "annex link": (b"../.git/annex/objects/Zz/1/MD5E-s8--0/MD5E-s8--0", "git-annex pointer", "git annex get"),
    "git-lfs": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 8\n",
        "git-lfs pointer",
        "git lfs pull",
    ),
    "page": (b"\n<!DOCTYPE html>\n<html><body>Please log in</body></html>", "web page", "download"),
    "server": (
        b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>',
        "server",
        "download",
    ),
    "zip": (_zip(), "zip archive", "unpack"),
    "tar": (_tar(), "tar archive", "unpack"),
    "bzip2": (bz2.compress(IMAGE), "bzip2", "bunzip2"),
    "xz": (lzma.compress(IMAGE), "xz", "unxz"),
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd", "unzstd"),
    "packed twice": (gzip.compress(gzip.compress(IMAGE)), "packed with gzip", "gunzip"),
    "DICOM": (bytes(128) + b"DICM" + bytes(200), "DICOM", "dcm2niix"),
    "Analyze": (IMAGE[:344] + bytes(4) + IMAGE[348:], "Analyze", "DICOM"),
    "pair": (IMAGE[:344] + b"ni1\0" + IMAGE[348:], "pair", "fslchfiletype"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(90), "PNG picture", "scan itself"),
    "macOS": (b"\0\5\x16\7" + bytes(90), "macOS", "'._'"),
    "text": ("Zoë's notes, not an image".encode(), "text file", "kind"),
    "zeros": (bytes(5000), "not written", "copy or download"),
    "noise": (np.random.default_rng(1).bytes(900), "not a complete NIfTI file", "copy or download"),
}


@pytest.mark.parametrize("case", MET)
def test_an_unexpected_file_format_is_named_with_a_hint(tmp_path, case):
    content, message, hint = MET[case]
    path = tmp_path / "T1w.nii.gz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"T1w\.nii\.gz is ") as caught:
        nifti.read_volume(path)
    assert message in str(caught.value) and hint in caught.value.hint and caught.value.exit_code == 3


@pytest.mark.parametrize(("name", "content"), [("plain.nii.gz", IMAGE), ("packed.nii", gzip.compress(IMAGE))])
def test_compression_is_recognised_by_content_whatever_the_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    np.testing.assert_array_equal(nifti.read_volume(tmp_path / name).data, DATA)


def test_a_gzip_file_with_several_members_and_padding_is_read(tmp_path):
    """As bgzip and parallel packers leave it, padded by tapes."""
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(IMAGE[:400]) + gzip.compress(IMAGE[400:]) + bytes(5000))
    np.testing.assert_array_equal(nifti.read_volume(tmp_path / "v.nii.gz").data, DATA)


def test_a_freesurfer_volume_with_a_nifti_name_is_read(tmp_path):
    nibabel.save(nibabel.MGHImage(DATA.astype(np.uint8), np.diag([2.0, 2, 2, 1])), tmp_path / "v.mgz")
    (tmp_path / "v.mgz").rename(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(nifti.read_volume(tmp_path / "v.nii.gz").data, DATA)


def test_a_truncated_file_is_reported_with_its_length(tmp_path):
    (tmp_path / "v.nii").write_bytes(IMAGE[:400])
    with pytest.raises(InputError, match="announces 472 bytes in 400 bytes, more than they can hold"):
        nifti.read_volume(tmp_path / "v.nii")
    (tmp_path / "v.nii.gz").write_bytes(gzip.compress(IMAGE[:400]))
    with pytest.raises(InputError, match="ends after 400 of 472 bytes"):
        nifti.read_volume(tmp_path / "v.nii.gz")


def test_a_broken_link_and_a_missing_file_are_reported_differently(tmp_path):
    (tmp_path / "linked").symlink_to(tmp_path / ".git" / "annex" / "objects" / "MD5E-s1--0")
    for path in (tmp_path / "linked", tmp_path / "linked" / "T1w.nii.gz"):
        with pytest.raises(InputError, match="linked is a link to nowhere: its file was not fetched") as caught:
            nifti.read_volume(path)
        assert "datalad get" in caught.value.hint
    with pytest.raises(InputError, match=r"none\.nii does not exist"):
        nifti.read_volume(tmp_path / "none.nii")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(InputError, match="leads back to itself"):
        nifti.read_volume(tmp_path / "circle")


def test_a_folder_a_pipe_and_an_impossible_path_are_rejected(tmp_path):
    (tmp_path / "bert").mkdir()
    (tmp_path / "bert" / "T1.mgz").write_bytes(b"")
    with pytest.raises(InputError, match="bert is a folder, not a file") as caught:
        nifti.read_volume(tmp_path / "bert")
    assert "T1.mgz" in caught.value.hint
    os.mkfifo(tmp_path / "pipe")
    for path, message in ((tmp_path / "pipe", "no ordinary file"), (tmp_path / ("n" * 300), "cannot be opened")):
        with pytest.raises(InputError, match=message):
            nifti.read_volume(path)
    with pytest.raises(InputError, match="cannot be opened"):
        nifti.read_volume(Path("a\0b"))


UNREADABLE = """
import sys
from pathlib import Path
from wbtools.anatomy import Hemisphere
from wbtools.errors import WbtoolsError
from wbtools.images import cifti, gifti, nifti
from wbtools.surfaces import files
readers = {"v.nii.gz": nifti.read_volume, "g.mgz": nifti.read_grid, "d.dscalar.nii": cifti.read_cortex,
           "m.func.gii": gifti.read_metrics, "l.label.gii": gifti.read_labels,
           "s.surf.gii": lambda path: files.read_surface(path, Hemisphere.LEFT, "white"),
           "lh.white": lambda path: files.read_surface(path, Hemisphere.LEFT, "white"),
           "lh.sulc": lambda path: files.read_values(path, Hemisphere.LEFT),
           "lh.cortex.label": lambda path: files.read_mask(path, Hemisphere.LEFT, 3), "locked/v.nii": nifti.read_volume}
folder = Path(sys.argv[1])
(folder / "locked").mkdir()
for name in readers:
    (folder / name).write_bytes(b"content")
    (folder / name).chmod(0)
(folder / "locked").chmod(0)
for name, read in readers.items():
    try:
        read(folder / name)
    except WbtoolsError as error:
        print(name, error.exit_code, error, "|", error.hint)
(folder / "locked").chmod(0o700)
"""


def test_every_reader_reports_missing_permissions(tmp_path):
    # Root may read everything, unless it gives up the right to.
    root = os.getuid() == 0
    if root and not shutil.which("setpriv"):
        pytest.skip("root cannot become somebody who may not read without setpriv")
    drop = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if root else []
    line = [*drop, sys.executable, "-c", UNREADABLE, tmp_path]
    messages = subprocess.run(line, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(messages) == 10
    for refusal in messages[:-1]:
        assert " 3 " in refusal and "may not be read: Permission denied" in refusal and "chmod g+r " in refusal
    assert "chmod g+rx locked" in messages[-1]


def test_surface_formats_are_distinguished(tmp_path):
    points = np.eye(3, dtype=np.float32)
    write_geometry(tmp_path / "lh.white", points, np.array([[0, 1, 2]]))
    (tmp_path / "lh.white").rename(tmp_path / "white.surf.gii")
    with pytest.raises(InputError, match="is a FreeSurfer surface, not a GIFTI file") as caught:
        files.read_surface(tmp_path / "white.surf.gii", Hemisphere.LEFT, "white")
    assert "mris_convert" in caught.value.hint
    nibabel.save(GiftiImage(darrays=[GiftiDataArray(points, "NIFTI_INTENT_POINTSET")]), tmp_path / "p.gii")
    (tmp_path / "p.gii").rename(tmp_path / "lh.pial")
    with pytest.raises(InputError, match="is a GIFTI file, not a FreeSurfer surface"):
        files.read_surface(tmp_path / "lh.pial", Hemisphere.LEFT, "pial")
    with pytest.raises(InputError, match="is a GIFTI file, not a NIfTI file"):
        nifti.read_volume(tmp_path / "lh.pial")
    (tmp_path / "m.func.gii").write_bytes(IMAGE)
    with pytest.raises(InputError, match="is a NIfTI file, not a GIFTI file"):
        gifti.read_metrics(tmp_path / "m.func.gii")


def test_a_hint_can_be_pasted_whatever_the_name(tmp_path):
    (tmp_path / "a b;c.nii.gz").write_bytes(bz2.compress(IMAGE))
    with pytest.raises(InputError) as caught:
        nifti.read_volume(tmp_path / "a b;c.nii.gz")
    assert "bunzip2 'a b;c.nii.gz'" in caught.value.hint


def test_no_file_kind_matches_our_own_outputs():
    for content, wanted in ((IMAGE, "NIfTI file"), (b"<?xml version='1.0'?><GIFTI>", "GIFTI file")):
        kind = diagnosis.kind_of(content)
        assert kind is not None and wanted in kind.name
