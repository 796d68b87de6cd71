"""What a login to PostgreSQL gives as its password: one that was set, or a token of Amazon or Azure, made anew.

A token lives for minutes, and a connection may be opened at any time in a run. So each connection asks for its own,
in the process that opens it, with the identity that AWS or Azure gives to this process.
"""

import re
from functools import cache
from typing import Any

import psycopg

from web_traffic.errors import SettingsError
from web_traffic.settings import ENTRA, RDS_IAM, Settings

_RDS = re.compile(r"\.([a-z0-9-]+)\.rds\.amazonaws\.com(?:\.cn)?$", re.IGNORECASE)
_SCOPE = "https://ossrdbms-aad.database.windows.net/.default"
"""What Entra calls the PostgreSQL of Azure."""


def password_for(settings: Settings, host: str, port: str) -> str:
    """Return the password for a new connection.

    Raises `SettingsError`, and `psycopg.OperationalError` when there is no token to be had.
    """
    if settings.postgres_login == RDS_IAM:
        return _token_of_rds(settings.postgres_user, host, port)
    if settings.postgres_login == ENTRA:
        return _token_of_entra()
    return settings.postgres_password


def _token_of_rds(user: str, host: str, port: str) -> str:
    if "," in host:
        raise SettingsError(f"POSTGRES_LOGIN={RDS_IAM} needs one host in POSTGRES_URL: a token is for one server")
    region = _RDS.search(host)
    try:
        from botocore.exceptions import BotoCoreError
    except ModuleNotFoundError:
        raise SettingsError(f"POSTGRES_LOGIN={RDS_IAM} needs boto3: install the extra aws of this package") from None
    try:
        token: str = _rds(region[1].lower() if region else None).generate_db_auth_token(host, int(port), user)
    except BotoCoreError as error:
        raise psycopg.OperationalError(f"AWS gives no token for PostgreSQL at {host}: {error}") from error
    return token


@cache
def _rds(region: str | None) -> Any:
    """Return AWS's client; without a region it takes that of the process. It is slow to make, and renews its keys."""
    import boto3

    return boto3.Session().client("rds", region_name=region)


def _token_of_entra() -> str:
    try:
        from azure.core.exceptions import ClientAuthenticationError
    except ModuleNotFoundError:
        raise SettingsError(
            f"POSTGRES_LOGIN={ENTRA} needs azure-identity: install the extra azure of this package"
        ) from None
    try:
        token: str = _credential().get_token(_SCOPE).token
    except ClientAuthenticationError as error:
        first = str(error).splitlines()[0]
        raise psycopg.OperationalError(f"Azure gives no token for PostgreSQL: {first}") from error
    return token


@cache
def _credential() -> Any:
    """Return Azure's identity of the process, which hands out a token again while it is valid for minutes more."""
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
