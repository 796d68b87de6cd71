"""Forks Spark's Python workers with their modules in place; Spark starts it by `spark.python.daemon.module`.

What every worker needs is imported once, and its memory is shared. Each worker by itself would take most of a second
for it, which is a good part of a small run.
"""

import pandas  # type: ignore[import-untyped]  # noqa: F401  Arrow imports it when it makes its first array
import pyspark.daemon

import web_traffic.source
import web_traffic.warehouse.staging  # noqa: F401

if __name__ == "__main__":
    pyspark.daemon.manager()
