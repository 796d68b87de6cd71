"""The file `.env`: a copy of `.env.example`, with a generated value for each variable that is empty there."""

import base64
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from local_stack.errors import StackError

TEMPLATE = Path(__file__).resolve().parent.parent / ".env.example"


def write_env_file(env_file: Path, values: Mapping[str, str] | None = None) -> None:
    """Make `env_file` (mode 0600) from the template, or add what it lacks; `values` win over both.

    An existing file keeps all its other lines. The file is replaced in one step.
    """
    given = dict(values or {})
    template = TEMPLATE.read_text().splitlines()
    lines = env_file.read_text().splitlines() if env_file.is_file() else []
    known = {_name(line) for line in lines}
    lines += [line for line in template if _name(line) not in known] if lines else template
    lines = [f"{_name(line)}={given[_name(line)]}" if _name(line) in given else _generated(line) for line in lines]
    env_file.parent.mkdir(parents=True, exist_ok=True)
    partial = env_file.with_name(f"{env_file.name}.partial")
    partial.unlink(missing_ok=True)
    write_private(partial, "\n".join(lines) + "\n")
    partial.replace(env_file)


def write_private(file: Path, text: str) -> None:
    """Write a file that nobody but its owner can read at any moment."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as output:
        output.write(text)


class EnvFile:
    """The values of an `.env` file; a value that is missing or makes no sense raises a `StackError` that names it."""

    def __init__(self, file: Path) -> None:
        if not file.is_file():
            raise StackError(f"The set-up is not complete ({file} is missing): run `make setup`.")
        self._file = file
        self._values = dotenv_values(file)

    def text(self, name: str) -> str:
        """A value that must not be empty."""
        value = self._values.get(name)
        if not value:
            raise StackError(f"{name} is missing in {self._file}: run `make setup`, which adds it.")
        return value

    def port(self, name: str) -> int:
        """A TCP port."""
        value = self.text(name)
        if not value.isdecimal() or not 0 < int(value) < 65_536:
            raise StackError(f"{name}={value} in {self._file} is not a port: give a number from 1 to 65535.")
        return int(value)

    def ports(self, names: Mapping[str, str]) -> dict[str, int]:
        """The ports by the keys of `names`, each of them different."""
        found: dict[int, str] = {}
        for name in names.values():
            port = self.port(name)
            if port in found:
                raise StackError(
                    f"{found[port]} and {name} are both {port} in {self._file}: give each a port of its own."
                )
            found[port] = name
        return {key: self.port(name) for key, name in names.items()}

    def count(self, name: str, most: int) -> int:
        """A number from 1 to `most`."""
        value = self.text(name)
        if not value.isdecimal() or not 0 < int(value) <= most:
            raise StackError(f"{name}={value} in {self._file} must be a number from 1 to {most}.")
        return int(value)

    def flag(self, name: str) -> bool:
        """0 or 1."""
        value = self.text(name)
        if value not in ("0", "1"):
            raise StackError(f"{name}={value} in {self._file} must be 0 or 1.")
        return value == "1"


def _name(line: str) -> str:
    return "" if line.lstrip().startswith("#") else line.partition("=")[0].strip()


def _generated(line: str) -> str:
    name, equals, value = line.partition("=")
    if not _name(line) or not equals or value.strip():
        return line
    # A Fernet key is 32 bytes in padded base64; a password without padding is easier to copy.
    key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return f"{name}={key if name.endswith(('_KEY', '_SECRET')) else secrets.token_urlsafe(18)}"
