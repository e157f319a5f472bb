"""A finished folder appears whole, or not at all; only an earlier export of the same subject gives way to it."""

import errno
import json
import os
import signal
import stat
import tempfile
from hashlib import sha256
from pathlib import Path

import pytest
from made_exports import files_in

from wbtools import atomic
from wbtools.errors import InputError
from wbtools.errors.system import WriteFailure, from_os_error, writing
from wbtools.output import staging
from wbtools.output.ownership import MARKER, PROVENANCE
from wbtools.output.publishing import publishing
from wbtools.subject.containment import require_place


def names(folder):
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else None


def scene(subject="100307"):
    return f"{subject}.wbtools.scene"


def publish(out, text, subject="100307", overwrite=False, **how):
    """An export of one file and its record."""
    name = how.pop("name", subject)
    with publishing(out, name, overwrite=overwrite, subject=subject, **how) as made:
        (made / scene(Path(name).name)).write_text(text)
        files = {name.as_posix(): (made / name).read_bytes() for name in files_in(made)}
        hashes = {name: sha256(content).hexdigest() for name, content in files.items()}
        sizes = {name: len(content) for name, content in files.items()}
        record = {"wbtools": "1", "subject": {"id": subject}, "outputs_sha256": hashes, "outputs_bytes": sizes}
        (made / PROVENANCE).write_text(json.dumps(record))


def text(out, subject="100307"):
    return (out / subject / scene(subject)).read_text()


