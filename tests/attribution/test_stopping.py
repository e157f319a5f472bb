"""Work in another thread ends where it is, whatever it does, and none begins after that."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from wbtools.attribution.runtime.stopping import NoLongerWanted, Stop


def test_endless_passes_end_and_the_next_never_begins():
    stop, begun, ended = Stop(), threading.Event(), threading.Event()
    layer = torch.nn.Conv3d(1, 4, 3)

    def work():
        with stop.heeded():
            begun.set()
            try:
                while True:
                    layer(torch.zeros(1, 1, 12, 12, 12))
            finally:
                ended.set()  # a method's own tidying is done

    with ThreadPoolExecutor(1) as pool:
        first, second = pool.submit(work), pool.submit(work)
        assert begun.wait(30)
        stop.now()
        for each in (first, second):
            with pytest.raises(NoLongerWanted):
                each.result(timeout=30)
    assert ended.is_set()


def test_work_that_is_over_is_left_alone():
    stop = Stop()
    with ThreadPoolExecutor(1) as pool:

        def work():
            with stop.heeded():
                return threading.get_ident()

        thread = pool.submit(work).result()
        stop.now()
        time.sleep(0.05)
        assert pool.submit(threading.get_ident).result() == thread  # the thread lives, and takes other work


def test_two_threads_are_ended_together():
    stop, begun = Stop(), threading.Barrier(3)

    def work():
        with stop.heeded():
            begun.wait(30)
            while True:
                time.sleep(0.001)

    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(work) for _ in range(2)]
        begun.wait(30)
        stop.now()
        for each in both:
            with pytest.raises(NoLongerWanted):
                each.result(timeout=30)
