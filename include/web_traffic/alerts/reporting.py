"""How a failure becomes an incident, and a success ends one."""

import logging
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

import psycopg

from web_traffic.alerts import offline
from web_traffic.alerts.channels import channels
from web_traffic.alerts.incident import Incident
from web_traffic.alerts.settings import AlertSettings
from web_traffic.alerts.store import close_incidents, deliver, open_incident
from web_traffic.errors import ChannelDown
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect

log = logging.getLogger(__name__)


def report(settings: Settings, alerts: AlertSettings, incident: Incident) -> list[ChannelDown]:
    """Open an incident or fold it into the open one, and send what is unsent.

    Returns the errors of channels; the messages that these did not send are kept. Without PostgreSQL the message goes
    out all the same.
    """
    ways = channels(alerts)
    incident = incident.without(settings.postgres_password, unquote(urlsplit(alerts.smtp_url or "").password or ""))
    if not ways:
        log.warning("nobody is told of %s: set ALERT_EMAIL (and smtp_default) or ALERT_URLS", incident.title)
    try:
        with closing(connect(settings)) as connection:
            offline.hand_over(alerts.folder, connection)
            open_incident(connection, incident, [way.name for way in ways])
            return deliver(connection, ways)
    except psycopg.Error as error:
        log.warning("etl.alert can't be written (%s): the incident is kept in %s", error, alerts.folder)
        return offline.report(alerts.folder, incident, ways)


def recover(settings: Settings, alerts: AlertSettings, *keys: str, windows: str | None = None) -> list[ChannelDown]:
    """Close the open incidents with these keys, and send what is unsent; raises `psycopg.Error`.

    Of incidents about windows, only those end whose windows have all succeeded; `windows` are those that did now.
    """
    with closing(connect(settings)) as connection:
        offline.hand_over(alerts.folder, connection)
        if not close_incidents(connection, keys, datetime.now(UTC), windows):
            return []
        return deliver(connection, channels(alerts))
