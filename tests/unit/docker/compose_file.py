"""Reads docker-compose.yaml and docker-compose.secure.yaml as docker compose does, for the tests."""

import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from local_stack.environment import REPO

COMPOSE = REPO / "docker-compose.yaml"
SECURE = REPO / "docker-compose.secure.yaml"
VARIABLE = re.compile(r"\$(?:(?P<escape>\$)|\{(?P<name>[A-Z_]+):\?make \.env, see docs/docker\.md\})")
"""The only form of a variable in the file: one without a default, which says what to do when it is missing."""

Service = dict[str, Any]


def load(*, is_secure: bool) -> dict[str, Any]:
    """The file with its variables as they stand, for a secured stack with the other file on top."""
    loaded: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return combined(loaded, yaml.safe_load(SECURE.read_text())) if is_secure else loaded


def combined(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two files as docker compose combines them: mappings by their keys, volumes added, and all else replaced."""
    result = dict(first)
    for key, value in second.items():
        if isinstance(first.get(key), dict):
            result[key] = combined(first[key], value or {})
        elif key == "volumes" and isinstance(value, list):
            result[key] = [*first.get(key, []), *value]
        else:
            result[key] = value
    return result


def interpolated(node: Any, values: Mapping[str, str | None]) -> Any:
    """A part of the file with its variables filled in."""
    if isinstance(node, dict):
        return {key: interpolated(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [interpolated(value, values) for value in node]
    if isinstance(node, str):
        return VARIABLE.sub(lambda found: "$" if found["escape"] else str(values[found["name"]]), node)
    return node


def strings(node: Any) -> Iterator[str]:
    """Every text in a part of the file."""
    if isinstance(node, dict | list):
        for value in node.values() if isinstance(node, dict) else node:
            yield from strings(value)
    elif isinstance(node, str):
        yield node


def environment(service: Service) -> dict[str, str]:
    """The environment of a service."""
    return {name: str(value) for name, value in service["environment"].items()}


def arguments(service: Service) -> tuple[str, ...]:
    """The command of a service; of a shell script its last line."""
    command = service["command"]
    line = command if isinstance(command, str) else command[-1].replace("\\\n", "").strip().splitlines()[-1]
    return tuple(shlex.split(re.sub(r"^exec (airflow|docker-entrypoint.sh) ", "", line)))
