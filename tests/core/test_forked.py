"""Programs that tests fork are processes like those that they start."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import pytest
from forked import Asked, Nursery

PROGRAMS = {
    "look": """
import json, os, resource, signal, sys, threading
signals = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]
print(json.dumps([
    os.getppid(), os.getsid(0) == os.getpgid(0) == os.getpid(), dict(os.environ), os.getcwd(), os.umask(0), os.nice(0),
    resource.getrlimit(resource.RLIMIT_FSIZE), [str(signal.getsignal(number)) for number in signals],
    sorted(map(str, signal.pthread_sigmask(signal.SIG_BLOCK, ()))), sys.stdin.read(), sys.argv[1:],
    threading.active_count(), sys.stdout.isatty(), sys.stdout.line_buffering, sys.stderr.line_buffering,
    [number for number in range(100) if os.path.exists(f"/proc/self/fd/{number}")], __name__,
]))
""",
    "code": "import sys; print('out'); sys.exit(3)",
    "sentence": "import sys; print('out', flush=True); sys.exit('why')",
    "abort": "import os; os.abort()",
    "failure": "raise OSError('no')",
    "large": "open('large', 'wb').write(bytes(6000))",
    "last": "import atexit; atexit.register(print, 'last')",
    "sleep": "import os, time; os.fork(); print('here', flush=True); time.sleep(60)",
}


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs")
    for name, content in PROGRAMS.items():
        (folder / f"act_{name}.py").write_text(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(folder))
        made = Nursery(())
        yield made
        made.close()


@pytest.fixture
def forked(nursery, tmp_path):
    """Forks one of the programs."""

    def run(name, *words):
        argv = [f"act_{name}", *words]
        return nursery.born(Asked(argv[0], argv, dict(os.environ), str(tmp_path), [(resource.RLIMIT_FSIZE, 5000)]))

    return run


def started(folder, name, *words):
    """Starts it."""
    return subprocess.run(
        [sys.executable, "-m", f"act_{name}", *words],
        env=dict(os.environ),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)),
    )


def test_a_forked_program_has_what_a_started_one_has(forked, tmp_path, monkeypatch):
    monkeypatch.setenv("WORD", "a b")
    found, expected = forked("look", "c d", "").communicate(30)[0], started(tmp_path, "look", "c d", "").stdout
    for mine, its in zip(json.loads(found), json.loads(expected), strict=True):
        assert mine == its
    assert '"WORD": "a b"' in found and '["c d", ""]' in found and str(os.getpid()) in found


@pytest.mark.parametrize("name", ["code", "sentence", "abort", "failure", "large", "last"])
def test_it_ends_as_a_started_one(forked, tmp_path, name):
    program, other = forked(name), started(tmp_path, name)
    printed = program.communicate(30)[0]
    assert program.returncode == program.poll() == other.returncode
    assert printed.splitlines()[-1:] == other.stdout.splitlines()[-1:]


def test_it_can_be_killed_with_all_of_its_group(forked):
    program = forked("sleep")
    time.sleep(0.2)
    assert program.poll() is None
    os.killpg(program.pid, signal.SIGKILL)
    assert program.communicate(30)[0] == "here\nhere\n" and program.returncode == -signal.SIGKILL


def test_what_takes_too_long_is_said_with_what_was_written(forked):
    program = forked("sleep")
    with pytest.raises(TimeoutError, match="here"):
        program.communicate(0.5)
    os.killpg(program.pid, signal.SIGTERM)
    program.communicate(30)
    assert program.returncode == -signal.SIGTERM
