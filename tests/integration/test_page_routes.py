"""What the page's routes answer when something is not as it should be. Who may call them: see tests/browser."""

from collections.abc import Iterator
from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.api_fastapi.core_api.security import get_user
from airflow.sdk.exceptions import AirflowNotFoundException
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from starlette.testclient import TestClient

from local_stack import Stack
from local_stack.postgres import make_warehouse
from tests.pipeline import Pipeline
from tests.redriving import reject
from web_traffic.page.ranges import PRESETS
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic_airflow.page.access import may_edit, settings, writer
from web_traffic_airflow.page.app import app
from web_traffic_airflow.params import PARAMS


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Return a client that is let in."""
    [login] = app.router.dependencies
    app.dependency_overrides[login.dependency] = lambda: None
    app.dependency_overrides[may_edit] = lambda: True
    app.dependency_overrides[get_user] = lambda: SimpleNamespace(get_name=lambda: "somebody")
    yield TestClient(app, raise_server_exceptions=False)
    app.dependency_overrides.clear()


def use(**environment: str) -> None:
    app.dependency_overrides[settings] = lambda: Settings.from_environment(environment)


def detail(client: TestClient, path: str) -> tuple[int, str]:
    answer = client.get(path)
    return answer.status_code, answer.json()["detail"]


@pytest.mark.parametrize("path", ["traffic", "pipeline", "lag", "rejected", "rejected.ndjson"])
def test_a_database_that_is_down_is_said_to_be(client: TestClient, path: str) -> None:
    use(POSTGRES_URL="postgresql://127.0.0.1:1/web_traffic")
    assert detail(client, f"/api/{path}") == (
        503,
        "PostgreSQL does not answer, or refuses the role web_traffic_reader",
    )


def test_tables_that_no_run_has_made_yet_are_said_to_be_missing(client: TestClient, stack: Stack) -> None:
    make_warehouse(stack, "page_without_tables")
    use(
        POSTGRES_URL=stack.postgres_url.removesuffix("web_traffic") + "page_without_tables",
        POSTGRES_USER="web_traffic_reader",
        POSTGRES_PASSWORD=stack.secrets.postgres_reader,
    )
    message = "The tables are not there, or not up to date: the next run of the DAG web_traffic makes them"
    assert detail(client, "/api/traffic") == (503, message)


def test_a_broker_that_is_down_is_said_to_be(
    client: TestClient, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web_traffic.kafka.TIMEOUT_SECONDS", 1)
    use(**pipeline.environment | {"KAFKA_URL": "127.0.0.1:1"})
    assert detail(client, "/api/lag") == (503, "no Kafka broker answers at 127.0.0.1:1: is it up?")


def test_a_range_that_can_not_be_shown_is_refused_with_the_reason(client: TestClient, pipeline: Pipeline) -> None:
    use(**pipeline.environment)
    assert detail(client, "/api/traffic?range=2h") == (
        400,
        "range=2h: give one of 1h, 6h, 24h, 7d, or from and to",
    )


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("from=0001-01-01T00:00:00Z&to=0001-01-02T00:00:00Z", "from and to must lie in the years 1971 to 2199"),
        ("from=9999-12-31T00:00:00Z&to=9999-12-31T23:00:00-05:00", "from and to must lie in the years 1971 to 2199"),
        ("from=yesterday&to=2026-03-29T00:00:00Z", "from: Input should be a valid datetime"),
        ("search=%00", "a parameter can't be used: "),
    ],
)
def test_a_parameter_that_can_not_be_used_is_named(
    client: TestClient, pipeline: Pipeline, query: str, said: str
) -> None:
    use(**pipeline.environment)
    status, found = detail(client, f"/api/traffic?{query}")
    assert (status, found.startswith(said)) == (400, True), found


CALLS = 5 * settings_of_hypothesis.default.max_examples
"""500; with `--hypothesis-profile=thorough` 5,000."""
EDGES = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "\x00", "-1", str(2**31), str(2**63), "9" * 99)
ANY_VALUE = {
    "string": st.text(max_size=20),
    "date-time": st.datetimes(timezones=st.none() | st.timezones()).map(datetime.isoformat),
    "integer": st.integers(-(2**70), 2**70).map(str),
}
GOOD = {"range": [*PRESETS], "from": ["2026-03-29T00:00:00Z"], "to": ["2026-03-29T06:00:00Z"]}
"""Values that a call needs to come further; without them nearly all calls would end at the range."""
DESCRIBED: dict[str, Any] = {
    path: {one["name"]: one["schema"] for one in operations["get"]["parameters"]}
    for path, operations in app.openapi()["paths"].items()
    if "get" in operations and "parameters" in operations["get"]
}
"""The parameters of each route that has some, by the description that FastAPI makes."""


def value_of(name: str, schema: dict[str, Any]) -> st.SearchStrategy[str]:
    """Return good values of a parameter, others of its kind, the edges of each kind, and any text."""
    kinds = [one.get("format") or one["type"] for one in schema.get("anyOf", [schema]) if one["type"] != "null"]
    good = [*schema.get("enum", ()), *(["false", "true"] if "boolean" in kinds else []), *GOOD.get(name, [])]
    other = st.one_of(
        *(ANY_VALUE[kind] for kind in kinds if kind in ANY_VALUE), ANY_VALUE["string"], st.sampled_from(EDGES)
    )
    return st.integers(0, 9).flatmap(lambda chance: st.sampled_from(good) if good and chance else other)


CALL = st.sampled_from(sorted(DESCRIBED)).flatmap(
    lambda path: st.tuples(
        st.just(path),
        st.fixed_dictionaries(
            {name: value_of(name, schema) for name, schema in DESCRIBED[path].items() if "enum" in schema},
            optional={
                name: value_of(name, schema) for name, schema in DESCRIBED[path].items() if "enum" not in schema
            },
        ),
    )
)


def test_the_description_has_the_views_and_their_parameters() -> None:
    assert {"/api/traffic", "/api/pipeline", "/api/rejected", "/api/list.csv", "/static/{name}"} <= set(DESCRIBED)
    assert {"range", "from", "to", "before_time", "before_offset"} <= set(DESCRIBED["/api/rejected"])


@settings_of_hypothesis(max_examples=CALLS, deadline=None, suppress_health_check=[*HealthCheck])
@given(call=CALL)
def test_no_parameter_makes_the_page_fail(
    client: TestClient, pipeline: Pipeline, call: tuple[str, dict[str, str]]
) -> None:
    use(**pipeline.environment)
    path, parameters = call
    answer = client.get(path.replace("{name}", "none"), params=parameters)
    assert answer.status_code in ((404,) if "{" in path else (200, 400)), (answer.status_code, answer.text)
    assert answer.status_code == 200 or answer.json()["detail"]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9) | st.sampled_from(EDGES),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
ENTRIES = st.dictionaries(st.sampled_from([*PARAMS, "other"]), ANY_JSON, max_size=4)
SILENCE = st.fixed_dictionaries({}, optional={"reason": ANY_JSON, "hours": ANY_JSON})


@settings_of_hypothesis(max_examples=CALLS // 5, deadline=None, suppress_health_check=[*HealthCheck])
@given(told=st.tuples(st.just("/api/form"), ENTRIES) | st.tuples(st.just("/api/alerts/1/silence"), SILENCE | ANY_JSON))
def test_nothing_that_is_sent_makes_the_page_fail(
    client: TestClient, pipeline: Pipeline, told: tuple[str, Any]
) -> None:
    def opened() -> Iterator[Any]:
        with connect(pipeline.settings) as connection:
            yield connection

    app.dependency_overrides[writer] = opened
    path, body = told
    answer = client.post(path, json=body)
    assert answer.status_code in (200, 400, 404), (answer.status_code, answer.text)
    assert answer.status_code == 200 or answer.json()["detail"]


def test_raw_records_are_for_those_who_may_edit_the_dag(client: TestClient, pipeline: Pipeline) -> None:
    use(**pipeline.environment)
    reject(pipeline, b'{"ip": "203.0.113.7"}')
    assert client.get("/api/rejected").json()["events"][0]["value"] is not None
    app.dependency_overrides[may_edit] = lambda: False
    answer = client.get("/api/rejected")
    [event] = answer.json()["events"]
    assert (answer.json()["with_values"], event["value"], event["bytes"]) == (False, None, 21)
    assert detail(client, "/api/rejected.ndjson") == (
        403,
        "raw records are for those who may edit the DAG web_traffic",
    )


def test_no_cache_keeps_values_that_were_rejected(client: TestClient, pipeline: Pipeline) -> None:
    use(**pipeline.environment)
    kept = [client.get(f"/api/{path}").headers["cache-control"] for path in ("rejected", "rejected.ndjson", "traffic")]
    assert kept == ["no-store", "no-store", "private, no-cache"]


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/api/traffic", "/api/lag"])
def test_what_a_browser_has_already_is_not_sent_again(client: TestClient, pipeline: Pipeline, path: str) -> None:
    use(**pipeline.environment)
    first = client.get(path)
    again = client.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    assert "default-src 'none'" in again.headers["Content-Security-Policy"]
    assert client.get(path, headers={"If-None-Match": '"another"'}).content == first.content


def test_a_connection_that_is_missing_is_named(client: TestClient) -> None:
    def without_connection() -> Settings:
        raise AirflowNotFoundException("The conn_id `postgres_reader` isn't defined")

    app.dependency_overrides[settings] = without_connection
    message = "Airflow lacks a connection that the page needs: The conn_id `postgres_reader` isn't defined"
    assert detail(client, "/api/traffic") == (503, message)


def test_every_answer_keeps_the_browser_from_loading_or_framing_anything_foreign(client: TestClient) -> None:
    use()
    for path in ("/", "/static/main.js", "/static/none.js", "/api/traffic?range=2h"):
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'" in policy
        assert "frame-ancestors 'self'" in policy


def test_only_files_of_the_page_are_served(client: TestClient) -> None:
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static//etc/passwd"):
        assert client.get(path).status_code == 404