def tree(folder):
    """Everything there is to see of a folder: names, kinds, modes, times, contents, targets of links."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        facts = path.lstat()
        content = path.readlink() if path.is_symlink() else path.read_bytes() if path.is_file() else None
        found[str(path)] = (facts.st_mode, facts.st_mtime_ns, facts.st_ino, content)
    return found


def test_the_folder_appears_when_the_block_ends_and_not_before(tmp_path):
    out = tmp_path / "derivatives" / "wbtools"
    with publishing(out, "100307", overwrite=False) as made:
        (made / "100307.unet.regions.tsv").write_text("whole")
        assert not (out / "100307").exists()
    assert names(out) == ["100307"]
    assert names(out / "100307") == ["100307.unet.regions.tsv"], "the marker stays behind"
    assert (out / "100307" / "100307.unet.regions.tsv").read_text() == "whole"


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, OSError])
def test_a_failure_leaves_nothing_behind_not_even_folders(tmp_path, failure):
    with pytest.raises(failure), publishing(tmp_path / "a" / "b", "100307", overwrite=False) as made:
        (made / scene()).write_text("half")
        raise failure
    assert names(tmp_path) == []


def test_a_failed_replacement_keeps_the_old_export(tmp_path):
    publish(tmp_path, "old")
    with pytest.raises(RuntimeError), publishing(tmp_path, "100307", overwrite=True) as made:
        (made / scene()).write_text("half")
        raise RuntimeError
    assert names(tmp_path) == ["100307"] and text(tmp_path) == "old"


@pytest.fixture(params=["exchange", "two renames"])
def way(request, monkeypatch):
    """Both ways to replace a folder."""
    if request.param == "two renames":
        monkeypatch.setattr(atomic, "_rename", lambda *_: False)  # what NFS and many others answer
    return request.param


def test_an_existing_export_is_only_replaced_when_asked(tmp_path, way):
    publish(tmp_path, "old")
    publish(tmp_path, "new", overwrite=True)
    assert names(tmp_path) == ["100307"] and text(tmp_path) == "new"
    with pytest.raises(InputError, match="exists already") as caught:
        publish(tmp_path, "third")
    assert "--overwrite" in caught.value.hint and text(tmp_path) == "new"


def test_two_exports_of_one_subject_at_once_publish_only_one(tmp_path, way):
    with pytest.raises(InputError, match="exists"), publishing(tmp_path, "100307", overwrite=False) as first:
        (first / scene()).write_text("first")
        with publishing(tmp_path, "100307", overwrite=False) as second:
            (second / scene()).write_text("second")
    assert names(tmp_path) == ["100307"]
    assert text(tmp_path) == "second"


# ------------------------------------------------------------------------------------------------ what is not wbtools'


def _of_another(final):
    publish(final.parent, "theirs", subject="P1_1", name=final.name)


def _record(content):
    def make(final):
        final.mkdir()
        (final / "provenance.json").write_text(content)

    return make


def _linked(final):
    publish(final.parent / "elsewhere", "theirs", subject=final.name)
    final.symlink_to(final.parent / "elsewhere" / final.name)


def _with_linked_record(final):
    _linked(final)
    record = final.readlink() / "provenance.json"
    final.unlink()
    final.mkdir()
    (final / "provenance.json").symlink_to(record)


FOREIGN = {
    "a folder without a record": lambda final: (final / "T1w").mkdir(parents=True),
    "an empty folder": lambda final: final.mkdir(),
    "another subject's export": _of_another,
    "a record cut short": _record('{"wbtools": "1", "subject": {"id": "100307"}, "outp'),
    "a record nested without end": _record("[" * 200_000),
    "another program's record": _record('{"subject": {"id": "100307"}, "outputs_sha256": {}}'),
    "a file": lambda final: final.write_text("mine"),
    "a link to an export": _linked,
    "a link to nothing": lambda final: final.symlink_to("nowhere"),
    "a folder whose record is a link": _with_linked_record,
}


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_an_export_of_this_subject_is_refused_named_and_untouched(tmp_path, kind, overwrite):
    FOREIGN[kind](tmp_path / "100307")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="is not wbtools' to replace") as caught:
        publish(tmp_path, "new", overwrite=overwrite)
    assert str(tmp_path / "100307") in str(caught.value) and "--overwrite" not in caught.value.hint
    assert tree(tmp_path) == before


def test_what_is_no_export_is_not_called_one(tmp_path):
    publish(tmp_path, "old")
    made = {"wbtools": "1", "settings": {"subject": "query of sub-01"}, "outputs_sha256": {}}
    for record, why in (
        (None, "it is the export of 100307, not of query of sub-1"),
        (made, f"its {PROVENANCE} names "),
    ):
        if record:
            (tmp_path / "100307" / PROVENANCE).write_text(json.dumps(record))
        with pytest.raises(InputError, match=why) as refused:
            publish(tmp_path, "new", subject="query of sub-1", name="100307")
        if record:
            assert str(refused.value).endswith("names query of sub-01, not query of sub-1")


@pytest.mark.parametrize("kind", FOREIGN)
def test_what_comes_while_an_export_runs_is_untouched_as_well(tmp_path, kind, way):
    publish(tmp_path, "old")

    def swapped():
        (tmp_path / "100307").rename(tmp_path / "moved")
        FOREIGN[kind](tmp_path / "100307")
        return tree(tmp_path / "100307")

    with pytest.raises(InputError), publishing(tmp_path, "100307", overwrite=True) as made:
        (made / scene()).write_text("new")
        before = swapped()
    assert tree(tmp_path / "100307") == before
    assert not [name for name in names(tmp_path) if name[0] == "."]


def test_what_a_user_put_into_an_export_goes_into_the_next_one(tmp_path, way):
    publish(tmp_path, "old")
    (tmp_path / "100307" / "T1w").mkdir()
    (tmp_path / "100307" / "T1w" / "notes.txt").write_text("mine")
    publish(tmp_path, "new", overwrite=True)
    assert text(tmp_path) == "new" and (tmp_path / "100307" / "T1w" / "notes.txt").read_text() == "mine"
    assert names(tmp_path) == ["100307"]


def _edited(scene):
    scene.write_text("my own views")


def _as_a_link(scene):
    (scene.parent / "elsewhere").write_text("mine")
    scene.unlink()
    scene.symlink_to("elsewhere")


@pytest.mark.parametrize("change", [_edited, _as_a_link])
def test_a_file_that_is_not_as_it_was_written_is_named_and_stays(tmp_path, change):
    publish(tmp_path, "old")
    change(tmp_path / "100307" / "100307.wbtools.scene")
    before = tree(tmp_path)
    with pytest.raises(InputError, match=r"100307\.wbtools\.scene in it is not as wbtools wrote it"):
        publish(tmp_path, "new", overwrite=True)
    assert tree(tmp_path) == before


def test_a_file_that_a_crash_left_empty_is_replaced(tmp_path):
    publish(tmp_path, "old")
    (tmp_path / "100307" / "100307.wbtools.scene").write_text("")
    publish(tmp_path, "new", overwrite=True)
    assert text(tmp_path) == "new" and len(names(tmp_path / "100307")) == 2


def test_a_file_that_is_changed_while_the_next_export_runs_is_kept_beside_it(tmp_path, way, monkeypatch):
    publish(tmp_path, "old")
    true = staging.announce

    def late(final, hidden):
        _edited(tmp_path / "100307" / "100307.wbtools.scene")
        true(final, hidden)

    monkeypatch.setattr(staging, "announce", late)
    publish(tmp_path, "new", overwrite=True)
    kept = tmp_path / "100307" / "100307.wbtools.scene.kept"
    assert text(tmp_path) == "new" and kept.read_text() == "my own views"


# ------------------------------------------------------------------------------------------------------------ crashes


def killed(work):
    """Run in a child that ends as by kill -9; whether it came to that."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def die():
    os.kill(os.getpid(), signal.SIGKILL)


