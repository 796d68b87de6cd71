"""The compatibility matrix tries what its page promises. No result is made up here."""

from itertools import product

import pytest

from local_stack.jars import coordinates
from tests.compatibility.cells import BROKERS, CELLS, JAVAS, LOGINS, POSTGRES, PYTHONS, WAYS, Cell
from tests.compatibility.page import PAGE
from tests.compatibility.places import FOLDER, LOCAL, PLACES, STANDALONE, YARN, Place
from tests.compatibility.postgres import JARS_OF


@pytest.mark.parametrize("cell", [*CELLS, *PLACES], ids=lambda cell: cell.title)
def test_the_page_has_a_row_for_each_cell(cell: Cell | Place) -> None:
    start = f"| {' | '.join(cell.columns)} |"
    assert sum(row.startswith(start) for row in PAGE.read_text().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "values"),
    [
        *(("login", LOGINS), ("broker", BROKERS), ("postgres", POSTGRES), ("way", WAYS)),
        *(("java", JAVAS), ("python", PYTHONS)),
    ],
)
def test_each_value_is_tried(name: str, values: tuple[str, ...]) -> None:
    assert {getattr(cell, name) for cell in CELLS} == set(values)


def test_the_jars_are_of_the_versions_that_the_page_names() -> None:
    folders = BROKERS | JARS_OF
    found = {version: coordinates(folder)[0].rpartition(":")[2] for version, folder in folders.items()}
    assert [one for version, one in found.items() if not one.startswith(f"{version}.")] == []


def test_each_login_meets_each_broker_and_each_postgres_each_way() -> None:
    assert {(cell.login, cell.broker) for cell in CELLS} == set(product(LOGINS, BROKERS))
    oldest, *working = POSTGRES
    assert {(cell.postgres, cell.way) for cell in CELLS} == {(oldest, "plain"), *product(working, WAYS)}


def test_another_java_or_python_runs_in_processes_of_its_own() -> None:
    assert all(cell.is_cold for cell in CELLS if (cell.java, cell.python) != (JAVAS[0], PYTHONS[0]))


def test_each_master_and_mode_meets_each_store_that_it_can_reach() -> None:
    stores = {place.store for place in PLACES}
    modes = {(LOCAL, "client"), (STANDALONE, "client"), (YARN, "client"), (YARN, "cluster")}
    wanted = {(*mode, store) for mode, store in product(modes, stores) if (mode[0], store) != (YARN, FOLDER)}
    assert {place.columns for place in PLACES} == wanted
