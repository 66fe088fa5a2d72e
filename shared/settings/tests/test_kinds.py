from collections.abc import Callable
from typing import Any

import pytest
from statekeep_shared.settings import (
    Boolean,
    Choice,
    ClassPath,
    Float,
    Integer,
    Kind,
    ListOf,
    Path,
    Seconds,
    Secret,
    String,
    Url,
    without_password,
)

HOME = {"HOME": "/home/ada"}

ACCEPTED_TEXT: list[tuple[Kind[Any], str, object]] = [
    (String(), "", ""),
    (String(), " a ", " a "),
    (Secret(), "s3cret", "s3cret"),
    (Boolean(), "TRUE", True),
    (Boolean(), "off", False),
    (Integer(minimum=0), "0", 0),
    (Integer(), "65_536", 65_536),
    (Float(), "-1.5", -1.5),
    (Seconds(minimum=1), "60", 60.0),
    (Choice("stop", "continue"), "continue", "continue"),
    (Path(), "/var/lib", "/var/lib"),
    (Path(), "~/x", "/home/ada/x"),
    (Url("http", "https"), "https://h:8080/a", "https://h:8080/a"),
    (Url("http", optional=True), "", ""),
    (ClassPath(), "package.module.Class", "package.module.Class"),
    (ClassPath(optional=True), "", ""),
    (ListOf(ClassPath()), "a.B, c.D", ("a.B", "c.D")),
    (ListOf(Integer()), "", ()),
]

REFUSED_TEXT: list[tuple[Kind[Any], str]] = [
    (Secret(), ""),
    (Boolean(), "maybe"),
    (Boolean(), ""),
    (Integer(minimum=1), "0"),
    (Integer(maximum=9), "10"),
    (Integer(), "1.0"),
    (Integer(), ""),
    (Float(), "nan"),
    (Seconds(minimum=0), "inf"),
    (Seconds(minimum=1), "0.5"),
    (Choice("stop", "continue"), "Stop"),
    (Path(), "relative/x"),
    (Path(), ""),
    (Path(), "/a\0b"),
    (Url("http", "https"), ""),
    (Url("http", "https"), "ftp://h"),
    (Url("http", "https"), "https://"),
    (Url("http", "https"), "https://h:port"),
    (Url("http", "https"), "https://h/a b"),
    (ClassPath(), ""),
    (ClassPath(), "Class"),
    (ClassPath(), "package..Class"),
    (ClassPath(), "package.module:Class"),
    (ListOf(ClassPath()), "a.B,,c.D"),
]

REFUSED_IN_A_FILE: list[tuple[Kind[Any], object]] = [
    (String(), 1),
    (Boolean(), 1),
    (Boolean(), "true"),
    (Integer(), True),
    (Integer(), "1"),
    (Integer(), 1.0),
    (Float(), True),
    (Float(), "1.5"),
    (Choice("stop"), 1),
    (Path(), 1),
    (Url("http"), 1),
    (ClassPath(), ["a.B"]),
    (ListOf(ClassPath()), "a.B"),
    (ListOf(ClassPath()), [1]),
]


def accepts(kind: Kind[Any], value: Callable[[], object]) -> bool:
    """Whether the kind takes the value. A refusal carries no message: `expected` is the message."""
    try:
        kind.check(value(), HOME)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(("kind", "text", "value"), ACCEPTED_TEXT)
def test_text_becomes_the_value(kind: Kind[Any], text: str, value: object) -> None:
    accepted = kind.check(kind.read(text), HOME)
    assert accepted == value
    assert type(accepted) is type(value)


@pytest.mark.parametrize(("kind", "text"), REFUSED_TEXT)
def test_text_of_another_kind_is_refused(kind: Kind[Any], text: str) -> None:
    assert not accepts(kind, lambda: kind.read(text))


@pytest.mark.parametrize(("kind", "value"), REFUSED_IN_A_FILE)
def test_a_file_must_hold_the_kind_itself(kind: Kind[Any], value: object) -> None:
    assert not accepts(kind, lambda: value)


def test_a_whole_number_in_a_file_serves_where_a_number_is_asked_for() -> None:
    assert Seconds().check(60, HOME) == 60.0


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (Integer(minimum=1), "a whole number, at least 1"),
        (Integer(maximum=65_536), "a whole number, at most 65,536"),
        (Seconds(minimum=0, maximum=86_400), "a number of seconds from 0 to 86,400"),
        (Float(), "a number"),
        (Choice("stop", "continue"), "one of stop, continue"),
        (Url("http", "https", optional=True), "a URL (http://…, https://…), or nothing"),
    ],
)
def test_what_is_expected_names_the_bounds(kind: Kind[Any], expected: str) -> None:
    assert kind.expected == expected


@pytest.mark.parametrize(("value", "shown"), [(60.0, "60"), (0.1, "0.1"), (1234567.25, "1234567.25")])
def test_a_number_is_shown_as_people_write_it(value: float, shown: str) -> None:
    assert Float().show(value) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:pw@db:5432/state?sslpassword=x", "postgresql://ada:***@db:5432/state?***"),
        ("postgresql://ada:p@w@db/state", "postgresql://ada:***@db/state"),
        ("sqlite:////var/lib/state.db", "sqlite:////var/lib/state.db"),
        ("pw", "***"),
        ("", ""),
    ],
)
def test_a_hidden_url_still_says_which_server_is_meant(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_secret_is_never_shown() -> None:
    assert Secret().show("s3cret") == "***"
    assert Secret().hide("s3cret") == "***"


def test_a_url_is_shown_without_its_password_and_query_where_it_is_not_sensitive_either() -> None:
    assert Url("https").show("https://me:s3cret@host/path?sig=s3cret") == "https://me:***@host/path?***"
