"""Attempts are counted from one small file per subject, whatever a crash left in it."""

import os
import socket
import time

import pytest

from wbtools.batch.attempts import History, State


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
