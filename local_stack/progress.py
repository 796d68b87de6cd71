"""Progress lines of the long steps."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def step(done: str, doing: str | None = None) -> Iterator[None]:
    """Print what is being done, and at the end what was done, with the seconds."""
    started = time.monotonic()
    if doing:
        print(f"  … {doing}", flush=True)
    yield
    print(f"{done} ({time.monotonic() - started:.1f} s)", flush=True)
