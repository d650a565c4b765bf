import threading
import time
from functools import partial

import pytest

from jobmedic.edges.mlflow_tracker.background import BackgroundThread


def test_tasks_are_done_in_order_on_one_other_thread() -> None:
    thread, done = BackgroundThread("t"), list[tuple[int, int]]()
    for number in range(50):
        thread.submit(partial(lambda n: done.append((n, threading.get_ident())), number))
    assert thread.drain(5)
    assert [number for number, _ in done] == list(range(50))
    assert {ident for _, ident in done} - {threading.get_ident()} == {done[0][1]}


def test_a_task_that_fails_tells_its_future_and_stops_nothing() -> None:
    thread = BackgroundThread("t")
    failed, fine = thread.submit(lambda: 1 / 0), thread.submit(lambda: 7)
    assert fine.result(5) == 7
    with pytest.raises(ZeroDivisionError):
        failed.result(5)


def test_draining_gives_up_in_time() -> None:
    thread, gate = BackgroundThread("t"), threading.Event()
    thread.submit(gate.wait)
    started = time.monotonic()
    assert not thread.drain(0.1)
    assert time.monotonic() - started < 1
    gate.set()


def test_a_thread_that_never_worked_is_drained_at_once() -> None:
    assert BackgroundThread("t").drain(0)
