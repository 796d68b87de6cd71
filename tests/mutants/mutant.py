"""What a mutant is: one fault in the source, and the test that must see it."""

from dataclasses import dataclass


class SourceChanged(Exception):
    """The source no longer holds a mutant's old text exactly once: look for the new place, and correct the list."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A fault as data: in `file`, `new` replaces `old`."""

    name: str
    """Says what goes wrong."""
    file: str
    old: str
    """Stands in the file exactly once."""
    new: str
    test_file: str
    """Below `tests/`."""
    test: str
    """The cheapest test that fails."""

    @property
    def node(self) -> str:
        """The test's name for pytest."""
        return f"tests/{self.test_file}::{self.test}"

    def apply(self, source: str) -> str:
        """Return the source with the fault; raises `SourceChanged`."""
        if (found := source.count(self.old)) != 1:
            raise SourceChanged(f"{self.name}: {self.file} holds {self.old!r} {found} times, not once")
        return source.replace(self.old, self.new)