STEPS = [
    (os, "mkdir"),
    (os, "fsync"),
    (os, "unlink"),
    (os, "rename"),
    (os, "rmdir"),
    (atomic, "exchange"),
    (staging.Marker, "write"),
    (staging.Marker, "rewrite"),
    (staging, "announce"),
    (staging, "unmark"),
    (staging, "discard"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("turn", [1, 2])
@pytest.mark.parametrize("step", STEPS, ids=lambda step: step[1])
def test_a_kill_at_any_step_of_a_replacement_loses_no_copy(tmp_path, way, step, turn, when):
    publish(tmp_path, "old")

    def work():
        place, name = step
        true, turns = getattr(place, name), iter(range(1, 99))

        def fatal(*arguments, **how):
            last = next(turns) == turn
            if last and when == "before":
                die()
            try:
                return true(*arguments, **how)
            finally:
                if last:
                    die()

        setattr(place, name, fatal)
        publish(tmp_path, "new", overwrite=True)

    happened = killed(work)
    staging.tidy(tmp_path, {"100307": ["100307"]}, age=0)
    assert names(tmp_path) == ["100307"]
    assert text(tmp_path) in ({"old", "new"} if happened else {"new"})
    assert set(names(tmp_path / "100307")) == {"100307.wbtools.scene", "provenance.json"}


def test_an_exchange_leaves_no_moment_without_the_export(tmp_path, monkeypatch):
    publish(tmp_path, "old")
    seen = []
    true = atomic.exchange

    def looked(first, other):
        seen.append(text(tmp_path))
        assert true(first, other), "this file system should know it"
        seen.append(text(tmp_path))
        return True

    monkeypatch.setattr(atomic, "exchange", looked)
    monkeypatch.setattr(Path, "rename", lambda *_: pytest.fail("nothing else is renamed"))
    publish(tmp_path, "new", overwrite=True)
    assert seen == ["old", "new"]


@pytest.mark.parametrize("again", ["the same", "another subject"])
def test_the_next_export_of_the_subject_tidies_up_after_a_kill(tmp_path, again):
    def work():
        with publishing(tmp_path, "100307", overwrite=False) as made:
            (made / scene()).write_text("half")
            die()

    assert killed(work)
    (left,) = names(tmp_path)
    publish(tmp_path, "whole", subject="100307" if again == "the same" else "100308")
    assert (left in names(tmp_path)) is (again != "the same")


def test_the_next_export_restores_what_a_kill_left_under_a_hidden_name_only(tmp_path, monkeypatch):
    publish(tmp_path, "old")
    monkeypatch.setattr(atomic, "_rename", lambda *_: False)

    def work():
        monkeypatch.setattr("wbtools.output.publishing._claim", lambda *_: die())
        publish(tmp_path, "new", overwrite=True)

    assert killed(work)
    assert all(name[0] == "." for name in names(tmp_path)), "between the two renames there is no export"
    with pytest.raises(InputError, match="exists already"):
        publish(tmp_path, "third")
    assert names(tmp_path) == ["100307"] and text(tmp_path) == "old"


def test_a_living_process_keeps_its_unfinished_folder(tmp_path):
    with publishing(tmp_path, "100307", overwrite=False) as made:
        (made / scene()).write_text("first")
        assert staging.tidy(tmp_path, {"100307": ["100307"]}, age=0) == staging.Tidied()
        publish(tmp_path, "meanwhile", subject="100308")
    assert names(tmp_path) == ["100307", "100308"]


@pytest.mark.parametrize(
    ("facts", "gone"),
    [
        ({}, False),
        ({"start": "1"}, True),
        ({"boot": "before the last start"}, True),
        ({"host": "elsewhere"}, None),
        ({"processes": "of another container"}, None),
    ],
)
def test_a_number_that_was_given_again_another_boot_and_another_machine_are_told_apart(tmp_path, facts, gone):
    from dataclasses import replace

    assert replace(staging.Marker.of(tmp_path), **facts).gone is gone


LOOK_ALIKES = {
    "a user's copy": lambda folder: publish(folder.parent, "mine", name=folder.name),
    "a user's folder": lambda folder: (folder / "notes").mkdir(parents=True),
    "a copy of an unfinished folder": lambda folder: _copied_marker(folder),
    "a marker of another tool": lambda folder: _marked(folder, '{"tool": "other"}'),
    "a marker that is none": lambda folder: _marked(folder, "[" * 10_000),
    "a link": lambda folder: folder.symlink_to(_elsewhere(folder)),
}


def _marked(folder, content):
    folder.mkdir()
    (folder / MARKER).write_text(content)


def _copied_marker(folder):
    folder.mkdir()
    made = staging.make(folder.parent, "copied")
    (made / MARKER).rename(folder / MARKER)
    made.rmdir()


def _elsewhere(folder):
    (folder.parent / "kept").mkdir()
    (folder.parent / "kept" / "scan.nii.gz").write_text("mine")
    return folder.parent / "kept"


LOOKING_ALIKE = (
    *(".100307.original", ".100307.x1y2z3w4", ".100307.original.old", ".100307.backup01"),
    *(".100307.wbtools-20240101", ".100307.wbtools-20240101.old"),
)


@pytest.mark.parametrize("name", LOOKING_ALIKE)
@pytest.mark.parametrize("kind", LOOK_ALIKES)
@pytest.mark.parametrize("published", [False, True])
def test_folders_that_only_look_unfinished_are_left_alone(tmp_path, kind, name, published):
    if (".old" in name or "wbtools-" in name) and kind == "a user's copy":
        published = True  # otherwise it is what an early version left between two renames, which is restored
    LOOK_ALIKES[kind](tmp_path / name)
    if published:
        publish(tmp_path, "published", tidy=False)
    before = tree(tmp_path)
    tidied = staging.tidy(tmp_path, {"100307": ["100307"]}, age=0)
    assert not tidied.removed and not tidied.restored
    assert tree(tmp_path) == before


@pytest.mark.parametrize("moment", ["made", "marked"])
def test_a_signal_while_the_unfinished_folder_is_made_leaves_nothing(tmp_path, monkeypatch, moment):
    make, mark = Path.mkdir, staging.Marker.write

    def interrupted(*given, **options):
        (make if moment == "made" else mark)(*given, **options)
        raise KeyboardInterrupt  # as the handler of a signal does, once the system has done what was asked

    if moment == "made":
        monkeypatch.setattr(Path, "mkdir", interrupted)
    else:
        monkeypatch.setattr(staging.Marker, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        staging.make(tmp_path, "100307")
    assert not list(tmp_path.iterdir())


def test_a_signal_before_anything_is_written_leaves_nothing(tmp_path, monkeypatch):
    looked_at, true = [], Path.lstat

    def interrupted_once(path, *given, **options):
        found = true(path, *given, **options)
        if ".wbtools-" in path.name and not looked_at:
            looked_at.append(path)
            raise KeyboardInterrupt
        return found

    monkeypatch.setattr(Path, "lstat", interrupted_once)
    with pytest.raises(KeyboardInterrupt), publishing(tmp_path / "out", "100307", overwrite=False):
        raise AssertionError("nothing may be written")
    assert looked_at and not list(tmp_path.iterdir())


def test_links_in_an_unfinished_folder_are_not_followed(tmp_path):
    kept = _elsewhere(tmp_path / "x")
    made = staging.make(tmp_path, "100307")
    (made / "link").symlink_to(kept)
    (made / "T1w").mkdir()
    (made / "T1w" / "link").symlink_to(kept)
    assert staging.discard(made)
    assert names(tmp_path) == ["kept"] and names(kept) == ["scan.nii.gz"]


# ------------------------------------------------------------------------------------- file systems as they really are


def test_the_published_folder_is_readable_as_the_umask_allows(tmp_path):
    before = os.umask(0o022)
    try:
        with publishing(tmp_path, "100307", overwrite=False):
            pass
    finally:
        os.umask(before)
    assert (tmp_path / "100307").stat().st_mode & 0o777 == 0o755


@pytest.mark.skipif(os.getuid() != 0, reason="needs a group of one's own")
def test_a_project_folders_group_and_its_bit_go_all_the_way_down(tmp_path):
    os.chown(tmp_path, -1, 60)
    tmp_path.chmod(0o2775)
    out = tmp_path / "derivatives" / "wbtools"
    before = os.umask(0o002)
    try:
        with publishing(out, "100307", overwrite=False) as made:
            (made / "T1w" / "Native").mkdir(parents=True)
            (made / "T1w" / "Native" / "100307.L.white.native.surf.gii").write_text("surface")
            (made / scene()).write_text("scene")
    finally:
        os.umask(before)
    for path in (out, *out.rglob("*")):
        facts = path.stat()
        assert facts.st_gid == 60, path
        assert stat.S_IMODE(facts.st_mode) == (0o2775 if path.is_dir() else 0o664), path


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.EPERM, errno.EACCES])
@pytest.mark.parametrize("where", ["open", "fsync"])
def test_folders_that_cannot_be_flushed_are_published(tmp_path, monkeypatch, number, where):
    true = getattr(os, where)

    def refused(what, *more):
        if (where == "open" and Path(what).is_dir()) or (where == "fsync" and stat.S_ISDIR(os.fstat(what).st_mode)):
            raise OSError(number, os.strerror(number))
        return true(what, *more)

    monkeypatch.setattr(os, where, refused)
    with publishing(tmp_path, "100307", overwrite=False) as made:
        (made / scene()).write_text("whole")
    assert text(tmp_path) == "whole"


def test_a_file_system_that_refuses_every_chmod_gets_its_folder(tmp_path, monkeypatch):
    def refused(path, *_, **__):
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    monkeypatch.setattr(os, "chmod", refused)
    publish(tmp_path, "whole")
    assert text(tmp_path) == "whole"


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EINVAL])
def test_what_may_lose_data_ends_the_publication_and_is_the_machines_fault(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    what = "fsync" if number in {errno.EIO, errno.ENOSPC, errno.EDQUOT} else "scandir"
    with pytest.raises(OSError) as caught, publishing(tmp_path, "100307", overwrite=False) as made:
        (made / scene()).write_text("whole")
        if what == "fsync":
            monkeypatch.setattr(os, "fsync", fail)
        else:
            raise OSError(number, os.strerror(number), str(made / "T1w.nii.gz"))
    monkeypatch.undo()
    assert from_os_error(caught.value).exit_code == 75
    assert names(tmp_path) == []


@pytest.mark.parametrize("named", [True, False])
def test_a_disk_without_room_is_named(tmp_path, named):
    """What writes to a file that is open says no name: then it may be the disk of temporary data, too."""
    file = (str(tmp_path / "more" / ".index.npz.1f"),) if named else ()
    with pytest.raises(OSError) as caught, writing(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *file)
    told = str(from_os_error(caught.value))
    assert told.startswith(f"The system could not finish: No space left on device in {tmp_path}")
    assert named is told.endswith("/more")
    if not named and Path("/dev/shm").is_dir():
        there = str(from_os_error(WriteFailure(caught.value, begun=True, place=Path("/dev/shm/nobody's/out"))))
        same = Path("/dev/shm").stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev
        assert ("temporary data" in there) is not same and "/dev/shm/nobody's/out" in there


def test_reading_an_input_is_not_taken_for_writing(tmp_path):
    with pytest.raises(PermissionError) as caught, publishing(tmp_path / "out", "100307", overwrite=False):
        raise PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "study" / "T1w.nii.gz"))
    told = from_os_error(caught.value)
    assert told.exit_code == 3 and "--out" not in told.hint and "read" in told.hint


