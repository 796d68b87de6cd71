"""Points at which a test can stop the program, to see what a crash there would leave behind.

`FAULT_POINT` in the environment names a point and a number, as in `batch committed#2`. A process stops (SIGSTOP) when
it comes to the point for the second time. The test then kills the processes that it wants to see killed. Otherwise a
point does nothing. The variable is read here and not in `settings`, because it is no setting: nobody who runs the ETL
should ever set it.
"""

import os
import signal
import threading
from collections import Counter

_passed: Counter[str] = Counter()


def fault_point(name: str) -> None:
    """Stop here if this is the point, and the time, that was asked for."""
    _passed[name] += 1
    if os.environ.get("FAULT_POINT") == f"{name}#{_passed[name]}":
        # A signal to the whole process might stop another thread first, while this one goes on.
        signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
