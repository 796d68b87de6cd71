"""What docker-compose.secure.yaml does before and after Kafka and PostgreSQL start.

`python -m local_stack.containers certificates FOLDER HOST...` makes the certificates for the names of the services.
`python -m local_stack.containers kafka-user` makes the ETL's login: `KAFKA_URL` and `KAFKA_CONFIG` are those of the
administrator, and `KAFKA_PASSWORD` is the password of the ETL.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from local_stack.kafka import make_user
from local_stack.tls import make_certificates
from web_traffic.kafka_client import make_admin
from web_traffic.settings import Settings


def main(arguments: Sequence[str]) -> None:
    """Do one of the two; raises `ValueError` for another word, and `KafkaException`."""
    match arguments:
        case ["certificates", folder, *hosts]:
            make_certificates(Path(folder), *hosts)
        case ["kafka-user"]:
            make_user(make_admin(Settings.from_environment(), {}), os.environ["KAFKA_PASSWORD"])
        case _:
            raise ValueError(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
