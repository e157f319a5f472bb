"""Files appear whole or not at all, replace what they may and nothing else, and are readable by whom they are for."""

import errno
import os
import re
import stat
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from wbtools import atomic
from wbtools.atomic import Access
from wbtools.errors.system import from_os_error, writing

WRITERS = (atomic.write, atomic.write_new)


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def _usual_umask():
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.mark.parametrize("links", [True, False])
def test_new_files_replace_nothing_where_nothing_special_is_known(tmp_path, monkeypatch, links):
    monkeypatch.setattr(atomic, "_rename", lambda *_: False)  # what NFS and many others answer
    if not links:
        refused = OSError(errno.EPERM, "Operation not permitted")
        monkeypatch.setattr(Path, "hardlink_to", lambda *_: (_ for _ in ()).throw(refused))
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    atomic.write_new(tmp_path / "file", b"first")
    for name in ("file", "link"):
        with pytest.raises(FileExistsError):
            atomic.write_new(tmp_path / name, b"second")
    assert (tmp_path / "file").read_bytes() == b"first" and names(tmp_path) == ["file", "link"]


@pytest.mark.parametrize("known", [True, False])
def test_what_took_the_name_meanwhile_is_named_and_not_the_hidden_file(tmp_path, monkeypatch, known):
    if not known:  # a file system without such a rename
        monkeypatch.setattr(atomic, "_rename", lambda *_: False)

    def fill(stream):
        stream.write(b"ours")
        (tmp_path / "index.npz").write_bytes(b"theirs")

    with pytest.raises(OSError, match="File exists") as caught, writing(tmp_path):
        atomic.write_new(tmp_path / "index.npz", fill)
    told = from_os_error(caught.value)
    assert str(told) == f"{tmp_path / 'index.npz'} exists already" and told.exit_code == 3
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"theirs"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("content", ["é\udcff", "é\udcff".encode(errors="surrogateescape"), None])
def test_text_bytes_and_functions_write_the_same(tmp_path, write, content):
    expected = b"\xc3\xa9\xff"
    write(tmp_path / "file", content or (lambda stream: stream.write(expected)))
    assert (tmp_path / "file").read_bytes() == expected and names(tmp_path) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
def test_while_a_file_is_written_readers_see_the_old_one_or_none(tmp_path, write):
    path = tmp_path / "file"
    if write is atomic.write:
        path.write_bytes(b"old")
    before = names(tmp_path)

    def content(stream):
        stream.write(b"new" * 10_000)
        stream.flush()
        hidden = [name for name in names(tmp_path) if name not in before]
        assert len(hidden) == 1 and re.fullmatch(atomic.BESIDE, hidden[0])
        assert not path.exists() or path.read_bytes() == b"old"

    write(path, content)
    assert path.read_bytes() == b"new" * 10_000 and names(tmp_path) == ["file"]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), ValueError("no number"), KeyboardInterrupt()])
def test_whatever_interrupts_the_writing_leaves_everything_as_it_was(tmp_path, write, error):
    (tmp_path / "other").write_bytes(b"old")

    def content(stream):
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)):
        write(tmp_path / "file", content)
    if write is atomic.write:
        with pytest.raises(type(error)):
            write(tmp_path / "other", content)
    assert names(tmp_path) == ["other"] and (tmp_path / "other").read_bytes() == b"old"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_of_files_that_are_written_together_none_changes_where_the_last_cannot_be_written(tmp_path, error):
    first, last = tmp_path / "page", tmp_path / "record"
    first.write_bytes(b"old")

    def content(stream):
        stream.write(b"half")
        raise error

    with pytest.raises(type(error)):
        atomic.write_together({first: b"new", last: content})
    assert names(tmp_path) == ["page"] and first.read_bytes() == b"old"
    atomic.write_together({first: b"new", last: "newest"})
    assert names(tmp_path) == ["page", "record"] and first.read_bytes() + last.read_bytes() == b"newnewest"


def test_a_link_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path):
    (tmp_path / "kept").write_bytes(b"kept")
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    atomic.write(tmp_path / "link", b"new")
    assert (tmp_path / "kept").read_bytes() == b"kept"
    assert not (tmp_path / "link").is_symlink() and (tmp_path / "link").read_bytes() == b"new"


@pytest.mark.parametrize("write", WRITERS)
def test_who_may_read_a_file_is_for_the_umask_its_owner_or_the_folders_group(tmp_path, write):
    tmp_path.chmod(0o2775)
    for access in Access:
        write(tmp_path / access.value, b"", access=access)
    assert {access: mode(tmp_path / access.value) for access in Access} == {
        Access.USUAL: 0o644,
        Access.PRIVATE: 0o600,
        Access.GROUP: 0o664,
    }
    tmp_path.chmod(0o755)
    write(tmp_path / "apart", b"", access=Access.GROUP)
    assert mode(tmp_path / "apart") == 0o644
    os.umask(0o077)
    for access in (Access.USUAL, Access.PRIVATE):
        write(tmp_path / f"closed-{access.value}", b"", access=access)
        assert mode(tmp_path / f"closed-{access.value}") == 0o600