def test_a_place_that_may_not_be_written_is_the_options_fault_before_any_work(tmp_path):
    with pytest.raises(OSError) as caught, publishing(Path("/proc/wbtools"), "100307", overwrite=False):
        pytest.fail("work began")
    told = from_os_error(caught.value)
    assert told.exit_code == 3 and "--out" in told.hint


def test_a_session_is_published_in_its_subjects_folder_and_tidied_there(tmp_path):
    publish(tmp_path, "a", subject="sub-01_ses-a", name="sub-01/ses-a")
    left = staging.make(tmp_path / "sub-01", "ses-b")
    assert names(tmp_path) == ["sub-01"] and "ses-a" in names(tmp_path / "sub-01")
    require_place(tmp_path, tmp_path.parent / "study")  # the subject's folder holds nothing but an export
    assert staging.tidy(tmp_path, {"sub-01/ses-b": ["sub-01_ses-b"]}, age=0) == staging.Tidied()  # this process runs
    (left / MARKER).write_text((left / MARKER).read_text().replace(str(os.getpid()), "999999999"))
    assert staging.tidy(tmp_path, {"sub-01/ses-b": ["sub-01_ses-b"]}, age=0).removed == (f"sub-01/{left.name}",)
    assert names(tmp_path / "sub-01") == ["ses-a"]
    (tmp_path / "sub-01" / "ses-c").mkdir()
    with pytest.raises(InputError, match="holds sub-01"):
        require_place(tmp_path, tmp_path.parent / "study")


