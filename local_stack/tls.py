"""What a secured stack has more than a plain one: certificates, and the ETL's login to Kafka."""

from pathlib import Path

from local_stack import kafka
from local_stack.authority import Authority
from local_stack.env_file import write_private
from local_stack.environment import LOOPBACK, Stack

CLIENT_ACCESS = "local all all scram-sha-256\nhostssl all all all scram-sha-256\n"
"""PostgreSQL's pg_hba.conf: over the network with TLS only, and always with a password."""


def prepare(stack: Stack) -> None:
    """Make the certificates once, and the file with the ETL's login to Kafka; a plain stack needs neither."""
    if not stack.is_secure:
        return
    stack.tls_folder.mkdir(exist_ok=True)
    stack.tls_folder.chmod(0o755)  # PostgreSQL may run as another user
    make_certificates(stack.tls_folder, LOOPBACK, "localhost")
    login = "".join(f"{name}={value}\n" for name, value in kafka.login(stack).items())
    file = stack.kafka_login_file
    if not file.is_file() or file.read_text() != login:
        write_private(file, login)


def make_certificates(folder: Path, *hosts: str) -> None:
    """Make an authority, and certificates by it for servers with these names, unless the folder has them.

    - `ca.pem`: the certificate that clients trust. The authority's key is not kept.
    - `kafka.pem`: Kafka's key and certificate, in one file as Kafka wants them.
    - `postgres.key`, `postgres.pem`, `pg_hba.conf`: for PostgreSQL.

    Only their owner can read the keys. The certificates are valid for ten years.
    """
    last = folder / "pg_hba.conf"
    if last.is_file():
        return
    authority = Authority(folder, "web-traffic")
    certificate, key = authority.sign("kafka", *hosts)
    key.write_text(key.read_text() + certificate.read_text())
    key.replace(certificate)
    authority.sign("postgres", *hosts)
    last.write_text(CLIENT_ACCESS)
