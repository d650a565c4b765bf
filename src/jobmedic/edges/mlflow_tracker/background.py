"""One thread that does what may be slow, in order, while the work goes on."""

import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


class BackgroundThread:
    """A daemon, so that a far end that hangs never keeps the process from ending; starts at the first task."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tasks: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()

        def task() -> None:
            try:
                future.set_result(work())
            except BaseException as problem:  # noqa: BLE001 - it belongs to whoever holds the future
                future.set_exception(problem)

        self._tasks.put(task)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        return future

    def drain(self, seconds: float) -> bool:
        """Waits until everything submitted so far is done; False when the time was up first."""
        if self._thread is None:
            return True
        done = self.submit(lambda: None)
        deadline = time.monotonic() + seconds
        while not done.done() and time.monotonic() < deadline:
            time.sleep(0.01)
        return done.done()

    def _run(self) -> None:
        while True:
            self._tasks.get()()