@pytest.mark.parametrize("write", WRITERS)
def test_a_durable_file_is_on_disk_before_it_has_its_name(tmp_path, monkeypatch, write):
    true, found = os.fsync, []

    def fsync(handle):
        found.append((os.fstat(handle).st_size, (tmp_path / "file").exists()))
        true(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    write(tmp_path / "usual", b"content")
    assert not found
    write(tmp_path / "file", b"content", durable=True)
    assert found == [(7, False)]


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize(("number", "fails"), [(errno.EINVAL, False), (errno.EIO, True), (errno.ENOSPC, True)])
def test_a_disk_without_fsync_is_used_and_one_that_may_lose_data_is_not(tmp_path, monkeypatch, write, number, fails):
    def fsync(handle):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    if fails:
        with pytest.raises(OSError, match=re.escape(os.strerror(number))):
            write(tmp_path / "file", b"content", durable=True)
    else:
        write(tmp_path / "file", b"content", durable=True)
    assert names(tmp_path) == ([] if fails else ["file"])


@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("name", ["n", "n" * 255, "é" * 127, "漢" * 85])
def test_every_name_that_a_file_can_have_can_be_written(tmp_path, write, name):
    longest = []
    write(tmp_path / name, lambda _: longest.extend(len(os.fsencode(name)) for name in names(tmp_path)))
    assert names(tmp_path) == [name] and longest[0] <= max(100, len(os.fsencode(name)))


WRITER = """
import sys, time
from pathlib import Path
from wbtools import atomic

def slowly(stream):
    stream.write(b"ours")
    stream.flush()
    print("begun", flush=True)
    time.sleep(60)

atomic.write(Path(sys.argv[1]), slowly)
"""


def is_ours(head):
    return head in (b"", b"ours")


@pytest.fixture
def writer(tmp_path):
    """A process that is in the middle of writing `a.txt`."""
    with subprocess.Popen([sys.executable, "-c", WRITER, tmp_path / "a.txt"], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"begun\n"
        yield process
        process.kill()


def test_what_a_killed_writer_left_is_removed_and_what_a_living_one_writes_stays(tmp_path, writer):
    (beside,) = tmp_path.iterdir()
    atomic.remove_leftovers(tmp_path / "a.txt", is_ours)
    assert beside.exists()
    writer.kill()
    writer.wait()
    atomic.remove_leftovers(tmp_path / "a.txt", is_ours)
    assert not list(tmp_path.iterdir())


def test_files_of_others_are_no_leftovers_whatever_their_names(tmp_path):
    key = "0123456789abcdef" * 2
    kept = [f".a.txt.{key}", f".b.txt.{key}", ".a.txt.0123", f".a.txt.{key}.old", f"a.txt.{key}", f".a.txt.{key[:-1]}G"]
    for name in kept:
        (tmp_path / name).write_bytes(b"theirs" if name == kept[0] else b"ours")
    (tmp_path / f".a.txt.{key[::-1]}").mkdir()
    (tmp_path / f".a.txt.{key[::-1][1:]}0").symlink_to(tmp_path / kept[1])
    os.mkfifo(tmp_path / f".a.txt.{key[::-1][2:]}00")
    before = sorted(tmp_path.iterdir())
    atomic.remove_leftovers(tmp_path / "a.txt", is_ours)
    assert sorted(tmp_path.iterdir()) == before
    (tmp_path / kept[0]).write_bytes(b"")
    atomic.remove_leftovers(tmp_path / "a.txt", is_ours)
    assert not (tmp_path / kept[0]).exists() and (tmp_path / kept[1]).exists()


def test_leftovers_of_a_long_name_are_found_by_the_part_that_hidden_names_have(tmp_path):
    path = tmp_path / ("n" * 250)
    with suppress(KeyboardInterrupt):
        atomic.write(path, interrupted)
    hidden = tmp_path / (atomic._hidden(path) + "0" * 32)
    hidden.write_bytes(b"ours")
    atomic.remove_leftovers(path, is_ours)
    assert not list(tmp_path.iterdir())


def interrupted(stream):
    raise KeyboardInterrupt


def test_an_earlier_file_is_not_lost_with_the_new_one_that_somebody_removes(tmp_path):
    out = tmp_path / "out"
    out.write_text("theirs")

    def refuse(earlier):
        out.unlink()  # what was written, before the names are exchanged again
        raise ValueError

    with pytest.raises(ValueError):
        atomic.write_over(out, "ours", refuse)
    assert out.read_text() == "theirs" and names(tmp_path) == ["out"]


@pytest.mark.parametrize("exchanges", [True, False])
def test_what_came_while_a_file_was_made_is_looked_at_before_it_is_replaced(tmp_path, monkeypatch, exchanges):
    if not exchanges:
        monkeypatch.setattr(atomic, "_rename", lambda *names: False)
    out, looked_at = tmp_path / "out", []

    def content(stream):
        stream.write(b"ours")
        out.write_text("theirs")  # while we were writing

    def refuse(earlier):
        looked_at.append(earlier.read_text())
        raise ValueError

    with pytest.raises(ValueError):
        atomic.write_over(out, content, refuse)
    assert out.read_text() == "theirs" and looked_at == ["theirs"] and names(tmp_path) == ["out"]
    atomic.write_over(out, content, lambda earlier: looked_at.append(earlier.read_text()))
    assert out.read_text() == "ours" and looked_at == ["theirs"] * 2 and names(tmp_path) == ["out"]
