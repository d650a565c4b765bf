"""Garbage collection for a program that makes a million lasting objects, mostly by importing, and then ends."""

import atexit
import gc

RARELY = (50_000, 20, 50)


def collect_rarely() -> None:
    """For entry points alone: in a notebook or another program the host decides.

    By default Python looks through all objects again and again while libraries are imported, and three times more as the
    process ends: together a third of the CPU time of a pass that finds nothing new. Cycles are still found, only later.
    """
    gc.set_threshold(*RARELY)
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)  # registered first, so it runs last: what is left goes with the process
