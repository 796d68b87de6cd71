"""What a channel says that can't work here."""

import sys

import pytest

from web_traffic.alerts.channels import Apprise
from web_traffic.alerts.message import Message
from web_traffic.errors import ChannelDown


def test_a_service_without_apprise_is_down_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    message = Message("subject", "body", "<1@web-traffic>", answers=None, is_good_news=False)
    with pytest.raises(ChannelDown, match=r"^json-[0-9a-f]{8}: ALERT_URLS needs the package apprise: install it$"):
        Apprise("json://user:swordfish@127.0.0.1/").send(message)
