"""A place that cannot take the outputs is refused before any work, and by dry runs."""

import os
import tempfile
from pathlib import Path

import pytest

from wbtools import atomic
from wbtools.attribution import METHODS
from wbtools.errors import InputError
from wbtools.output import destination
from wbtools.output.destination import Destination
from wbtools.output.names import NAMINGS, OutputFolder


def require(out, subject="100307", choice="hcp", network="unet"):
    return destination.require(Destination(out, out.parent / "study", subject, choice), [network])


@pytest.mark.parametrize("choice", NAMINGS)
@pytest.mark.parametrize(("subject", "network"), [("p" * 225, "unet"), ("100307", "u" * 240), ("é" * 115, "unet")])
def test_names_that_no_file_can_have_are_refused(tmp_path, choice, subject, network):
    if choice == "bids" and subject[0] == "é":
        subject = "é" + "p" * 225  # BIDS leaves the accents out
    with pytest.raises(InputError, match="too long") as caught:
        require(tmp_path / "out", subject, choice, network)
    assert "--id" in caught.value.hint and not (tmp_path / "out").exists()


def test_a_path_that_no_file_can_have_is_refused(tmp_path):
    deep = tmp_path.joinpath(*["d" * 200] * 20)
    with pytest.raises(InputError, match="too long"):
        require(deep)


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="Linux has /proc")
@pytest.mark.parametrize("folder", ["/proc/x", "/proc/self/x/y", "/sys/x"])
def test_a_folder_that_even_root_cannot_make_is_refused(folder):
    with pytest.raises(InputError, match=f"--work {folder} cannot be made in /"):
        destination.require_writable(Path(folder), "--work")


def test_a_name_that_is_too_long_is_refused_and_a_folder_that_can_be_made_leaves_no_trace(tmp_path):
    os.utime(tmp_path, (1, 1))
    destination.require_writable(tmp_path / "a" / "b", "--work")
    assert list(tmp_path.iterdir()) == [] and tmp_path.stat().st_mtime == 1
    for deep in (tmp_path / ("x" * 256) / "b", tmp_path.joinpath(*["d" * 200] * 21)):
        with pytest.raises(InputError, match="is too long") as refused:
            destination.require_writable(deep, "--work")
        assert "--work" in refused.value.hint and str(refused.value).startswith("--work ")


def test_names_that_fit_are_those_that_can_be_written(tmp_path):
    for length in range(190, 230):
        subject = "p" * length
        try:
            out = require(tmp_path, subject)
        except InputError:
            break
        out.folder.mkdir()
        for path in destination._longest(out, "unet"):
            path.parent.mkdir(parents=True, exist_ok=True)
            atomic.write(path, "")
    assert 190 < length < 229


def test_no_method_has_a_longer_name_than_files_are_planned_for():
    assert max(map(len, METHODS)) <= len(destination._METHOD)


def test_every_file_of_an_export_is_shorter_than_the_longest_that_is_asked_for(exported):
    folder = exported[1]
    out = OutputFolder(folder, folder.name, NAMINGS["hcp"])
    longest = max(len(path.name) for path in destination._longest(out, "demo"))
    names = [path.name for path in folder.rglob("*")]
    assert len(names) > 20 and max(map(len, names)) <= longest + len("demo-unet"), max(names, key=len)


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                os.setuid(65534)
                for out in (Path(folder), Path(folder) / "new" / "out"):
                    with pytest.raises(InputError, match="--out"):
                        require(out)
                code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_a_link_that_a_bids_sessions_folder_would_lie_in_is_refused(tmp_path):
    (tmp_path / "elsewhere" / "sub-77").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub-100307").symlink_to(tmp_path / "elsewhere" / "sub-77")
    with pytest.raises(InputError, match="which is a link"):
        require(tmp_path / "out", "sub-100307_ses-1", "bids")
    assert not list((tmp_path / "elsewhere" / "sub-77").iterdir())
