"""A batch counts, moves and removes wbtools' own exports of its subjects, and nothing else."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import stub_batch
from ordeal import events, is_whole, running, stub, visible, wbtools

from wbtools import staging
from wbtools.ownership import MARKER


def tree(*folders):
    """Everything there is to see: names, kinds, modes, times, contents, targets of links."""
    found = {}
    for folder in folders:
        for path in sorted([folder, *folder.rglob("*")]):
            facts = path.lstat()
            content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
            found[str(path)] = (facts.st_mode, facts.st_mtime_ns, facts.st_ino, content)
    return found


def ends(out, subject):
    return [event for event in events(out, subject) if event["event"] == "end"]


def until(condition, seconds=30):
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.05)


def test_what_is_in_the_way_is_a_failure_with_its_reason_and_stays_as_it_is(tmp_path):
    out = tmp_path / "out"
    (out / "mine" / "T1w").mkdir(parents=True)
    (out / "mine" / "T1w" / "scan.nii.gz").write_text("scan")
    (out / "file").write_text("mine")
    (tmp_path / "elsewhere").mkdir()
    (out / "link").symlink_to(tmp_path / "elsewhere")
    foreign = [out / "mine", out / "file", tmp_path / "elsewhere"]
    before = tree(*foreign)
    done = stub_batch.run(out, "a", "mine", "file", "link")
    assert done.returncode == 1 and is_whole(out, "a")
    for name, why in (("mine", "it has no provenance.json"), ("file", "it is a file"), ("link", "it is a link")):
        assert [(end["ending"], end["code"]) for end in ends(out, name)] == [("bad input", 3)]
        assert f"{out / name} exists already and is not wbtools' to replace: {why}" in done.stdout.replace("\n", "")
    assert stub_batch.care("verify", out).returncode == 0
    assert stub_batch.care("clean", out, "--now").returncode == 0
    assert stub_batch.care("clean", out, "--all").returncode == 0
    assert tree(*foreign) == before and (out / "link").is_symlink()


def test_records_that_cannot_be_read_or_are_anothers_are_neither_counted_nor_moved(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b", "c").returncode == 0
    record = tmp_path / "b" / "provenance.json"
    record.write_text(record.read_text()[:40])
    before = tree(tmp_path / "b")
    done = stub_batch.run(tmp_path, "a", "b", "c", "d")
    assert done.returncode == 1 and "b: failed:" in done.stdout and "cannot be read" in done.stdout
    assert is_whole(tmp_path, "d"), "one subject never stops another"
    assert stub_batch.care("status", tmp_path).returncode == 1
    shutil.rmtree(tmp_path / "c")
    shutil.copytree(tmp_path / "a", tmp_path / "c")
    before |= tree(tmp_path / "c")
    refused = stub_batch.run(tmp_path, "a", "c")
    assert refused.returncode == 3 and "c: it is the export of a, not of c" in refused.stderr.replace("\n", "")
    verified = stub_batch.care("verify", tmp_path)
    assert verified.returncode == 1 and "c: of another subject" in verified.stdout
    assert tree(tmp_path / "b", tmp_path / "c") == before


def test_what_verify_marks_is_made_again_by_the_same_line(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b", options=("--max-attempts", 1)).returncode == 0
    path = tmp_path / "b" / "maps" / "relevance.bin"
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)
    (tmp_path / "b" / "notes.txt").write_text("mine")
    assert stub_batch.run(tmp_path, "a", "b", options=("--max-attempts", 1)).returncode == 0
    assert not is_whole(tmp_path, "b"), "a look at sizes does not see a changed byte"
    deep = stub_batch.care("verify", tmp_path)
    assert deep.returncode == 1 and "another SHA-256" in deep.stdout and "marked: it is made again" in deep.stdout
    assert stub_batch.care("status", tmp_path).returncode == 75
    again = stub_batch.care("verify", tmp_path)
    assert again.returncode == 1 and "b: found before" in again.stdout
    assert stub_batch.run(tmp_path, "a", "b", options=("--max-attempts", 1)).returncode == 0
    assert is_whole(tmp_path, "b") and len(list((tmp_path / ".wbtools" / "aside").iterdir())) == 1
    assert not (tmp_path / "b" / "notes.txt").exists()
    assert stub_batch.care("clean", tmp_path, "--now").returncode == 0
    assert (tmp_path / "b" / "notes.txt").read_text() == "mine", "clean keeps what was not wbtools'"
    assert stub_batch.care("verify", tmp_path).returncode == 0
    assert len([event for event in events(tmp_path, "a") if event["event"] == "start"]) == 1


@pytest.fixture
def batch(tmp_path):
    """A batch of one, with everything around it that must stay."""
    out = tmp_path / "out"
    assert stub_batch.run(out, "s1").returncode == 0
    shutil.copytree(out / "s1", out / ".s1.original")
    shutil.copytree(out / "s1", out / ".s1.x1y2z3w4")
    (out / ".s1.wbtools-a1b2c3d4").mkdir()
    (out / ".s1.wbtools-a1b2c3d4" / "notes.txt").write_text("mine")
    return out


def test_clean_leaves_what_only_looks_like_its_own(batch):
    kept = [batch / ".s1.original", batch / ".s1.x1y2z3w4", batch / ".s1.wbtools-a1b2c3d4", batch / "s1"]
    (batch / ".wbtools" / "aside" / "s1.0123456789ab").mkdir()
    (batch / ".wbtools" / "aside" / "s1.0123456789ab" / "scan.nii.gz").write_text("moved there by an early version")
    kept.append(batch / ".wbtools" / "aside")
    before = tree(*kept)
    said = stub_batch.care("clean", batch, "--now")
    assert said.returncode == 0 and "Removed 0 folders" in said.stdout
    assert "Left alone" in said.stdout and ".s1.original" in said.stdout and "s1.0123456789ab" in said.stdout
    assert tree(*kept) == before
    said = stub_batch.care("clean", batch, "--all")
    assert said.returncode == 0 and tree(*kept) == before
    assert [path.name for path in (batch / ".wbtools").iterdir()] == ["aside"]


@pytest.mark.parametrize("what", ["aside", "home", "one in it"])
def test_clean_follows_no_links(batch, tmp_path, what):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(batch / "s1", elsewhere / "s1.0123456789ab")
    home = batch / ".wbtools"
    if what == "aside":
        (home / "aside").rmdir()
        (home / "aside").symlink_to(elsewhere)
    elif what == "home":
        shutil.copytree(elsewhere / "s1.0123456789ab", home / "aside" / "s1.0123456789ab")
        home.rename(elsewhere / "home")
        home.symlink_to(elsewhere / "home")
    else:
        (home / "aside" / "s1.0123456789ab").symlink_to(elsewhere / "s1.0123456789ab")
    before = tree(elsewhere)
    for how in ("--now", "--all"):
        assert stub_batch.care("clean", batch, how).returncode == 0
    assert tree(elsewhere) == before


def test_clean_puts_back_the_only_copy_and_removes_the_dead(batch):
    unfinished = staging.make(batch, "s1")
    marker = json.loads((unfinished / MARKER).read_text())
    (unfinished / MARKER).write_text(json.dumps({**marker, "boot": "before the last start"}))
    (batch / "s1").rename(staging.aside(unfinished))
    living = staging.make(batch, "s1")
    said = stub_batch.care("clean", batch, "--now")
    assert said.returncode == 0 and "Put back:" in said.stdout
    assert is_whole(batch, "s1") and not unfinished.exists()
    assert living.exists(), "its process is this one"
    assert stub_batch.care("verify", batch).returncode == 0


def test_a_killed_subject_leaves_nothing_once_it_is_done(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", options=("--jobs", 2), seconds=1.5)
    until(lambda: len(running(tmp_path, "child")) == 2 and len(list(tmp_path.glob(".?.wbtools-*"))) == 2)
    os.kill(running(tmp_path, "child")[0], signal.SIGKILL)
    assert batch.wait(60) == 0
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == [".wbtools"]
    assert visible(tmp_path) == ["a", "b"]


def test_a_batch_that_was_started_with_nohup_goes_on_without_its_terminal(tmp_path):
    words = wbtools("run", "a", "b", "--out", tmp_path, "--command", stub(1.5), "--threads", 1, "--jobs", 2)
    batch = subprocess.Popen(["nohup", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    until(lambda: running(tmp_path, "child"))
    for kind in ("client", "worker"):
        for pid in running(tmp_path, kind):
            os.kill(pid, signal.SIGHUP)
    assert batch.wait(60) == 0
    assert is_whole(tmp_path, "a") and is_whole(tmp_path, "b")


def test_a_lost_terminal_ends_a_batch_that_nobody_sees_with_75(tmp_path):
    words = wbtools("run", "a", "--out", tmp_path, "--command", stub(3), "--threads", 1)
    code = f"import subprocess, sys; sys.exit(subprocess.run({words!r}).returncode)"
    ours, theirs = os.openpty()
    batch = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *words] if shutil.which("setsid") else [sys.executable, "-c", code],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    until(lambda: running(tmp_path, "child"))
    os.close(ours)
    assert batch.wait(30) == 75
    until(lambda: not running(tmp_path, "worker") and not running(tmp_path, "child"))
    assert [path.name for path in tmp_path.iterdir()] == [".wbtools"]
