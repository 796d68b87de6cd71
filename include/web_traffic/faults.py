"""Points at which a test can stop the program dead, to see what a crash there would leave behind.

Where `FAULT_POINT` in the environment is the name of a point, the process that comes to it stops (SIGSTOP), as if time
stood still, and whoever set the variable kills what it wants to see killed. Otherwise a point does nothing. The
variable is read here and not in `settings`, because it is no setting: nobody who runs the ETL should ever set it.
"""

import os
import signal


def fault_point(name: str) -> None:
    """Stop here, the first time that this process comes here, if this is the point that was asked for."""
    if os.environ.get("FAULT_POINT") == name:
        del os.environ["FAULT_POINT"]
        os.kill(os.getpid(), signal.SIGSTOP)
