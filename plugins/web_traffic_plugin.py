"""The plugin: the page "Web traffic" in Airflow's navigation.

Every process of Airflow imports this file, so it imports next to nothing itself.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from airflow.plugins_manager import AirflowPlugin

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Scope]]
Send = Callable[[Scope], Awaitable[None]]


class Page:
    """The page's application, imported at its first request: only the API server serves it."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request (ASGI)."""
        from web_traffic_airflow.page.app import app

        await app(scope, receive, send)


class WebTrafficPlugin(AirflowPlugin):
    """Gives Airflow the application, and its place in the navigation."""

    name = "web_traffic"
    fastapi_apps = [{"app": Page(), "url_prefix": "/web-traffic", "name": "Web traffic"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        {
            "name": "Web traffic",
            "href": "web-traffic/",
            "url_route": "web-traffic",
            "destination": "nav",
            "nav_top_level": True,
            "icon": "web-traffic/static/icon.svg",
        }
    ]
