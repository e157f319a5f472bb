"""The workers of a real Dask scheduler, one of them killed, and the client as well."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest
import stub_batch
from crash_recovery import events, is_whole, visible, wbtools
from stand_in import PROGRAM, manner

pytest.importorskip("distributed", reason="Dask is not installed: pip install wbtools[dask]")

IDS = [f"{100000 + number}" for number in range(60)]


@pytest.fixture
def dask(tmp_path):
    """A scheduler and three workers on loopback; gives the address and the workers' processes."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    options = ["--no-dashboard", "--host", "127.0.0.1"]
    started = [_daemon("dask_scheduler", "--port", address.rpartition(":")[2], *options)]
    for _ in range(3):
        place = [
            "--preload",
            "stand_in",
            "--nthreads",
            "1",
            "--no-nanny",
            "--local-directory",
            str(tmp_path / "dask"),
            *options,
        ]
        started.append(_daemon("dask_worker", address, *place))
    yield address, started[1:]
    for daemon in started:
        daemon.kill()  # asked politely, workers wait half a minute for a scheduler that is gone
        daemon.wait()


def _daemon(module, *options):
    return subprocess.Popen(
        [sys.executable, "-m", f"distributed.cli.{module}", *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(PROGRAM.parent)},
    )


@pytest.mark.slow
def test_sixty_subjects_survive_a_killed_worker_and_a_killed_client(dask, tmp_path):
    address, workers = dask
    out = tmp_path / "out"
    options = ("--engine", "dask", "--scheduler", address)
    client = stub_batch.start(out, *IDS, options=options, seconds=0.3)
    while len(visible(out)) < 8:
        assert client.poll() is None, client.communicate()
        time.sleep(0.1)
    workers[0].send_signal(signal.SIGKILL)
    while len(visible(out)) < 20:
        assert client.poll() is None, client.communicate()
        time.sleep(0.1)
    client.kill()
    client.wait()
    done = stub_batch.run(out, *IDS, options=options, seconds=0.3)
    assert done.returncode == 0, done.stderr
    assert visible(out) == IDS and all(is_whole(out, subject) for subject in IDS)
    told = [event.get("ending") for subject in IDS for event in events(out, subject)]
    assert told.count("published") <= 60
    begun = sum(event["event"] == "start" for subject in IDS for event in events(out, subject))
    assert begun <= 70, "what was lost is begun again, not everything"
    again = stub_batch.run(out, *IDS, options=options, seconds=0.3)
    assert again.returncode == 0
    assert begun == sum(event["event"] == "start" for subject in IDS for event in events(out, subject))


def test_the_file_that_a_scheduler_wrote_is_as_good_as_its_address_and_must_exist(tmp_path):
    words = wbtools("run", "a", "--out", tmp_path / "out", "--engine", "dask", "--other", manner(0))
    said = subprocess.run([*words, "--scheduler-file", str(tmp_path / "none.json")], capture_output=True, text=True)
    assert said.returncode == 3 and "none.json does not exist" in said.stderr
    said = subprocess.run(words, capture_output=True, text=True)
    assert said.returncode == 3 and "--scheduler-file" in said.stderr


def test_a_scheduler_that_does_not_answer_is_named(tmp_path):
    words = wbtools("run", "a", "--out", tmp_path / "out", "--engine", "dask", "--other", manner(0))
    environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s"}
    said = subprocess.run([*words, "--scheduler", "tcp://127.0.0.1:9"], capture_output=True, text=True, env=environment)
    assert said.returncode == 3 and "tcp://127.0.0.1:9" in said.stderr
