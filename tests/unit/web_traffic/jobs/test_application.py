"""What Spark must not show has a name that its own rule for secrets knows."""

import re

import pytest

from web_traffic.jobs.application import redacted


@pytest.mark.parametrize("own", [None, "(?i)theirs", redacted(None), redacted("(?i)theirs")])
@pytest.mark.parametrize(
    "name",
    ["kafka.sasl.jaas.config", "kafka.ssl.keystore.key", "kafka.ssl.key.password", "fs.s3a.secret.key", "auth.token"],
)
def test_secrets_are_redacted_also_beside_a_rule_of_the_deployment(own: str | None, name: str) -> None:
    rule = redacted(own).replace("|(?i)", "|")  # Java takes a flag in the middle, Python does not
    assert re.search(rule, name)
    assert bool(re.search(rule, "kafka.theirs")) == ("theirs" in (own or ""))
    assert not re.search(rule, "kafka.bootstrap.servers")
