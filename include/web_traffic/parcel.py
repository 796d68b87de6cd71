"""Packs what travels with a run to other machines, so that they need not have it.

Workers get the code. A driver in the cluster gets the settings, too.
"""

import json
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from web_traffic.errors import SettingsError
from web_traffic.settings import RestateSettings, Settings

CODE = "web_traffic.zip"
LIBRARIES = "web_traffic_libraries"
"""Folder of the libraries, if a run brings them, too (`web-traffic package --libraries`)."""
PYTHONPATH = os.pathsep.join((CODE, LIBRARIES))
"""Where the Python of a worker looks for both. Spark puts them into the worker's current folder."""
SETTINGS = "web_traffic_settings.json"
KINDS = (".py", ".sql")


def pack_code(folder: Path) -> Path:
    """Write the modules and the SQL of this package to `web_traffic.zip` in the folder; returns its path."""
    file = folder / CODE
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, source in _sources(resources.files("web_traffic"), "web_traffic"):
            archive.writestr(name, source.read_bytes())
    return file


def pack_settings(folder: Path, environ: Mapping[str, str]) -> Path:
    """Write the settings to a file in the folder that only its owner can read; returns its path.

    It has the logins. Raises `SettingsError` for what a run would refuse.
    """
    asked = _Asked(environ)
    location = str(Settings.from_environment(asked).checkpoint_location)
    with suppress(SettingsError):  # a live run does not need them
        RestateSettings.from_environment(asked)
    file = folder / SETTINGS
    file.unlink(missing_ok=True)
    file.touch(mode=0o600)
    file.write_text(json.dumps(asked.answers() | {"CHECKPOINT_LOCATION": location}))
    return file


def is_packed() -> bool:
    """Whether this package itself was imported from a zip."""
    return not Path(__file__).is_file()


def _sources(folder: Traversable, name: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith(KINDS):
            yield f"{name}/{entry.name}", entry


class _Asked(Mapping[str, str]):
    """An environment that remembers which of its variables were asked for."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self._names.add(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._environ)

    def __len__(self) -> int:
        return len(self._environ)

    def answers(self) -> dict[str, str]:
        """Return the variables that were asked for and exist."""
        return {name: self._environ[name] for name in sorted(self._names & self._environ.keys())}