def test_what_a_user_put_into_an_export_stays_when_it_is_replaced(tmp_path, way):
    publish(tmp_path, "old")
    mine = tmp_path / "100307"
    (mine / "notes").mkdir()
    (mine / "notes" / "a.txt").write_text("mine")
    (mine / "scan.nii.gz").symlink_to(tmp_path / "nowhere")
    publish(tmp_path, "new", overwrite=True)
    assert names(tmp_path) == ["100307"] and text(tmp_path) == "new"
    assert (mine / "notes" / "a.txt").read_text() == "mine"
    assert (mine / "scan.nii.gz").readlink() == tmp_path / "nowhere"
    record = json.loads((mine / "provenance.json").read_text())
    assert set(record["outputs_sha256"]) == {"100307.wbtools.scene"}


def test_a_users_file_is_kept_under_another_name_where_the_new_export_has_one_of_that_name(tmp_path, way):
    publish(tmp_path, "old")
    record = json.loads((tmp_path / "100307" / "provenance.json").read_text())
    record["outputs_sha256"] = {}
    (tmp_path / "100307" / "provenance.json").write_text(json.dumps(record))
    publish(tmp_path, "new", overwrite=True)
    assert text(tmp_path) == "new"
    assert (tmp_path / "100307" / "100307.wbtools.scene.kept").read_text() == "old"


