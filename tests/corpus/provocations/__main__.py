"""`python -m provocations NAME PREFIX OUT`: provokes one module's failures in the interpreter that it is run by."""

import importlib
import os
import sys
from pathlib import Path

from provocations import registry

if __name__ == "__main__":
    name, prefix, out = sys.argv[1:]
    registry.WORK.mkdir(parents=True, exist_ok=True)
    importlib.import_module(f"provocations.{name}")
    count = registry.write(registry.record(prefix), Path(out))
    print(f"{prefix}: {count} of {len(registry.REGISTRY)} failed as meant", file=sys.stderr)
    sys.stderr.flush()
    os._exit(0)  # what the failures left behind (threads, servers, half-open clients) need not be waited for
