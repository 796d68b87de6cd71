"""The seed job as a task, started as most people start it; measured by `bench/empty.py`."""

import os

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import DAG

with DAG("seed", schedule=None, catchup=False):
    SparkSubmitOperator(
        task_id="seed",
        conn_id="spark_seed",
        application=os.environ["SEED_APPLICATION"],
        jars=os.environ["SEED_JARS"],
        env_vars={"CHECKPOINT_LOCATION": os.environ["SEED_CHECKPOINT"]},
    )
