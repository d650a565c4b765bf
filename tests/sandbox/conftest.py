from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from jobmedic.sandbox import Sandbox
from tests.sandbox.scene import Start


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts sandboxes that end with the test."""
    with ExitStack() as stack:
        yield lambda *args, **fields: stack.enter_context(Sandbox(*args, **fields))
