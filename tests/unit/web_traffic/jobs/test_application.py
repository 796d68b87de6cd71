"""What Spark must not show is redacted, and whoever starts a run learns why it failed."""

import re
from pathlib import Path

import pytest

from web_traffic.errors import CAUSE_FILE, EXIT_NEEDS_ATTENTION, SettingsError
from web_traffic.jobs.application import redacted, run
from web_traffic.warehouse.ledger import Summary


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


@pytest.mark.parametrize("folder", [".", "away"])
def test_a_run_that_fails_writes_its_cause_into_the_file_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], folder: str
) -> None:
    def work() -> Summary:
        raise SettingsError("KAFKA_URL='x' is no address")

    file = tmp_path / folder / "cause"
    monkeypatch.setenv(CAUSE_FILE, str(file))
    with pytest.raises(SystemExit) as ending:
        run(work)
    assert ending.value.code == EXIT_NEEDS_ATTENTION
    assert capsys.readouterr().err == "SettingsError: KAFKA_URL='x' is no address\n"
    assert folder == "away" or file.read_text() == "SettingsError: KAFKA_URL='x' is no address"
