"""What the cells of a matrix have left behind: one line of JSON each, by cell and version of the code."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_stack.environment import REPO

APPLICATION = ("include/web_traffic", "plugins")


def digest(files: Iterable[Path]) -> str:
    """Return a digest of the application and of these files, which have a part in the result."""
    application = [
        file for folder in APPLICATION for file in sorted((REPO / folder).rglob("*")) if file.suffix in (".py", ".sql")
    ]
    found = hashlib.sha256()
    for file in (*application, *files):
        found.update(file.read_bytes())
    return found.hexdigest()[:12]


@dataclass(frozen=True)
class Results:
    """A file to which results are added, and the page that shows the newest ones, a row for each cell."""

    file: Path
    page: Path

    def newest(self, cell: str) -> tuple[str | None, list[dict[str, Any]]]:
        """Return the version that was tried last, and the cell's results of this version in the order of trying."""
        rows = [json.loads(row) for row in self.file.read_text().splitlines()] if self.file.exists() else []
        mine = [row for row in rows if row["cell"] == cell]
        version = mine[-1]["version"] if mine else None
        return version, [row for row in mine if row.pop("version") == version]

    def keep(self, result: Mapping[str, Any], version: str) -> None:
        """Add a result."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a") as lines:
            lines.write(json.dumps({**result, "version": version}) + "\n")

    def shown(self, cell: str, untried: str) -> str:
        """Return the row that the page has for a cell without a result here, or else `untried`."""
        rows = self.page.read_text().splitlines(keepends=True) if self.page.exists() else []
        return next((row for row in rows if row.startswith(f"| {cell} |")), untried)
