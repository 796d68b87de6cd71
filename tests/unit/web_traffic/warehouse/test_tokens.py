"""What a login by token needs is named, before any server is asked."""

import sys

import pytest

from web_traffic.errors import SettingsError
from web_traffic.settings import Settings
from web_traffic.warehouse.connection import connect


@pytest.mark.parametrize(
    ("login", "module", "said"),
    [
        ("rds-iam", "botocore.exceptions", "POSTGRES_LOGIN=rds-iam needs boto3: install the extra aws"),
        ("entra", "azure.core.exceptions", "POSTGRES_LOGIN=entra needs azure-identity: install the extra azure"),
    ],
)
def test_a_package_that_is_missing_is_named(
    login: str, module: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SettingsError, match=said):
        connect(
            Settings.from_environment({"POSTGRES_LOGIN": login, "POSTGRES_URL": "postgresql://db.example/traffic"})
        )


def test_a_token_of_amazon_s_is_for_one_host() -> None:
    login = {"POSTGRES_LOGIN": "rds-iam", "POSTGRES_URL": "postgresql://one.example,two.example/traffic"}
    with pytest.raises(SettingsError, match="needs one host in POSTGRES_URL"):
        connect(Settings.from_environment(login))
