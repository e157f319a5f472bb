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
from crash_recovery import events, is_whole, running, visible, wbtools
from stand_in import manner

from wbtools.batch.state.folder import BatchFiles
from wbtools.output import staging
from wbtools.output.ownership import MARKER


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


@pytest.fixture(scope="module")
def batch_of_one(tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out"
    assert stub_batch.run(out, "s1").returncode == 0
    return out


@pytest.fixture
def batch(batch_of_one, tmp_path):
    """A batch of one, with everything around it that must stay."""
    out = tmp_path / "out"
    shutil.copytree(batch_of_one, out)
    for name in (".s1.original", ".s1.x1y2z3w4", ".s1.wbtools-20240101"):
        shutil.copytree(out / "s1", out / name)
    (out / ".s1.wbtools-a1b2c3d4").mkdir()
    (out / ".s1.wbtools-a1b2c3d4" / "notes.txt").write_text("mine")
    return out


def test_clean_leaves_what_only_looks_like_its_own(batch):
    kept = [path for path in batch.iterdir() if path.name != ".wbtools"]
    assert len(kept) == 5
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
    assert {path.name for path in (batch / ".wbtools").iterdir()} == {"README.txt", "aside"}


@pytest.mark.parametrize("what", ["home", "one in it"])
def test_clean_follows_no_links(batch, tmp_path, what):
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(batch / "s1", elsewhere / "s1.0123456789ab")
    home = batch / ".wbtools"
    if what == "home":
        shutil.copytree(elsewhere / "s1.0123456789ab", home / "aside" / "s1.0123456789ab")
        home.rename(elsewhere / "home")
        home.symlink_to(elsewhere / "home")
    else:
        (home / "aside" / "s1.0123456789ab").symlink_to(elsewhere / "s1.0123456789ab")
    before = tree(elsewhere)
    for how in ("--now", "--all"):
        assert stub_batch.care("clean", batch, how).returncode == 0
    assert tree(elsewhere) == before


def set_aside(batch):
    """The batch's export, where a worker puts a damaged one; made again since."""
    aside = batch / ".wbtools" / "aside" / "s1.0123456789ab"
    shutil.copytree(batch / "s1", aside)
    return aside


def test_clean_removes_what_was_set_aside_and_keeps_what_was_not_wbtools_in_it(batch):
    aside = set_aside(batch)
    (aside / "mywork").mkdir()
    (aside / "mywork" / "notes.txt").write_text("precious")
    (aside / "scene.txt").unlink()
    (aside / "table.tsv").write_text("edited by its reader")
    assert stub_batch.care("clean", batch, "--now").returncode == 0
    assert not aside.exists() and is_whole(batch, "s1")
    assert (batch / "s1" / "mywork" / "notes.txt").read_text() == "precious"
    assert (batch / "s1" / "table.tsv.kept").read_text() == "edited by its reader"


def test_what_was_not_wbtools_stays_aside_until_there_is_an_export_to_take_it(batch):
    aside = set_aside(batch)
    (aside / "table.tsv").write_text("edited by its reader")
    shutil.rmtree(batch / "s1")
    for path in batch.glob(".s1.*"):
        shutil.rmtree(path)
    before = tree(aside)
    said = stub_batch.care("clean", batch, "--now")
    assert "Removed 0 folders" in said.stdout and "s1.0123456789ab" in said.stdout and tree(aside) == before


HAND_MADE = ("failed.tsv", "summary.json", "names.tsv", "subjects.txt", "stop", "logs/mylog", "slurm/my.sh")


@pytest.mark.parametrize("plan", ["", '{"my": "own"}'])
def test_a_folder_of_the_batchs_name_that_wbtools_did_not_make_is_refused_and_stays(tmp_path, plan):
    home = tmp_path / ".wbtools"
    for name in (*HAND_MADE, *(["batch.json"] if plan else [])):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text(plan or "mine")
    before = tree(tmp_path)
    for command, *words in (["run", "a", "--out", tmp_path], ["clean", tmp_path, "--all"]):
        said = stub_batch.care(command, *words)
        assert said.returncode == 3, command
        if command == "run" or plan:
            assert f"{home} was not made by wbtools" in said.stderr.replace("\n", "")
    assert tree(tmp_path) == before


def test_an_empty_folder_of_the_batchs_name_is_taken(tmp_path):
    (tmp_path / ".wbtools").mkdir()
    BatchFiles(tmp_path).make()
    assert BatchFiles(tmp_path).aside.is_dir()
    BatchFiles(tmp_path).make()


def test_clean_all_removes_its_own_files_only(batch):
    home = batch / ".wbtools"
    mine = [
        home / "logs" / "mylog",
        home / "slurm" / "my.sh",
        home / "notes.txt",
        home / "attempts" / "mine" / "x.jsonl",
        home / "references" / "mine.npy",
    ]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
    (home / "references" / f"reference-{'a' * 64}.npy").write_text("another person's brain")
    said = stub_batch.care("clean", batch, "--all")
    assert {path for path in home.rglob("*") if path.is_file()} == {*mine, home / "README.txt"}
    assert all(path.name in said.stdout.replace("\n", "") for path in mine[:3])
    for path in mine:
        path.unlink()
    (home / "attempts" / "mine").rmdir()
    (home / "references").rmdir()
    BatchFiles(batch).make()  # the same folder serves the next batch


LINKS = ("attempts", "logs", "slurm", "aside", "references", "marks", "stop", "failed.tsv", "batch.json")


@pytest.mark.parametrize("name", LINKS)
def test_a_link_among_the_batchs_own_files_is_refused_and_not_written_through(batch, tmp_path, name):
    elsewhere, link = tmp_path / "study" / "p1", batch / ".wbtools" / name
    elsewhere.mkdir(parents=True)
    if link.is_dir():
        shutil.rmtree(link)
        link.symlink_to(elsewhere)
    else:
        (elsewhere / "scan").write_text("{}")
        link.unlink(missing_ok=True)
        link.symlink_to(elsewhere / "scan")
    before = tree(elsewhere)
    for command, *words in (
        ["run", "a", "--out", batch],
        ["run", "a", "--out", batch, "--dry-run"],
        ["cancel", batch],
        ["clean", batch, "--all"],
    ):
        said = stub_batch.care(command, *words)
        assert said.returncode == 3 and ".wbtools" in said.stderr.replace("\n", ""), command
    assert tree(elsewhere) == before and link.is_symlink()


def test_clean_puts_back_the_only_copy_and_removes_the_dead(batch):
    unfinished = staging.make(batch, "s1")
    marker = json.loads((unfinished / MARKER).read_text())
    (unfinished / MARKER).write_text(json.dumps({**marker, "boot": "before the last start"}))
    (batch / "s1").rename(staging.aside(unfinished))
    living = staging.make(batch, "s1")
    shutil.rmtree(batch / ".s1.wbtools-20240101")  # a user's copy may be put back as well
    said = stub_batch.care("clean", batch, "--now")
    assert said.returncode == 0 and "Put back:" in said.stdout
    assert is_whole(batch, "s1") and not unfinished.exists()
    assert living.exists(), "its process is this one"
    assert stub_batch.care("verify", batch).returncode == 0


def test_a_killed_subject_leaves_nothing_once_it_is_done(tmp_path):
    batch = stub_batch.start(tmp_path, "a", "b", options=("--jobs", 2), seconds=1.5)
    # A folder without its record would rightly stay: nobody could tell whose it is.
    until(lambda: len(running(tmp_path, "child")) == 2 and len(list(tmp_path.glob(f".?.wbtools-*/{MARKER}"))) == 2)
    os.kill(running(tmp_path, "child")[0], signal.SIGKILL)
    assert batch.wait(60) == 0
    assert [path.name for path in tmp_path.iterdir() if path.name[0] == "."] == [".wbtools"]
    assert visible(tmp_path) == ["a", "b"]


def test_a_batch_that_was_started_with_nohup_goes_on_without_its_terminal(tmp_path):
    words = wbtools("run", "a", "b", "--out", tmp_path, "--other", manner(1.5), "--threads", 1, "--jobs", 2)
    batch = subprocess.Popen(["nohup", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    until(lambda: running(tmp_path, "child"))
    for kind in ("client", "worker"):
        for pid in running(tmp_path, kind):
            os.kill(pid, signal.SIGHUP)
    assert batch.wait(60) == 0
    assert is_whole(tmp_path, "a") and is_whole(tmp_path, "b")


def test_a_lost_terminal_ends_a_batch_that_nobody_sees_with_75(tmp_path):
    words = wbtools("run", "a", "--out", tmp_path, "--other", manner(3), "--threads", 1)
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


def test_only_this_batchs_own_exports_count_as_done_and_each_record_is_read_once(tmp_path):
    assert stub_batch.run(tmp_path, "a", "b").returncode == 0
    files = BatchFiles(tmp_path)
    lines = files.published.read_text().splitlines()
    assert {line.split("\t")[0] for line in lines} == {"a", "b"}
    files.subjects.write_text("a\nb\nbroken\ncopy\nother\n")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    shutil.copytree(tmp_path / "b", tmp_path / "broken")
    (tmp_path / "broken" / "provenance.json").write_text('{"wbtools": 3')
    shutil.copytree(tmp_path / "a", tmp_path / "other")
    of_other = json.loads((tmp_path / "other" / "provenance.json").read_text())
    of_other |= {"subject": {"id": "other"}, "settings_sha256": "0" * 64}
    (tmp_path / "other" / "provenance.json").write_text(json.dumps(of_other))
    assert "5 subjects: 2 done, 3 to do" in stub_batch.care("status", tmp_path).stdout
    # Known ones are not read again: this one is made unreadable with the same size and time.
    record = tmp_path / "a" / "provenance.json"
    facts = record.stat()
    record.write_text("x" * facts.st_size)
    os.utime(record, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    assert "2 done" in stub_batch.care("status", tmp_path).stdout
    files.published.unlink()
    assert "1 done" in stub_batch.care("status", tmp_path).stdout
    assert [line.split("\t")[0] for line in files.published.read_text().splitlines()] == ["b"]


def test_what_git_annex_holds_elsewhere_is_done_and_named_and_left_alone(tmp_path):
    out = tmp_path / "out"
    assert stub_batch.run(out, "a").returncode == 0
    scene = out / "a" / "scene.txt"
    scene.unlink()
    scene.symlink_to("../.git/annex/objects/x/MD5E-s512--0.txt")
    verified = stub_batch.care("verify", out)
    said = " ".join(verified.stdout.split())
    assert verified.returncode == 1 and "a: not fetched: scene.txt is a link to nowhere" in said and "get" in said
    assert "marked" not in said
    assert stub_batch.run(out, "a").returncode == 0 and scene.is_symlink(), "what was dropped is not made again"


def test_files_of_a_batch_that_datalad_made_links_are_named_as_that(tmp_path):
    out = tmp_path / "out"
    assert stub_batch.run(out, "a").returncode == 0
    objects = tmp_path / "annex" / "objects"
    objects.mkdir(parents=True)
    for path in [path for path in (out / ".wbtools").rglob("*") if path.is_file()]:
        kept = objects / f"MD5E-{path.name}"
        path.rename(kept)
        path.symlink_to(kept)
    for command in ("status", "verify", "clean"):
        done = stub_batch.care(command, out)
        said = " ".join((done.stdout + done.stderr).split())
        assert done.returncode == 3 and "is a link of git-annex" in said and "git annex unlock" in said
        assert "not made by wbtools" not in said
