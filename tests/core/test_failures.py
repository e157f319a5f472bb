"""Failures end in one sentence and an exit code, and a command leaves its process as it found it."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import click
import pytest
from click.testing import CliRunner

from wbtools.cli.failures import reports_errors

WBTOOLS = [sys.executable, "-P", "-m", "wbtools.cli"] if sys.version_info >= (3, 11) else ["wbtools"]
NUMBERS = (signal.SIGTERM, signal.SIGHUP)


def command(act):
    """A command that does something."""

    @click.command()
    @reports_errors
    def made():
        act()

    return made


def fails(error):
    def act():
        raise error

    return act


@pytest.fixture(params=["a function", signal.SIG_IGN, signal.SIG_DFL], ids=str)
def handler(request):
    """Handlers of the program that calls a command."""
    mine = (lambda number, frame: None) if request.param == "a function" else request.param
    before = {number: signal.signal(number, mine) for number in NUMBERS}
    yield mine
    for number, old in before.items():
        signal.signal(number, old)


@pytest.mark.parametrize("act", [lambda: None, fails(OSError(28, "full")), fails(ValueError("a bug")), sys.exit])
def test_a_command_leaves_the_handlers_of_signals_as_they_were(handler, act):
    CliRunner().invoke(command(act), [])
    assert [signal.getsignal(number) for number in NUMBERS] == [handler, handler]


def test_a_request_to_end_unwinds_while_a_command_runs():
    result = CliRunner().invoke(command(partial(os.kill, os.getpid(), signal.SIGTERM)), [])
    assert (result.exit_code, "interrupted" in result.output) == (75, True)


def test_a_command_runs_in_a_thread_where_no_handler_can_be_set():
    found = []
    thread = threading.Thread(target=lambda: found.append(CliRunner().invoke(command(lambda: None), []).exit_code))
    thread.start()
    thread.join()
    assert found == [0]


SHORT = [
    ImportError("libtorch_cpu.so: failed to map segment from shared object"),
    OSError("/x/libcublasLt.so.13: cannot create shared object descriptor: Cannot allocate memory"),
    RuntimeError("can't start new thread"),
    RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory"),
    MemoryError(),
]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: str(error)[:30])
def test_memory_that_was_refused_is_the_machines_fault_whoever_says_so(error):
    result = CliRunner().invoke(command(fails(error)), [])
    assert result.exit_code == 75
    assert result.output.startswith("Error: there is not enough memory\nHint: ")


def test_a_missing_module_is_not_taken_for_missing_memory():
    result = CliRunner().invoke(command(fails(ImportError("cannot import name 'x'"))), [])
    assert isinstance(result.exception, ImportError)


def test_a_process_that_is_granted_too_little_memory_says_so():
    """Too little for torch's libraries, as `ulimit -v` and small jobs have it."""
    limit = partial(resource.setrlimit, resource.RLIMIT_AS, (10**9, 10**9))
    done = subprocess.run([*WBTOOLS, "models"], preexec_fn=limit, capture_output=True, text=True)
    assert (done.returncode, "Traceback" in done.stderr) == (75, False), done.stderr
    assert "not enough memory" in done.stderr


@pytest.mark.parametrize("words", [("models",), ("export-subject", "x", "--study-folder", "/", "--dry-run")])
def test_a_working_directory_that_was_removed_is_said_before_a_library_ends_the_process(tmp_path, words):
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", 'rmdir "$0" && exec "$@"', gone, *WBTOOLS, *words], cwd=gone, capture_output=True, text=True
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.startswith("Error: the working directory is not there any more")
    assert "Hint: go to a folder that is there" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_waits_until_a_module_has_been_imported(number):
    """Python's import keeps a lock that nobody would release: an export whose threads then import hangs for ever."""
    reached = []
    importing = "os.kill(os.getpid(), number)\nfor _ in range(1000): pass\nreached.append('imported')"

    @reports_errors
    def act():
        code = compile(importing, "<frozen importlib._bootstrap>", "exec")
        exec(code, {"os": os, "number": number, "reached": reached})
        time.sleep(10)
        reached.append("not interrupted")

    with pytest.raises(SystemExit) as ended:
        act()
    assert ended.value.code == 75 and reached == ["imported"]


def test_an_interruption_while_a_command_is_imported_means_what_it_does_later(monkeypatch):
    from wbtools import cli

    def interrupted(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.importlib, "import_module", interrupted)
    run = CliRunner().invoke(cli.main, ["doctor"])
    assert run.exit_code == 75 and "Error: interrupted" in run.stderr and "Aborted" not in run.output


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exprt-subject", "No such command 'exprt-subject'. Did you mean 'export-subject'?"),
        ("export", "No such command 'export'. Did you mean 'export-subject'?"),
        ("100307", "No such command '100307'.\n"),
        ("a\x1b[31m", "No such command 'a\\x1b[31m'.\n"),
        ("", "No such command ''.\n"),
    ],
)
def test_a_command_that_does_not_exist_is_told_with_the_one_that_was_meant(name, said):
    from wbtools.cli import main

    run = CliRunner().invoke(main, [name])
    assert run.exit_code == 2 and said in run.stderr
