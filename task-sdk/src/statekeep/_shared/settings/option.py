"""An option, described once, and the section that it stands in."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .kinds import Kind

T = TypeVar("T")

PREFIX = "STATEKEEP__"
INDIRECT_SUFFIXES = ("_cmd", "_file")


class Computed(Generic[T]):
    """A default that depends on the machine. The reference prints `text`; `compute` may raise ValueError."""

    def __init__(self, text: str, compute: Callable[[Mapping[str, str]], T]) -> None:
        self.text = text
        self.compute = compute


class Option(Generic[T]):
    """All that is known about an option. Read from a loaded section, it is the value."""

    def __init__(
        self,
        kind: Kind[T],
        *,
        default: T | Computed[T],
        example: T,
        description: str,
        added: str,
        sensitive: bool = False,
    ) -> None:
        self.kind = kind
        self.default = default
        self.example = example
        self.description = description
        self.added = added
        self.sensitive = sensitive
        self.section = self.name = ""

    def __set_name__(self, _: type[Section], name: str) -> None:
        self.name = name  # of the section, only `__init_subclass__` knows, and it runs after this

    @overload
    def __get__(self, instance: None, owner: type[Section]) -> Option[T]: ...
    @overload
    def __get__(self, instance: Section, owner: type[Section]) -> T: ...
    def __get__(self, instance: Section | None, owner: type[Section]) -> Option[T] | T:
        if instance is None:
            return self
        value: T = instance.values[self.name]  # type: ignore[assignment]  # put there by this option's own kind
        return value

    def __set__(self, instance: Section, value: T) -> None:
        raise AttributeError(f"{self.label} was loaded and cannot be changed")

    @property
    def label(self) -> str:
        """How messages name the option: `[section] name`."""
        return f"[{self.section}] {self.name}"

    @property
    def dotted(self) -> str:
        """How the command line names the option: `section.name`."""
        return f"{self.section}.{self.name}"

    @property
    def variable(self) -> str:
        """The environment variable that sets the option."""
        return f"{PREFIX}{self.section}__{self.name}".upper()

    @property
    def variables(self) -> tuple[str, ...]:
        """Every variable that sets the option; a sensitive one may name a command or a file instead."""
        suffixes = INDIRECT_SUFFIXES if self.sensitive else ()
        return self.variable, *(self.variable + suffix.upper() for suffix in suffixes)

    def shown(self, value: T) -> str:
        """The value as it may be shown."""
        return self.kind.hide(value) if self.sensitive else self.kind.show(value)


class Section:
    """A section of the file. A subclass names it and lists its options: `class Api(Section, section="api")`.

    An instance is one loaded set of values; it does not change.
    """

    section: ClassVar[str]
    options: ClassVar[tuple[Option[object], ...]]

    def __init_subclass__(cls, *, section: str) -> None:
        cls.section = section
        cls.options = tuple(value for value in vars(cls).values() if isinstance(value, Option))
        for option in cls.options:
            if option.name.endswith(INDIRECT_SUFFIXES):
                raise ValueError(f"{option.name!r} ends as the variable for a command or a file does")
            option.section = section

    def __init__(self, values: Mapping[str, object], sources: Mapping[str, str]) -> None:
        self.values = values
        self.sources = sources

    def __repr__(self) -> str:
        shown = ", ".join(f"{o.name}={o.shown(self.values[o.name])!r}" for o in self.options)
        return f"{type(self).__name__}({shown})"
