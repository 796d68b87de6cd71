"""Forks Spark's Python workers with their modules in place; Spark starts it by `spark.python.daemon.module`.

It imports once what every worker needs, and the workers share the memory. A worker of its own would take most of a
second for the imports, which is a good part of a small run.

A worker collects garbage after each task. What was imported before the fork is none, and looking at all of it took
most of a worker's time in a small run.
"""

import gc

import pandas  # type: ignore[import-untyped]  # noqa: F401  Arrow imports it when it makes its first array
import pyspark.daemon

import web_traffic.source
import web_traffic.warehouse.staging  # noqa: F401

if __name__ == "__main__":
    gc.freeze()
    pyspark.daemon.manager()
