"""A bad rule is refused when it is read, with its name and what is wrong."""

from pathlib import Path
from typing import Any

import pytest

from web_traffic.errors import BadRule
from web_traffic.quality.rules import RULES, SHARE, DQRule
from web_traffic.quality.runner import Result

GOOD = "-- A header.\nSELECT true AS is_offender;\n"


def rule(folder: Path, query: str = GOOD, **columns: Any) -> DQRule:
    file = folder / "query.sql"
    file.write_text(query)
    given = {"name": "a_rule", "dimension": "validity", "severity": "warn", "description": "A", "condition": "B"}
    return DQRule(**{**given, "file": file, **columns})


def test_a_good_rule_has_its_query(tmp_path: Path) -> None:
    assert rule(tmp_path).sql == "-- A header.\nSELECT true AS is_offender"


@pytest.mark.parametrize(
    ("unit", "observed", "said"),
    [(SHARE, 0.0123, "1 of 1 offend, 1.230% measured"), ("minutes", 75.5, "1 of 1 offend, 75.5 minutes measured")],
)
def test_what_a_rule_measures_has_a_unit(tmp_path: Path, unit: str, observed: float, said: str) -> None:
    assert Result(rule(tmp_path, unit=unit), 1, 1, observed, []).headline == f"a_rule: {said} (A: B)"


def test_the_names_of_the_rules_are_different() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"name": "A rule"}, "'A rule': a name has only lower-case letters, digits and underscores"),
        (
            {"dimension": "beauty"},
            "'beauty' must be one of completeness, uniqueness, validity, freshness, volume, cons",
        ),
        ({"severity": "fatal"}, "'fatal' must be one of warn, error"),
        ({"description": ""}, "give it a description and a condition"),
        ({"condition": ""}, "give it a description and a condition"),
        ({"file": Path("/none.sql")}, "its query /none.sql does not exist"),
        ({"file": None}, "sql/rules/a_rule.sql does not exist"),
        ({"query": "DELETE FROM x RETURNING true AS is_offender"}, "must be a SELECT"),
        ({"query": "SELECT true AS is_offender; SELECT 1"}, "must be one statement"),
        ({"query": "SELECT 1 AS offenders -- is_offender"}, "must return a column is_offender"),
        ({"query": "SELECT rule_limit > 1 AS is_offender FROM scope"}, "uses rule_limit: give the rule a limit"),
        ({"limit": 1}, "does not use rule_limit: leave the limit out"),
    ],
)
def test_a_bad_rule_is_refused(tmp_path: Path, columns: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRule) as refusal:
        rule(tmp_path, **columns)
    assert str(refusal.value).startswith(f"rule {columns.get('name', 'a_rule')!r}"[: 6 if "name" in columns else 5])
    assert reason in str(refusal.value)
