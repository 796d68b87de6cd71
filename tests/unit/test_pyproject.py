"""pyproject.toml declares each package that the code imports, in ranges that hold the tested versions."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from local_stack.environment import REPO
from web_traffic.commands import COMMANDS

PROJECT = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
OURS = {"bench", "contenders", "local_stack", "simulator", "tests", "web_traffic", "web_traffic_airflow"}
OTHER_NAMES = {
    "airflow": "apache-airflow",
    "aws_msk_iam_sasl_signer": "aws-msk-iam-sasl-signer-python",
    "azure": "azure-identity",
    "botocore": "boto3",
    "dotenv": "python-dotenv",
    "openlineage": "openlineage-python",
    "xdist": "pytest-xdist",
    "yaml": "pyyaml",
}
"""Packages that are not called as the modules that they bring."""
PARTS_OF_OPENTELEMETRY = {
    "opentelemetry.exporter.otlp.proto.http": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.proto": "opentelemetry-proto",
    "opentelemetry.sdk": "opentelemetry-sdk",
}
"""Packages that share a module, each with its part of it."""
GROUPS_OF_PROVIDERS = {"apache", "common"}
PARTS = {
    "include": ("alerts", "aws", "azure", "spark"),
    "plugins": ("airflow", "lineage"),
    "dags": ("airflow",),
    "simulator": (),
    "local_stack": ("stack",),
    "bench": ("bench",),
    "tests": ("test",),
}
"""The folders, and the extras that each of them may import from."""
ONLY_IN_EXTRAS = (
    "airflow",
    "apprise",
    "azure",
    "boto3",
    "botocore",
    "fastapi",
    "numpy",
    "pandas",
    "pyspark",
    "starlette",
)


def modules(source: str) -> Iterator[str]:
    """Yield each module that a source imports, wherever it does."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def package(module: str) -> str | None:
    """Return the package that brings a module; None if it is Python's own, or ours."""
    first, *others = module.split(".")
    if first in sys.stdlib_module_names | OURS:
        return None
    if module.startswith("airflow.providers."):
        provider = others[1:3] if others[1] in GROUPS_OF_PROVIDERS else others[1:2]
        return "-".join(["apache-airflow-providers", *provider])
    for part, name in PARTS_OF_OPENTELEMETRY.items():
        if f"{module}.".startswith(f"{part}."):
            return name
    return OTHER_NAMES.get(first) or canonicalize_name(first)


def packages(source: str) -> set[str]:
    return {name for module in modules(source) if (name := package(module))}


def requirements(*extras: str) -> Iterator[Requirement]:
    """Yield what the package needs with some of its extras."""
    texts = [*PROJECT["dependencies"], *(text for extra in extras for text in PROJECT["optional-dependencies"][extra])]
    for requirement in map(Requirement, texts):
        if requirement.name == PROJECT["name"]:
            yield from requirements(*requirement.extras)
        else:
            yield requirement


def declared(*extras: str) -> set[str]:
    return {canonicalize_name(requirement.name) for requirement in requirements(*extras)}


def pinned(file: str) -> list[Requirement]:
    lines = (REPO / file).read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def sources(folder: str) -> Iterator[Path]:
    """Yield the sources of a folder, but for programs that the benchmark runs with packages of their own."""
    return (file for file in (REPO / folder).rglob("*.py") if "contenders" not in file.parts)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import yaml", {"pyyaml"}),
        ("def f():\n    from confluent_kafka.admin import AdminClient", {"confluent-kafka"}),
        ("from airflow.providers.apache.spark.hooks import x", {"apache-airflow-providers-apache-spark"}),
        ("from airflow.providers.postgres.hooks import x", {"apache-airflow-providers-postgres"}),
        ("import airflow.sdk, json", {"apache-airflow"}),
        ("from opentelemetry.sdk.metrics import x", {"opentelemetry-sdk"}),
        ("from . import beside\nfrom web_traffic import settings", set()),
    ],
)
def test_the_package_of_an_import_is_found(source: str, found: set[str]) -> None:
    assert packages(source) == found


@pytest.mark.parametrize("folder", PARTS)
def test_each_import_is_declared(folder: str) -> None:
    allowed = declared(*PARTS[folder])
    undeclared = {
        str(file.relative_to(REPO)): missing
        for file in sources(folder)
        if (missing := packages(file.read_text()) - allowed)
    }
    assert undeclared == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_needs_no_extra(name: str) -> None:
    program = (
        f"import sys; sys.modules.update(dict.fromkeys({ONLY_IN_EXTRAS}))\n"
        f"from web_traffic.commands import main; main([{name!r}, '--help'])"
    )
    environment = {"PYTHONPATH": str(REPO / "include")}
    command = [sys.executable, "-c", program]
    result = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert (result.returncode, result.stderr) == (0, "")


def test_what_is_only_in_extras_is_not_in_the_base() -> None:
    assert declared().isdisjoint(OTHER_NAMES.get(name, name) for name in ONLY_IN_EXTRAS)


def test_the_ranges_hold_the_tested_versions() -> None:
    tested = pinned("constraints.txt")
    for requirement in requirements(*PROJECT["optional-dependencies"]):
        versions = [
            str(one.specifier).removeprefix("==")
            for one in tested
            if canonicalize_name(one.name) == canonicalize_name(requirement.name)
        ]
        assert versions, requirement
        assert all(requirement.specifier.contains(version) for version in versions), (requirement, versions)


def test_what_is_installed_for_the_whole_project_is_declared() -> None:
    installed = {canonicalize_name(requirement.name) for requirement in pinned("requirements.txt")}
    assert installed - declared(*PROJECT["optional-dependencies"]) == set()


def test_the_licence_is_in_the_image_where_the_package_is_built() -> None:
    let_in = (REPO / ".dockerignore").read_text().splitlines()
    assert [file for file in PROJECT["license-files"] if f"!{file}" not in let_in or not (REPO / file).is_file()] == []


def test_the_changelog_has_this_version() -> None:
    versions = re.findall(r"^## (\d\S+) \(\d{4}-\d\d-\d\d\)$", (REPO / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == PROJECT["version"]


def test_nothing_of_a_cloud_is_imported_unless_a_login_asks_for_it() -> None:
    modules = "web_traffic.jobs.aggregate, web_traffic.jobs.restate, web_traffic.commands, web_traffic.kafka"
    names = ("boto3", "botocore", "azure", "aws_msk_iam_sasl_signer")
    program = f"import sys, {modules}\nprint([name for name in {names} if name in sys.modules])"
    environment = {"PYTHONPATH": str(REPO / "include")}
    result = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )
    assert result.stdout == "[]\n"
