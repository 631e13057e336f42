"""Workers: the same to the last bit for threads, processes and any order; lost work is done again."""

import threading
import time
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from studies import (
    SAMPLER,
    TwoBus,
    assert_same_results,
    processes,
    study,
)

from gridloop.errors import BadInput, GridloopError
from gridloop.powerflow.study.job import Done, Parcel, run_parcel
from gridloop.powerflow.study.reducers import Range
from gridloop.powerflow.study.simulate import simulate
from gridloop.powerflow.study.workers import in_order
from gridloop.testing import chain


class Backwards(Executor):
    """Runs what was submitted last first, and only when somebody waits: the worst order there is."""

    def __init__(self):
        self.waiting = []
        self.most = 0

    def submit(self, fn, /, *args, **kwargs):
        future = _Lazy(self)
        self.waiting.append((future, fn, args, kwargs))
        self.most = max(self.most, len(self.waiting))
        return future


class _Lazy(Future):
    def __init__(self, executor):
        super().__init__()
        self.executor = executor

    def result(self, timeout=None):
        while not self.done():
            future, fn, args, kwargs = self.executor.waiting.pop()
            future.set_result(fn(*args, **kwargs))
        return super().result(timeout)


@pytest.mark.parametrize("threads", [2, 8])
def test_any_number_of_threads_gives_the_same(alone, threads):
    assert alone.failed > 10
    assert_same_results(study(threads), alone)


@pytest.mark.parametrize("workers", [1, 3])
def test_any_number_of_processes_gives_the_same(alone, workers):
    with processes(workers) as pool:
        assert_same_results(study(executor=pool), alone)


def test_any_order_gives_the_same_with_few_in_flight(alone):
    executor = Backwards()
    assert_same_results(study(executor=executor, in_flight=5), alone)
    assert executor.most <= 5


def test_the_same_network_on_two_processes():
    net = chain(6)
    one = simulate(net, SAMPLER, 200, [Range()], chunk=10, threads=1)
    with processes(2) as pool:
        assert_same_results(simulate(net, SAMPLER, 200, [Range()], pool, chunk=10), one)


class Forgetful(ThreadPoolExecutor):
    """Loses the first `losses` tasks, as a cluster that loses workers does."""

    def __init__(self, losses):
        super().__init__(2)
        self.losses = losses

    def submit(self, fn, /, *args, **kwargs):
        if self.losses > 0:
            self.losses -= 1
            lost = Future()
            lost.set_exception(ConnectionResetError("the worker is gone"))
            return lost
        return super().submit(fn, *args, **kwargs)


def test_lost_groups_are_handed_out_again(alone):
    with Forgetful(3) as pool:
        assert_same_results(study(executor=pool), alone)


def test_groups_that_are_lost_again_and_again_end_the_study():
    with Forgetful(10**6) as pool, pytest.raises(GridloopError, match="lost with their workers 3 times in a row"):
        study(executor=pool, retries=2)


def test_groups_grow_until_they_take_half_a_second():
    """A chunk of 10 ms makes groups of 50; one of a second stays alone; at the end everybody gets a share."""
    for seconds, largest in ((0.01, 50), (1.0, 1), (0.0, 64)):
        sizes = []

        def submit(begin, end, seconds=seconds, sizes=sizes):
            sizes.append(end - begin)
            future = Future()
            future.set_result(Done({"seen": {"chunks": np.arange(begin, end)}}, seconds * (end - begin)))
            return future

        got = list(in_order(3, 2000, submit, in_flight=4, retries=0))
        assert sum(sizes) == 1997 and max(sizes) == largest and sizes[0] == sizes[-1] == 1
        assert np.concatenate([states["seen"]["chunks"] for _, states in got]).tolist() == list(range(3, 2000))


def test_what_a_worker_raises_is_raised_once_and_soon():
    class Broken(TwoBus):
        calls = 0

        def solve(self, values, needs=frozenset()):
            Broken.calls += 1
            raise ZeroDivisionError("a bug")

    with pytest.raises(ZeroDivisionError, match="a bug"):
        study(2, net=Broken(3))
    assert Broken.calls < 20


def test_threads_do_run_at_once():
    class Slow(TwoBus):
        at_once = most = 0
        lock = threading.Lock()

        def solve(self, values, needs=frozenset()):
            with Slow.lock:
                Slow.at_once += 1
                Slow.most = max(Slow.most, Slow.at_once)
            time.sleep(0.01)
            with Slow.lock:
                Slow.at_once -= 1
            return super().solve(values, needs)

    study(4, n=1000, net=Slow(3))
    assert 1 < Slow.most <= 4


def test_what_cannot_travel_is_said():
    local = type("Local", (TwoBus,), {})
    with processes(1) as pool, pytest.raises(BadInput, match="cannot be sent to another process"):
        study(net=local(3), executor=pool)


def test_a_worker_of_another_version_is_refused(alone):
    parcel = Parcel.of(alone.job)
    assert run_parcel(parcel, 0, 2).states.keys() == alone.results.keys()
    with pytest.raises(BadInput, match=r"the study was started with 0\.0"):
        run_parcel(replace(parcel, version="0.0"), 0, 2)
