"""Why a record is not counted. Apart from the contract: Airflow's form offers the list, and needs nothing else."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a record is not counted; `FUTURE` and `UNREADABLE` do not lie in its value."""

    NULL_VALUE = "null value"
    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not a JSON object"
    NO_HOST = "host missing"
    HOST_NOT_TEXT = "host not a string"
    HOST_EMPTY = "host empty"
    NO_TIME = "event_time missing"
    TIME_NOT_TEXT = "event_time not a string"
    TIME_NOT_RFC3339 = "event_time not RFC 3339"
    TIME_OUT_OF_RANGE = "event_time not within the years 2 to 9998"
    REFERRER_NOT_TEXT = "referrer not a string"
    NUL_CHARACTER = "NUL character in host or referrer"
    FUTURE = "from the future"
    UNREADABLE = "Kafka timestamp out of Spark's range"