@pytest.mark.parametrize("overwrite", [False, True])
def test_an_export_that_holds_another_is_not_replaced_nor_does_another_go_into_it(tmp_path, overwrite):
    publish(tmp_path, "session", subject="sub-01_ses-a", name="sub-01/ses-a")
    (tmp_path / "sub-01" / "provenance.json").write_text(
        json.dumps({"wbtools": "1", "subject": {"id": "sub-01"}, "outputs_sha256": {}})
    )
    before = tree(tmp_path)
    with pytest.raises(InputError, match="it also holds ses-a"):
        publish(tmp_path, "person", subject="sub-01", overwrite=overwrite)
    with pytest.raises(InputError, match="an export of its own"):
        publish(tmp_path, "session", subject="sub-01_ses-b", name="sub-01/ses-b", overwrite=overwrite)
    assert tree(tmp_path) == before


def test_a_session_does_not_go_through_a_linked_subjects_folder(tmp_path):
    (tmp_path / "study" / "sub-01").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "sub-01").symlink_to(tmp_path / "study" / "sub-01")
    before = tree(tmp_path)
    with pytest.raises(InputError, match="is a link"):
        publish(tmp_path / "out", "session", subject="sub-01_ses-a", name="sub-01/ses-a")
    staging.tidy(tmp_path / "out", {"sub-01/ses-a": ["sub-01_ses-a"]}, age=0)
    assert tree(tmp_path) == before


def test_two_sessions_at_once_do_not_take_each_others_folder_away(tmp_path, monkeypatch):
    true, missing = staging.make, iter([True, True, False])

    def made(out, name):
        if next(missing):
            out.rmdir()  # another session's export has failed
        return true(out, name)

    monkeypatch.setattr(staging, "make", made)
    publish(tmp_path, "session", subject="sub-01_ses-a", name="sub-01/ses-a")
    assert names(tmp_path / "sub-01") == ["ses-a"]
