"""Incidents, and the messages that people get about them.

An incident has a key, such as `web_traffic/aggregate`. It goes through these states, all in its row of `etl.alert`:

    (nothing) --report--> open --report--> open, one failure more --recover--> over

Opening it puts a message `opened` for each channel into its `unsent`, its end a message `recovered`; what happens in
between is folded. A message leaves `unsent` in the transaction that has sent it, under a lock of the row that all
others skip, so that no two processes send it. A channel that is down keeps its messages there, and the next delivery
(of the next incident, or of the watchdog) tries again. Only if a process is killed after the channel has taken the
message and before the commit does it go out a second time, with the same Message-ID.

While PostgreSQL is down incidents live in a file instead (`offline`), and move to the table when it is back.
"""

from web_traffic.alerts.incident import Incident
from web_traffic.alerts.reporting import recover, report

__all__ = ["Incident", "recover", "report"]
