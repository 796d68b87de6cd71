"""The embedded stack: Kafka, PostgreSQL, a mail sink and Airflow on loopback, without Docker.

On the command line it is `python -m local_stack`; in Python:

    stack = Stack.create(Path("var/test"))
    with running(stack, "postgres", "kafka"):
        ...
"""

from local_stack.environment import Ports, Secrets, Stack
from local_stack.errors import StackError
from local_stack.lifecycle import down, running, up

__all__ = ["Ports", "Secrets", "Stack", "StackError", "down", "running", "up"]
