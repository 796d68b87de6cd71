"""The name of a run, as it is in `etl.run`, in messages and in the addresses of the page."""


def run_name(dag_id: str, run_id: str) -> str:
    """Return the name of a DAG run; runs of two DAGs never have the same name.

    A run id is not enough: at midnight both DAGs have a run `scheduled__…T00:00:00+00:00`.
    """
    return f"{dag_id}/{run_id}"
