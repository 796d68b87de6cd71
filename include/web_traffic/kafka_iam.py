"""Logins to Amazon MSK by tokens of IAM. Each client signs its own, with the AWS identity of its process."""

import re
from collections.abc import Mapping

from web_traffic.errors import KafkaUnavailable, SettingsError

IAM = "sasl.oauthbearer.config"
"""The property that asks for tokens of IAM, by its value `awsRegion=…`. Amazon's own names of brokers imply it."""
HANDLER = "software.amazon.msk.auth.iam.IAMOAuthBearerLoginCallbackHandler"
REGION_PROVIDER = "software.amazon.msk.auth.iam.internals.region.CnameRegionProvider"
"""Gives the region to Java's tokens. It finds it in the host of its options, without asking DNS."""
JAR = "software.amazon.msk:aws-msk-iam-auth:2.4.0"
"""The first version with `REGION_PROVIDER`."""
_MSK = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?(?::\d+)?(?=$|[,\s])", re.IGNORECASE)
"""As Airflow's Kafka provider recognises them."""


def region_of(servers: str) -> str | None:
    """Return the AWS region in the names of brokers; None if the names are not Amazon's."""
    found = _MSK.search(servers)
    return found[1].lower() if found else None


def with_iam(servers: str, config: Mapping[str, str]) -> dict[str, str]:
    """Return the properties with the region for IAM, if a login by OAUTHBEARER to Amazon's brokers says no more."""
    says_more = IAM in config or "sasl.oauthbearer.method" in config
    is_oauth = "OAUTHBEARER" in (config.get("sasl.mechanism"), config.get("sasl.mechanisms"))
    if is_oauth and not says_more and (region := region_of(servers)):
        return {**config, IAM: f"awsRegion={region}"}
    return dict(config)


def require_usable(config: Mapping[str, str], mechanism: str | None, where: str) -> None:
    """Raise `SettingsError` unless the properties ask for tokens of IAM, and for nothing that contradicts it."""
    if not re.fullmatch(r"awsRegion=[a-z0-9-]+", config[IAM]):
        raise SettingsError(f"{where}: {IAM} must be awsRegion= and the region, such as awsRegion=eu-central-1")
    if mechanism != "OAUTHBEARER":
        raise SettingsError(f"{where}: {IAM} needs sasl.mechanism=OAUTHBEARER")
    if others := sorted(name for name in config if name.startswith("sasl.oauthbearer.") and name != IAM):
        raise SettingsError(f"{where}: {', '.join(others)} would have no effect beside {IAM}")


def jaas_options(value: str) -> dict[str, str]:
    """Return the options of JAAS for the Java client, for a value of `IAM`."""
    return {"awsMskRegionProvider": f"{REGION_PROVIDER}?host=kafka.{_region(value)}.amazonaws.com"}


def require_token(value: str) -> None:
    """Check that there are tokens for a value of `IAM`: librdkafka waits for ten seconds, and does not say why.

    Raises `SettingsError` if a person has to act, and `KafkaUnavailable` if AWS may answer later.
    """
    try:
        from botocore.exceptions import BotoCoreError, ClientError

        make_token(value)
    except ModuleNotFoundError:
        raise SettingsError(
            "a login to Kafka by IAM needs the package aws-msk-iam-sasl-signer-python: install the extra aws of this "
            "package, or the extra msk of Airflow's Kafka provider"
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise KafkaUnavailable(f"AWS gives no token: {error}") from error


def make_token(value: str) -> tuple[str, float]:
    """Return a token for a value of `IAM`, and when it expires, in seconds since 1970.

    librdkafka calls this before each token expires. Raises `SettingsError`, and botocore's errors.
    """
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    from botocore.session import Session

    if Session().get_credentials() is None:
        raise SettingsError(
            "AWS has no credentials for this process: give it AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
            "AWS_PROFILE, or a role"
        )
    token, expires_ms = MSKAuthTokenProvider.generate_auth_token(_region(value))
    return token, expires_ms / 1000


def _region(value: str) -> str:
    return value.partition("=")[2]
