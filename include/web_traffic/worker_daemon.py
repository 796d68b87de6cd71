"""Forks Spark's Python workers with their modules in place; Spark starts it by `spark.python.daemon.module`.

It imports once what every worker needs, and the workers share the memory. A worker of its own would take most of a
second for the imports, which is a good part of a small run.

A worker collects garbage after each task. What was imported before the fork is none, and looking at all of it took
most of a worker's time in a small run.
"""

import gc
from contextlib import suppress
from importlib import import_module

import pyspark.daemon

MODULES = (
    "pandas",  # Arrow imports it when it makes its first array
    "web_traffic.source",
    "web_traffic.warehouse.staging",
)

if __name__ == "__main__":
    for module in MODULES:
        # Of a daemon that ends, Spark says only that it has no port. A task that fails names what it lacks.
        with suppress(Exception):
            import_module(module)
    gc.freeze()
    pyspark.daemon.manager()
