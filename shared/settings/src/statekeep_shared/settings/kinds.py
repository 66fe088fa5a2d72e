"""The kinds of value that an option can have: how each is read from text, checked, shown, and hidden.

Text (the environment, the command line) is first turned into what a TOML file would hold (`read`); both are
then checked by the same rules (`check`). Both refuse with a bare `ValueError`: the message is `expected`,
which never holds the value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from .places import home_directory

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")

TRUE_WORDS = frozenset({"true", "yes", "on", "1"})
FALSE_WORDS = frozenset({"false", "no", "off", "0"})


class Kind(Generic[T]):
    """One kind of value. `expected` completes the sentence "expected ..."."""

    expected: str

    def read(self, text: str) -> object:
        """The text as a TOML file would hold it, or `ValueError`."""
        return text

    def check(self, value: object, environ: Mapping[str, str]) -> T:
        """The value in its final form, or `ValueError`. `environ` is for paths under the home directory."""
        raise NotImplementedError

    def show(self, value: T) -> str:
        """The value as people read it."""
        return str(value)

    def hide(self, value: T) -> str:
        """What may be shown of a sensitive value: whether there is one."""
        return "***" if value else ""


class String(Kind[str]):
    """Any text."""

    expected = "text"

    def check(self, value: object, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - a kind's signature
        if type(value) is not str:
            raise ValueError
        return value


class Secret(String):
    """Text that is not empty and that nothing shows."""

    expected = "a secret that is not empty"

    def check(self, value: object, environ: Mapping[str, str]) -> str:
        if not (text := super().check(value, environ)):
            raise ValueError
        return text

    def show(self, value: str) -> str:
        return self.hide(value)


class Boolean(Kind[bool]):
    """True or false."""

    expected = "true or false"

    def read(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in TRUE_WORDS | FALSE_WORDS:
            raise ValueError
        return word in TRUE_WORDS

    def check(self, value: object, environ: Mapping[str, str]) -> bool:  # noqa: ARG002 - a kind's signature
        if type(value) is not bool:
            raise ValueError
        return value

    def show(self, value: bool) -> str:
        return "true" if value else "false"


class Integer(Kind[int]):
    """A whole number within bounds, both included."""

    def __init__(self, *, minimum: int | None = None, maximum: int | None = None) -> None:
        self.minimum, self.maximum = minimum, maximum
        self.expected = "a whole number" + bounds_text(minimum, maximum)

    def read(self, text: str) -> int:
        return int(text)

    def check(self, value: object, environ: Mapping[str, str]) -> int:  # noqa: ARG002 - a kind's signature
        if type(value) is not int or not within(value, self.minimum, self.maximum):
            raise ValueError
        return value


class Float(Kind[float]):
    """A finite number within bounds, both included."""

    noun = "number"

    def __init__(self, *, minimum: float | None = None, maximum: float | None = None) -> None:
        self.minimum, self.maximum = minimum, maximum
        self.expected = f"a {self.noun}" + bounds_text(minimum, maximum)

    def read(self, text: str) -> float:
        return float(text)

    def check(self, value: object, environ: Mapping[str, str]) -> float:  # noqa: ARG002 - a kind's signature
        if type(value) not in (int, float):
            raise ValueError
        number = float(value)  # type: ignore[arg-type]  # mypy does not narrow by `type(...) in`
        if number - number != 0 or not within(number, self.minimum, self.maximum):  # infinities and NaN
            raise ValueError
        return number

    def show(self, value: float) -> str:
        return f"{value:g}" if value == float(f"{value:g}") else repr(value)


class Seconds(Float):
    """A length of time in seconds."""

    noun = "number of seconds"


class Choice(Kind[str]):
    """One of a few words."""

    def __init__(self, *words: str) -> None:
        self.words = words
        self.expected = "one of " + ", ".join(words)

    def check(self, value: object, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - a kind's signature
        if type(value) is not str or value not in self.words:
            raise ValueError
        return value


class Path(Kind[str]):
    """An absolute path; `~/` stands for the home directory."""

    expected = "an absolute path, or one that starts with ~/"

    def check(self, value: object, environ: Mapping[str, str]) -> str:
        if type(value) is not str:
            raise ValueError
        return absolute_path(value, environ)


class Url(Kind[str]):
    """A URL of one of the schemes with a host; empty where `optional`."""

    def __init__(self, *schemes: str, optional: bool = False) -> None:
        self.schemes, self.optional = schemes, optional
        self.expected = f"a URL ({', '.join(f'{scheme}://…' for scheme in schemes)})" + or_nothing(optional)

    def check(self, value: object, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - a kind's signature
        if type(value) is not str:
            raise ValueError
        if value == "" and self.optional:
            return value
        from urllib.parse import urlsplit  # 4 ms, and only where a URL is set

        parts = urlsplit(value)
        if parts.scheme not in self.schemes or not parts.hostname or any(c.isspace() for c in value):
            raise ValueError
        parts.port  # noqa: B018 - reading it raises ValueError for a port that is none
        return value

    def hide(self, value: str) -> str:
        """The URL without its password and query: enough to see which server is meant."""
        return without_password(value)

    def show(self, value: str) -> str:
        return self.hide(value)


class ClassPath(Kind[str]):
    """A class by dotted path, `package.module.Class`; empty where `optional`. It is not imported."""

    def __init__(self, *, optional: bool = False) -> None:
        self.optional = optional
        self.expected = "a class path such as package.module.Class" + or_nothing(optional)

    def check(self, value: object, environ: Mapping[str, str]) -> str:  # noqa: ARG002 - a kind's signature
        if type(value) is not str:
            raise ValueError
        if value == "" and self.optional:
            return value
        parts = value.split(".")
        if len(parts) < 2 or not all(part.isidentifier() for part in parts):
            raise ValueError
        return value


class ListOf(Kind[tuple[T, ...]]):
    """A list of values of one kind: an array in the file, separated by commas in text."""

    def __init__(self, kind: Kind[T]) -> None:
        self.kind = kind
        self.expected = f"a list (in text, separated by commas), each {kind.expected}"

    def read(self, text: str) -> list[object]:
        return [self.kind.read(part.strip()) for part in text.split(",")] if text.strip() else []

    def check(self, value: object, environ: Mapping[str, str]) -> tuple[T, ...]:
        if type(value) is not list:
            raise ValueError
        return tuple(self.kind.check(element, environ) for element in value)

    def show(self, value: tuple[T, ...]) -> str:
        return ", ".join(self.kind.show(element) for element in value)


def bounds_text(minimum: float | None, maximum: float | None) -> str:
    """The bounds as a message says them: `, at least 1`, `, from 0 to 9`, or nothing."""
    if minimum is not None and maximum is not None:
        return f" from {minimum:,} to {maximum:,}"
    if minimum is not None:
        return f", at least {minimum:,}"
    return f", at most {maximum:,}" if maximum is not None else ""


def within(value: float, minimum: float | None, maximum: float | None) -> bool:
    """Whether the value lies within the bounds, both included."""
    return (minimum is None or value >= minimum) and (maximum is None or value <= maximum)


def or_nothing(optional: bool) -> str:
    """How `expected` says that the empty text is allowed."""
    return ", or nothing" if optional else ""


def absolute_path(path: str, environ: Mapping[str, str]) -> str:
    """The path with `~/` resolved. `ValueError` for a relative one: it would change with the directory."""
    if path.startswith("~/"):
        return f"{home_directory(environ)}/{path[2:]}"
    if not path.startswith("/") or "\0" in path:
        raise ValueError
    return path


def without_password(url: str) -> str:
    """The URL with its password and its query hidden. Text that is no URL is hidden whole."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "***" if url else ""
    address, question, _ = rest.partition("?")
    user, at, place = address.rpartition("@")
    name, colon, _ = user.partition(":")
    return f"{scheme}://{name}{':***' if colon else ''}{at}{place}{'?***' if question else ''}"
