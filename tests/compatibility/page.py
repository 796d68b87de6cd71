"""The page of the compatibility matrix."""

from local_stack.environment import REPO, VAR
from local_stack.jars import coordinates
from tests.compatibility.cells import BROKERS, CELLS, Cell
from tests.compatibility.places import PLACES, Place
from tests.compatibility.postgres import JARS_OF
from tests.results import Results

PAGE = REPO / "docs" / "compatibility.md"
RESULTS = Results(VAR / "compatibility" / "results.ndjson", PAGE)
INTRODUCTION = """\
# What it works with

Each row is one way to reach Kafka and PostgreSQL, on one Java and one Python. The trial migrates an empty database,
sends events, runs, redrives an event from the future, sends a late event, runs again and restates. Then it checks the
quality rules, opens each view of the page, and recounts the topic. *Right to the row* means that the table and the
books are exactly as they must be, and that no rule, view or recount disagrees. Otherwise the row has the last words of
the step that failed.

`make compatibility` runs the missing rows and writes this page. `make compatibility CELL="PostgreSQL 13"` runs the
rows again whose title contains that text. *s* is the time of a trial without the start of the servers. *Code* is a
digest of the application and of the trial.

A pipeline meets a broker only through its login, and PostgreSQL only through the way to it. So each login meets each
broker, and each PostgreSQL that works meets each way. Kafka and PostgreSQL share no connection, so one row tries a
pair of each. Java itself reads certificates, fetches tokens and logs in through JAAS, so Java 25 meets a certificate,
SCRAM and OAUTHBEARER. Another Python gets other builds of librdkafka and libpq, so it meets TLS on both sides. Where
Java or Python is the subject, or the login needs jars, each run is a spark-submit of its own; the other rows share a
warm Spark.

| Kafka login | Kafka | PostgreSQL | reached by | Java | Python | Spark | result | s | code |
|---|---|---|---|---|---|---|---|---|---|
"""
OF_PLACES = """
## Where Spark and the checkpoint may be

Each row is the same DAG, with another connection `spark_default` and another `CHECKPOINT_LOCATION`. The trial runs it
with all of its operators. One run is killed before it writes its first batch, and another one after it has written it:
the task with all that it has started, or the container of a driver in the cluster. The run after each of them
recovers. The second one also sends the events from the future back. At the end a run restates half an hour with late
events. *Right to the row* means that table, ledger, books and state store agree with a recount of the topic, and that
events were sent back and rows restated.

The workers of both clusters have a Python with nothing in it: this package and its libraries travel with the run.
Standalone is a master and two workers, YARN has two NodeManagers; all of them are on one machine. On a standalone
cluster Spark has no deploy mode cluster for Python. YARN starts containers on any machine, so the checkpoint can't be
in a folder of one of them. [Clusters](clusters.md) says how to set up each of them.

| master | deploy mode | checkpoint on | result | s | code |
|---|---|---|---|---|---|
"""
SOURCES = """
## Where the versions come from

- The brokers ({brokers}) come from Maven Central. PLAIN, SCRAM-SHA-512, OAUTHBEARER and IAM are over
  SASL_SSL. OAUTHBEARER's tokens come from a local OIDC issuer. IAM's tokens are signed by Amazon's libraries, and
  `tests/iam/Validator.java` checks them in the broker. A broker of 4.4 with OAUTHBEARER starts only
  if it knows who signs the tokens and for whom (`sasl.oauthbearer.expected.issuer` and `….audience`), or is told to
  take any.
- PostgreSQL {from_jars} come from Maven Central, because the wheel of the embedded stack has no TLS. 13 is the
  oldest that was found. It comes from Debian 11, and the ETL needs 14. 19 is the release candidate of
  Debian experimental.
- PgBouncer and the JDKs (below /usr/lib/jvm) are those of the machine, and `uv` finds its Pythons.

## What is not here

- PostgreSQL 19.0: no registry that the project uses served it on the day of the trial.
- Kerberos, and the tokens of Google Cloud: the pipeline [refuses them by name](connections.md).
- Amazon MSK, RDS and Azure themselves: [connections](connections.md) says what was run in their place.
- PgBouncer's statement mode: the pipeline refuses it, as `make test` shows.
"""


def line(cell: Cell | Place) -> str:
    """Return the cell's row of the page; without a result here, the one that it has."""
    version, rows = RESULTS.newest(cell.title)
    start = " | ".join(cell.columns)
    if not rows:
        return RESULTS.shown(start, untried=f"| {start} | not tried | | |\n")
    return f"| {start} | {rows[-1]['result']} | {rows[-1]['seconds']:.0f} | {str(version)[:7]} |\n"


def write_page() -> None:
    tables = ((INTRODUCTION, CELLS), (OF_PLACES, PLACES))
    PAGE.write_text("".join(head + "".join(map(line, rows)) for head, rows in tables) + sources())


def sources() -> str:
    brokers = ", ".join(coordinates(folder)[0].rpartition(":")[2] for folder in BROKERS.values())
    from_jars = " and ".join(
        coordinates(folder)[0].rpartition(":")[2].rpartition(".")[0] for folder in JARS_OF.values()
    )
    return SOURCES.format(brokers=brokers, from_jars=from_jars)
