"""No message shows a password or a private key, in whatever form it stands there."""

import pytest

from web_traffic.masking import without_passwords


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("sasl.password=hidden next", "sasl.password=*** next"),
        (r'{"sasl.password": "hid\"den", "client.id": "a"}', '{"sasl.password": ***, "client.id": "a"}'),
        (r'required username="etl" password="hid \"den\" \\";', 'required username="etl" password=***;'),
        ('clientSecret="hidden" scope="a"', 'clientSecret=*** scope="a"'),
        (
            "key -----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY----- end",
            "key -----BEGIN PRIVATE KEY-----***-----END PRIVATE KEY----- end",
        ),
        ("key -----BEGIN ENCRYPTED PRIVATE KEY-----\nhidden", "key -----BEGIN ENCRYPTED PRIVATE KEY-----***"),
    ],
)
def test_what_logs_in_is_not_shown(line: str, shown: str) -> None:
    assert without_passwords(line) == shown
