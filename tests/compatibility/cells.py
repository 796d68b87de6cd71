"""The cells of the compatibility matrix, as the page shows them."""

from dataclasses import astuple, dataclass

LOGINS = {
    "PLAINTEXT": "open",
    "SSL": "encrypted",
    "mTLS": "by_certificate",
    "PLAIN": "by_password",
    "SCRAM-SHA-512": "by_scram",
    "OAUTHBEARER": "by_token",
    "IAM": "by_iam",
}
"""What a client gives to the broker, and by which of its doors it comes in. The last four are over SASL_SSL."""
BROKERS = {"3.9": "kafka-3.9", "4.1": "kafka", "4.4": "kafka-4.4"}
"""The brokers, with the folders of their jars; 4.1 is the one of the embedded stack."""
POSTGRES = ("13", "14", "18", "19")
WAYS = ("plain", "verify-full", "PgBouncer session", "PgBouncer transaction")
JAVAS = ("17", "25")
PYTHONS = ("3.11", "3.12", "3.13")


@dataclass(frozen=True)
class Cell:
    """One way to run the pipeline."""

    login: str
    broker: str
    postgres: str
    way: str
    """How the clients of PostgreSQL reach it."""
    java: str = "17"
    python: str = "3.11"
    is_cold: bool = False
    """Whether each run is a spark-submit of its own: Java or Python is the subject, or the login needs jars."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The values, as the page shows them."""
        *values, is_cold = astuple(self)
        return *values, "spark-submit" if is_cold else "warm"

    @property
    def title(self) -> str:
        """The values, as one reads them out."""
        login, broker, postgres, way, java, python, spark = self.columns
        return f"{login}, Kafka {broker}, PostgreSQL {postgres}, {way}, Java {java}, Python {python}, {spark}"


CELLS = (
    Cell("PLAINTEXT", "3.9", "14", "plain"),
    Cell("PLAINTEXT", "4.1", "18", "PgBouncer session"),
    Cell("PLAINTEXT", "4.4", "19", "PgBouncer transaction"),
    Cell("SSL", "3.9", "14", "verify-full"),
    Cell("SSL", "4.1", "18", "PgBouncer transaction"),
    Cell("SSL", "4.4", "19", "plain"),
    Cell("mTLS", "3.9", "14", "PgBouncer session"),
    Cell("mTLS", "4.1", "18", "plain"),
    Cell("mTLS", "4.4", "19", "verify-full"),
    Cell("PLAIN", "3.9", "14", "PgBouncer transaction"),
    Cell("PLAIN", "4.1", "18", "verify-full"),
    Cell("PLAIN", "4.4", "19", "PgBouncer session"),
    Cell("SCRAM-SHA-512", "3.9", "19", "PgBouncer transaction"),
    Cell("SCRAM-SHA-512", "4.1", "14", "plain"),
    Cell("SCRAM-SHA-512", "4.4", "18", "verify-full"),
    Cell("OAUTHBEARER", "3.9", "19", "verify-full"),
    Cell("OAUTHBEARER", "4.1", "18", "plain"),
    Cell("OAUTHBEARER", "4.4", "14", "PgBouncer transaction"),
    Cell("PLAINTEXT", "4.1", "13", "plain"),
    Cell("SCRAM-SHA-512", "4.1", "18", "PgBouncer transaction", is_cold=True),
    Cell("mTLS", "4.4", "18", "verify-full", java="25", is_cold=True),
    Cell("SCRAM-SHA-512", "3.9", "14", "PgBouncer session", java="25", is_cold=True),
    Cell("OAUTHBEARER", "4.4", "19", "plain", java="25", is_cold=True),
    Cell("IAM", "3.9", "18", "plain", is_cold=True),
    Cell("IAM", "4.1", "14", "PgBouncer transaction", is_cold=True),
    Cell("IAM", "4.4", "19", "verify-full", java="25", is_cold=True),
    Cell("SCRAM-SHA-512", "4.1", "18", "verify-full", python="3.12", is_cold=True),
    Cell("OAUTHBEARER", "4.4", "19", "verify-full", java="25", python="3.13", is_cold=True),
)
