"""What the page's routes answer when something is not as it should be. Who may call them: see tests/browser."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from airflow.sdk.exceptions import AirflowNotFoundException
from hypothesis import HealthCheck, given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st
from starlette.testclient import TestClient

from local_stack import Stack
from local_stack.postgres import make_warehouse
from tests.pipeline import Pipeline
from web_traffic.settings import Settings
from web_traffic_airflow.page.app import app, settings


@pytest.fixture
def client() -> Iterator[TestClient]:
    """Return a client that is let in."""
    [login] = app.router.dependencies
    app.dependency_overrides[login.dependency] = lambda: None
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
    message = "The tables are not there yet: a run of the DAG web_traffic makes them"
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


ANY_TEXT = st.text(max_size=20)
ANY_NUMBER = st.integers(-(2**70), 2**70).map(str)
PARAMETERS = {
    **dict.fromkeys(("range", "from", "to", "before_time"), ANY_TEXT | st.datetimes().map(datetime.isoformat)),
    **dict.fromkeys(("search", "run", "reason", "before_topic"), ANY_TEXT),
    **dict.fromkeys(("before", "before_partition", "before_offset"), ANY_TEXT | ANY_NUMBER),
}


@settings_of_hypothesis(max_examples=500, deadline=None, suppress_health_check=[*HealthCheck])
@given(
    path=st.sampled_from(("traffic", "pipeline", "quality", "alerts", "restatements", "rejected", "rejected.ndjson")),
    parameters=st.fixed_dictionaries({}, optional=PARAMETERS),
)
def test_no_parameter_makes_the_page_fail(
    client: TestClient, pipeline: Pipeline, path: str, parameters: dict[str, str]
) -> None:
    use(**pipeline.environment)
    answer = client.get(f"/api/{path}", params=parameters)
    assert answer.status_code in (200, 400), (answer.status_code, answer.text)
    assert answer.status_code == 200 or answer.json()["detail"]


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
