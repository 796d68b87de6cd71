"""Which Java is taken, and what is said when none will do."""

import re
from pathlib import Path

import pytest

from local_stack import StackError
from local_stack.java import class_archive, java_build, java_home, java_version

ADVICE = "install a JDK 17 or newer, or point JAVA_HOME at one"


def fake_java(home: Path, version: str) -> Path:
    java = home / "bin" / "java"
    java.parent.mkdir(parents=True)
    properties = {"home": home, "specification.version": version, "runtime.version": f"{version}.0.1+2-test"}
    report = "".join(f"    java.{name} = {value}\\n" for name, value in properties.items())
    java.write_text(f"#!/bin/sh\nprintf '{report}' >&2\n")
    java.chmod(0o755)
    return home


def test_no_java_at_all(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=re.escape(f"No Java is on the PATH: {ADVICE}.")):
        java_home({"PATH": str(tmp_path)})


def test_a_java_home_without_java(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=re.escape(f"JAVA_HOME={tmp_path} holds no bin/java: {ADVICE}.")):
        java_home({"JAVA_HOME": str(tmp_path)})


@pytest.mark.parametrize(("reported", "version"), [("1.8", 8), ("11", 11), ("16", 16)])
def test_a_java_that_is_too_old(tmp_path: Path, reported: str, version: int) -> None:
    home = fake_java(tmp_path / reported, reported)
    with pytest.raises(StackError, match=rf"is Java {version}, too old for Kafka and Spark: {ADVICE}"):
        java_home({"JAVA_HOME": str(home)})


def test_a_program_that_is_no_java(tmp_path: Path) -> None:
    (tmp_path / "java").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "java").chmod(0o755)
    with pytest.raises(StackError, match="does not run as a Java"):
        java_home({"PATH": str(tmp_path)})


def test_java_home_wins_over_the_path(tmp_path: Path) -> None:
    first, second = fake_java(tmp_path / "a", "21"), fake_java(tmp_path / "b", "25")
    assert java_home({"JAVA_HOME": str(first), "PATH": str(second / "bin")}) == first


def test_the_home_is_what_the_java_on_the_path_says(tmp_path: Path) -> None:
    home = fake_java(tmp_path / "real", "17")
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "java").symlink_to(home / "bin" / "java")
    assert java_home({"PATH": str(tmp_path / "links")}) == home


def test_the_version_is_what_the_java_says(tmp_path: Path) -> None:
    environ = {"JAVA_HOME": str(fake_java(tmp_path / "new", "25"))}
    assert (java_version(environ), java_build(environ)) == (25, "25.0.1+2-test")


def test_another_build_and_another_class_path_have_archives_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jar, other = tmp_path / "a.jar", tmp_path / "b.jar"
    places = [class_archive(tmp_path, jars) for jars in ([jar], [jar, other], [other, jar])]
    places.append(class_archive(tmp_path, [jar], "4.3.0"))
    monkeypatch.setattr("local_stack.java.java_build", lambda: "another")
    places.append(class_archive(tmp_path, [jar]))
    assert len(set(places)) == len(places)
