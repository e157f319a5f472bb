"""Two people of one group share a project folder, as the set-group-id bit and the mode of the folder say."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from crash_recovery import events, is_whole, visible, wbtools
from stand_in import manner

FIRST, SECOND, GROUP, OTHERS = 54321, 54322, 54300, 54301

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None, reason="only root can become two other users (setpriv)"
)


@pytest.fixture
def project():
    """`project(0o2775)`: a folder of the group, in a place that everybody reaches (pytest's own are closed)."""
    with tempfile.TemporaryDirectory() as around:
        Path(around).chmod(0o755)

        def make(mode):
            out = Path(around) / "project"
            out.mkdir()
            os.chown(out, FIRST, GROUP)
            out.chmod(mode)
            return out

        yield make


def as_user(user, words, **options):
    """A program as one of the two, whose own group is another one."""
    identity = ["setpriv", f"--reuid={user}", f"--regid={OTHERS}", f"--groups={GROUP}"]
    reading = [] if READABLE else ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search"]
    environment = {"PATH": os.environ["PATH"], "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [*identity, *reading, *words], cwd="/", env=environment, capture_output=True, text=True, timeout=120, **options
    )


def run(user, *words, mask=0o022, command="run"):
    return as_user(user, wbtools(command, *words), umask=mask)


def _readable():
    """Whether other users may start this Python; else they get leave to read everything, and to write nothing."""
    words = [sys.executable, "-c", "import wbtools, click"]
    try:
        return subprocess.run(words, user=FIRST, group=OTHERS, cwd="/", capture_output=True).returncode == 0
    except PermissionError:
        return False


READABLE = os.geteuid() == 0 and _readable()


def line(out, *ids, how=()):
    return [*ids, "--out", out, "--threads", 1, "--max-attempts", 1, "--other", manner(0.0, *how)]


@pytest.mark.parametrize(("mode", "mask"), [(0o2775, 0o022), (0o775, 0o077)])
def test_a_second_user_resumes_what_the_first_began(project, mode, mask):
    out = project(mode)
    how = ("--misbehave", "strange", "b")
    first = run(FIRST, *line(out, "a", "b", how=how), mask=mask)
    assert first.returncode == 1, first.stdout + first.stderr
    assert run(SECOND, out, command="retry", mask=mask).returncode == 0
    second = run(SECOND, *line(out, "a", "b", "c", how=how), mask=mask)
    assert second.returncode == 1 and "3 subjects: 2 done, 1 excluded" in second.stdout, second.stdout + second.stderr
    assert visible(out) == ["a", "c"] and is_whole(out, "c")
    assert [event["event"] for event in events(out, "b")] == ["start", "end", "retry", "start", "end"]
    assert run(FIRST, out, command="cancel").returncode == 0
    assert run(SECOND, out, command="cancel").returncode == 0
    made = [folder for folder in (out / ".wbtools").rglob("*") if folder.is_dir()]
    assert all(folder.stat().st_gid == GROUP and folder.stat().st_mode & stat.S_IWGRP for folder in made)
    assert not any(path.stat().st_mode & stat.S_IWOTH for path in (out / ".wbtools").rglob("*"))


def test_files_that_a_second_user_may_not_write_get_others_beside_them(project):
    out = project(0o2775)
    how = ("--misbehave", "strange", "b")
    assert run(FIRST, *line(out, "a", "b", how=how)).returncode == 1
    for path in (out / ".wbtools" / "attempts").iterdir():
        path.chmod(0o644)  # as an administrator's script, or an earlier version, leaves them
    assert run(SECOND, out, command="retry").returncode == 0
    assert run(SECOND, out, command="status").returncode == 75
    assert run(SECOND, *line(out, "a", "b", how=how)).returncode == 1
    assert (out / ".wbtools" / f"attempts~{SECOND}" / "b.jsonl").exists()
    assert "excluded" in run(FIRST, out, command="status").stdout


def test_who_may_only_look_sees_how_a_batch_stands(project):
    out = project(0o755)
    assert run(FIRST, *line(out, "a")).returncode == 0
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    for command in ("status", "verify"):
        looked = run(SECOND, out, command=command)
        assert looked.returncode == 0 and "1" in looked.stdout, looked.stdout + looked.stderr
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before
    refused = run(SECOND, *line(out, "a", "b"))
    assert refused.returncode == 3 and "chmod -R g+w" in refused.stderr and "Traceback" not in refused.stderr
    if not READABLE:
        return
    out.chmod(0o700)
    for command in ("status", "verify", "retry", "cancel"):
        refused = run(SECOND, out, command=command)
        assert refused.returncode == 3 and str(out) in refused.stderr, command
