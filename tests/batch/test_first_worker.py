"""The process that checks a batch's options: it goes on as the first worker, or is gone."""

import os
from pathlib import Path

import pytest
from stand_in import PROGRAM, StandIn, manner

from wbtools.batch.engines import launch
from wbtools.batch.engines.first import identified
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.plan import Plan
from wbtools.batch.state.published import is_there
from wbtools.errors import TransientError


@pytest.fixture
def stand_in(monkeypatch):
    """Processes that work with the stand-in; this one does as wbtools does."""
    monkeypatch.setattr(launch, "START", [str(PROGRAM)])
    return {"other": manner(0.0)}


def _begin(found, files, subject):
    """A worker on one subject."""
    listed = files.round(subject)
    listed.write_text(f"{subject}\n")
    log = files.logs / f"{subject}.log"
    return found.start(files.out, ["--list", str(listed), "--jobs", "1", "--threads", "1"], log), log


def _files(out, found, options):
    files = BatchFiles(out)
    Plan(found.settings_sha256, options).write(files)
    return files


def _children():
    """Processes that this one started and that are not over."""
    return set((Path("/proc/self/task") / str(os.getpid()) / "children").read_text().split())


def test_it_says_the_settings_hash_and_is_the_first_worker_and_the_next_one_is_another(stand_in, tmp_path):
    before = _children()
    with identified(stand_in) as found:
        (checking,) = _children() - before
        assert found.settings_sha256 == StandIn(stand_in, Path(), 1).identity()
        files = _files(tmp_path / "out", found, stand_in)
        first, log = _begin(found, files, "a")
        assert first.wait(60) == 0 and str(first.pid) == checking
        assert "1 published" in log.read_text() and is_there(files.out, "a")
        second, log = _begin(found, files, "b")
        assert second.wait(60) == 0 and second.pid != first.pid
        assert "1 published" in log.read_text() and is_there(files.out, "b")
    assert _children() == before


def test_one_that_works_goes_on_after_the_block(stand_in, tmp_path):
    asked = {"other": manner(1.0)}
    with identified(asked) as found:
        files = _files(tmp_path / "out", found, asked)
        first, _log = _begin(found, files, "a")
    assert first.poll() is None
    assert first.wait(60) == 0 and is_there(files.out, "a")


def test_one_that_is_not_needed_is_gone_after_the_block_without_a_word(stand_in, capfd):
    before = _children()
    with pytest.raises(KeyboardInterrupt), identified(stand_in):
        assert _children() != before
        raise KeyboardInterrupt
    assert _children() == before and capfd.readouterr().err == ""


def test_one_that_was_killed_meanwhile_is_replaced(stand_in, tmp_path):
    before = _children()
    with identified(stand_in) as found:
        files = _files(tmp_path / "out", found, stand_in)
        (checking,) = _children() - before
        os.kill(int(checking), 9)
        os.waitid(os.P_PID, int(checking), os.WEXITED | os.WNOWAIT)
        worker, log = _begin(found, files, "a")
        assert worker.wait(60) == 0 and str(worker.pid) != checking
        assert "1 published" in log.read_text()


def test_what_is_wrong_is_said_and_its_exit_code_is_this_ones(tmp_path, capfd):
    options = {"models": [str(tmp_path / "none.pt")]}
    with pytest.raises(SystemExit) as ended, identified(options):
        pytest.fail("there is no such network")
    assert ended.value.code == 3
    said = capfd.readouterr().err
    assert "none.pt" in said and "Traceback" not in said


ODD = f"""
import os
import sys

sys.path.insert(0, {str(PROGRAM.parent)!r})
import stand_in
from wbtools.cli import main

DOES = {{
    "prints": lambda: print("a network that Python builds says this" * 10_000, flush=True),
    "prints no whole line": lambda: print("settings_sha256", end="", flush=True),
    "asks": lambda: sys.stdin.read(),
    "closes": lambda: [os.close(number) for number in (0, 1)],
    "kills": lambda: os.kill(os.getpid(), 9),
    "ends": lambda: os._exit(1),
}}

class Odd(stand_in.StandIn):
    def identity(self):
        DOES[self.options["does"]]()
        return super().identity()

stand_in.StandIn = Odd
with stand_in.installed():
    main()
"""


@pytest.fixture
def odd(monkeypatch, tmp_path):
    """Processes whose network does something else while it is built, too: `odd(does)` gives their options."""
    (tmp_path / "odd.py").write_text(ODD)
    monkeypatch.setattr(launch, "START", [str(tmp_path / "odd.py")])
    return lambda does: {"other": manner(0.0), "does": does}


@pytest.mark.parametrize("does", ["prints", "prints no whole line", "asks", "closes"])
def test_what_a_network_does_with_the_streams_is_of_no_interest(odd, does):
    with identified(odd(does)) as found:
        assert found.settings_sha256 == StandIn(odd(does), Path(), 1).identity()


@pytest.mark.parametrize(("does", "said"), [("kills", r"was killed \(SIGKILL\)"), ("ends", "ended without a word")])
def test_one_that_ends_by_itself_while_it_checks_is_said_to(odd, does, said):
    before = _children()
    with pytest.raises(TransientError, match=said), identified(odd(does)):
        pytest.fail("nobody is there to work")
    assert _children() == before
