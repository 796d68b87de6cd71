"""The assets that tell other DAGs which hours and days are complete, and which hours were restated.

Their partition keys are the starts of these spans. Airflow keeps the events of an asset, and the newest of them says
up to where downstream DAGs were told.
"""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg
from airflow.sdk import Asset, task
from airflow.sdk.exceptions import AirflowRuntimeError, AirflowSkipException

from web_traffic_airflow.connections import open_database

if TYPE_CHECKING:
    from web_traffic.downstream.news import News

log = logging.getLogger(__name__)

HOURS = Asset("web_traffic_hours")
DAYS = Asset("web_traffic_days")
RESTATED_HOURS = Asset("web_traffic_restated_hours")
ASSETS = (HOURS, DAYS, RESTATED_HOURS)
TASKS = [(f"announce_{asset.name.removeprefix('web_traffic_')}", asset) for asset in ASSETS]
TOLD_UNTIL = "told_until"
NEWEST = 20
"""So many events are looked at: a person may have made some by hand, which say nothing of what was told."""


def announcements() -> list[Any]:
    """Make the tasks that announce, one for each asset: an outlet that gets no key would emit an event without one."""
    return [announce.override(task_id=name, inlets=[asset], outlets=[asset])(asset.name) for name, asset in TASKS]


@task(max_active_tis_per_dag=1)
def announce(name: str, *, inlet_events: Any = None, outlet_events: Any = None) -> None:
    """Emit an event for each span that downstream DAGs were not told of; Airflow keeps all of them, or none.

    So a try that fails has told nothing, and the next one, or the next run, tells it.
    """
    asset = Asset(name)
    with open_database() as connection:
        news = _news(connection, asset, inlet_events)
    if news is None:
        raise AirflowSkipException("downstream DAGs know it all")
    log.info("%s: %s", name, ", ".join(news.keys))
    outlet_events[asset].add_partitions(list(news.keys))
    outlet_events[asset].extra = {TOLD_UNTIL: news.until.isoformat()}


def is_there_news(inlet_events: Mapping[Asset, Any]) -> bool:
    """Whether there is anything to announce; if that is not known, too: the tasks that announce will say why."""
    try:
        with open_database() as connection:
            return any(_news(connection, asset, inlet_events) for asset in inlet_events)
    except (psycopg.Error, AirflowRuntimeError) as error:
        log.warning("it is not known whether there is anything to announce: %s", error)
        return True


def _news(connection: Any, asset: Asset, inlet_events: Mapping[Asset, Any]) -> "News | None":
    from web_traffic.downstream import news

    questions = {
        HOURS.name: news.complete_hours,
        DAYS.name: news.complete_days,
        RESTATED_HOURS.name: news.restated_hours,
    }
    newest = (event.extra.get(TOLD_UNTIL) for event in inlet_events[asset].ascending(False).limit(NEWEST))
    told_until = next((datetime.fromisoformat(told) for told in newest if told), None)
    return questions[asset.name](connection, told_until)
