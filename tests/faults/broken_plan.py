"""The application with a broken plan: `BROKEN=<name> spark-submit tests/faults/broken_plan.py`."""

import os

from pyspark.sql import functions as F

from web_traffic.jobs import aggregate
from web_traffic.windows import count_hits

BROKEN = {"no memory": "length(repeat(left(host, 1), 2000000000))"}

if __name__ == "__main__":
    expression = BROKEN[os.environ["BROKEN"]]
    aggregate.count_hits = lambda decoded: count_hits(decoded).withColumn("num_hits", F.expr(expression).cast("long"))
    aggregate.main()
