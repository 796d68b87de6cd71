"""The page of the compatibility matrix."""

from local_stack.environment import REPO, VAR
from local_stack.jars import coordinates
from tests.compatibility.cells import BROKERS, CELLS, Cell
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


def line(cell: Cell) -> str:
    """Return the cell's row of the page; without a result here, the one that it has."""
    version, rows = RESULTS.newest(cell.title)
    start = " | ".join(cell.columns)
    if not rows:
        return RESULTS.shown(start, untried=f"| {start} | not tried | | |\n")
    return f"| {start} | {rows[-1]['result']} | {rows[-1]['seconds']:.0f} | {str(version)[:7]} |\n"


def write_page() -> None:
    PAGE.write_text(INTRODUCTION + "".join(line(cell) for cell in CELLS) + sources())


def sources() -> str:
    brokers = ", ".join(coordinates(folder)[0].rpartition(":")[2] for folder in BROKERS.values())
    from_jars = " and ".join(
        coordinates(folder)[0].rpartition(":")[2].rpartition(".")[0] for folder in JARS_OF.values()
    )
    return SOURCES.format(brokers=brokers, from_jars=from_jars)
