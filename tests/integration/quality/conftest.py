"""A database whose result table takes what no pipeline would write, so that each rule can be seen to fail."""

from collections.abc import Iterator

import pytest

from local_stack import Stack
from local_stack.postgres import make_warehouse
from tests.integration.quality.rows import Connection
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect
from web_traffic.warehouse.migrate import migrate

WITHOUT_CONSTRAINTS = """
DROP INDEX public.aggregated_web_traffic_key;
ALTER TABLE public.aggregated_web_traffic DROP CONSTRAINT window_ends_after_its_start;
ALTER TABLE public.aggregated_web_traffic DROP CONSTRAINT aggregated_web_traffic_num_hits_check;
CREATE INDEX ON public.aggregated_web_traffic (window_start);
"""


@pytest.fixture(scope="package")
def warehouse(stack: Stack) -> Settings:
    """Return the owner's settings of the database."""
    make_warehouse(stack, "quality_test")
    settings = Settings.from_environment(
        {
            "POSTGRES_URL": stack.postgres_url.removesuffix("web_traffic") + "quality_test",
            "POSTGRES_USER": "web_traffic_owner",
            "POSTGRES_PASSWORD": stack.secrets.postgres_owner,
        }
    )
    with connect(settings) as connection:
        migrate(connection)
        connection.execute(WITHOUT_CONSTRAINTS)
    return settings


@pytest.fixture
def connection(warehouse: Settings) -> Iterator[Connection]:
    """Return a connection whose rows are gone after the test."""
    with connect(warehouse) as connection, connection.transaction(force_rollback=True):
        yield connection
