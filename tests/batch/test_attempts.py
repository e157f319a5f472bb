"""Attempts are counted from one small file per subject, whatever a crash left in it."""

import json
import os
import socket
import time

import pytest

from wbtools.batch.state.attempts import History, State, endings
from wbtools.batch.state.folder import BatchFiles
from wbtools.batch.state.overview import overview
from wbtools.batch.state.plan import Plan


def start(run, **facts):
    return {
        "event": "start",
        "run": run,
        "time": time.time(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
        **facts,
    }


def end(run, ending, **facts):
    return {"event": "end", "run": run, "ending": ending, **facts}


def state(*events):
    return History(events).state(max_attempts=2, timeout=60)


def test_faults_use_attempts_up_and_interruptions_do_not():
    assert state() is State.TODO
    assert state(start("a"), end("a", "fault")) is State.TODO
    assert state(start("a"), end("a", "fault"), start("b"), end("b", "fault")) is State.EXCLUDED
    assert state(start("a"), end("a", "interrupted"), start("b"), end("b", "fault")) is State.TODO


def test_what_was_published_and_taken_away_speaks_against_nobody():
    published = start("a"), end("a", "published"), start("b"), end("b", "published")
    assert state(*published) is State.TODO and History(published).used == 0


def test_bad_input_is_given_up_at_once():
    assert state(start("a"), end("a", "bad input", reason="no T1w")) is State.FAILED
    assert History((start("a"), end("a", "bad input", reason="no T1w"))).reason == "no T1w"


def test_an_attempt_without_an_end_runs_until_its_worker_is_gone_or_its_time_is_over():
    assert state(start("a")) is State.RUNNING
    assert state(start("a", time=time.time() - 61)) is State.TODO
    gone = os.spawnvp(os.P_NOWAIT, "true", ["true"])
    os.waitpid(gone, 0)
    assert state(start("a", pid=gone)) is State.TODO
    assert state(start("a", pid=gone), start("b", pid=gone)) is State.EXCLUDED
    assert state(start("a", pid=gone, host="another-machine")) is State.RUNNING


def test_new_attempts_forget_the_old_ones():
    lines = [
        '{"event": "start", "run": "a"}',
        '{"event": "end", "run": "a", "ending": "bad input"}',
        '{"event": "retry"}',
    ]
    assert History.parse(lines).state(1, 60) is State.TODO


@pytest.mark.parametrize("torn", ['{"event": "st', "", "null", "[1]", "\x00\x00"])
def test_torn_lines_do_not_count(torn):
    assert History.parse(['{"event": "start", "run": "a"}', torn]).used == 1


def on_disk(tmp_path, *events, written=None):
    """The history that a file tells, last written to at some time."""
    files = BatchFiles(tmp_path)
    files.make()
    path = files.attempts("a")
    path.write_text("".join(json.dumps(event) + "\n" for event in events))
    if written is not None:
        os.utime(path, (written, written))
    return History.read(files, "a")


def test_a_start_in_the_future_runs_as_long_as_any_other(tmp_path):
    now = time.time()
    ahead = start("a", time=now + 86400, host="a-machine-whose-clock-is-ahead")
    assert on_disk(tmp_path, ahead).state(2, 60) is State.RUNNING, "it was written just now"
    assert on_disk(tmp_path, ahead, written=now - 61).state(2, 60) is State.TODO
    assert on_disk(tmp_path, ahead, written=now + 86400).state(2, 60) is State.TODO, "no clock can be believed"
    assert state({**ahead, "time": now + 30}) is State.RUNNING, "clocks differ by seconds"
    for wrong in (float("inf"), float("nan"), 1e300, "soon", None, [1], True):
        assert state({**ahead, "time": wrong}) is State.TODO, wrong
    assert state({**ahead, "time": int(now)}) is State.RUNNING


def test_another_users_attempts_count_as_well(tmp_path):
    files = BatchFiles(tmp_path)
    files.make()
    now = time.time()
    files.attempts("a").write_text(json.dumps(start("one", time=now - 30)) + "\n")
    other = files.home / "attempts~4711" / "a.jsonl"
    other.parent.mkdir()
    lines = [end("one", "fault", time=now - 20), start("two", time=now - 10), end("two", "fault", time=now)]
    other.write_text("".join(json.dumps(line) + "\n" for line in lines))
    history = History.read(files, "a")
    assert history.used == 2 and history.state(2, 60) is State.EXCLUDED
    assert overview(files, Plan("0", max_attempts=2), ["a"]).states == {"a": State.EXCLUDED}


def test_values_that_cannot_be_meant_count_as_missing():
    text = json.dumps({"event": "end", "run": ["x"], "reason": "a\nb\x1b[2J", "seconds": 1e400, "memory": {"a": 1}})
    (event,) = History.parse([text]).events
    assert set(event) == {"event", "reason"} and "\n" not in event["reason"] and "\x1b" not in event["reason"]
    assert list(endings([History(({"event": "end", "seconds": 1e300, "memory": 1},))])) == []
    deep = '{"event":' + "[" * 100_000
    assert History.parse([deep, "9" * 5000]).damaged == 2
    assert state(start("a", pid=1 << 70)) is State.RUNNING and state(start("a", pid=-1)) is State.RUNNING


def test_what_is_no_file_is_damage_and_a_missing_file_is_none(tmp_path):
    files = BatchFiles(tmp_path)
    files.make()
    assert History.read(files, "a") == History((), float("-inf"))
    files.attempts("a").mkdir()
    os.mkfifo(files.attempts("b"))
    files.attempts("c").symlink_to("/dev/zero")
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    assert [History.read(files, subject).damaged for subject in "abc"] == [1, 1, 1]
    assert len(os.listdir("/proc/self/fd")) == opened  # noqa: PTH208
