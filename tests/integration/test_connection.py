"""What the address of the database says counts before what the ETL sets by itself."""

from dataclasses import replace

from tests.pipeline import Pipeline
from web_traffic.warehouse.connection import connect


def test_of_several_hosts_the_one_that_takes_writes_is_chosen_unless_the_address_says_otherwise(
    pipeline: Pipeline,
) -> None:
    hosts, _, name = pipeline.settings.postgres_url.removeprefix("postgresql://").partition("/")
    url = f"postgresql://127.0.0.1:1,{hosts}/{name}"
    for query, chosen in (("", "read-write"), ("?target_session_attrs=any", "any")):
        with connect(replace(pipeline.settings, postgres_url=url + query)) as connection:
            assert connection.info.get_parameters().get("target_session_attrs", "any") == chosen


def test_parameters_of_the_address_reach_the_server_and_the_limits_stay(pipeline: Pipeline) -> None:
    url = f"{pipeline.settings.postgres_url}?application_name=mine&options=-c%20work_mem%3D7MB&connect_timeout=3"
    with connect(replace(pipeline.settings, postgres_url=url)) as connection:
        shown = [
            connection.execute(f"SHOW {name}").fetchall()[0][0]
            for name in ("application_name", "work_mem", "lock_timeout", "TimeZone")
        ]
        assert shown == ["mine", "7MB", "30s", "UTC"]
        assert connection.info.get_parameters()["connect_timeout"] == "3"
