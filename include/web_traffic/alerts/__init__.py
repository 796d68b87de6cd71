"""Incidents, and the messages that people get about them.

An incident has a key, such as `web_traffic/aggregate`. It goes through these states, all in its row of `etl.alert`:

    (nothing) --report--> open --report--> open, one failure more --recover--> over

When an incident opens, a message `opened` for each channel goes into its `unsent`; when it is over, a message
`recovered` does. Failures in between are only counted. The transaction that sends a message takes it out of `unsent`.
It locks the row, and other processes skip locked rows, so no two processes send the same message. If a channel is
down, its messages stay in `unsent`, and the next delivery (for another incident, or by the watchdog) tries again. A
message goes out twice only if a process is killed after the channel took it and before the commit. Both copies then
have the same Message-ID.

While PostgreSQL is down, incidents are in a file instead (`offline`), and move to the table when it is back.
"""

from web_traffic.alerts.incident import Incident
from web_traffic.alerts.reporting import recover, report

__all__ = ["Incident", "recover", "report"]
