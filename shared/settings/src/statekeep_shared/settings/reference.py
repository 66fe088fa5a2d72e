"""The reference page, written from the descriptions alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .option import Computed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .option import Option, Section


def reference_page(introduction: str, sections: Iterable[type[Section]]) -> str:
    """The page in Markdown: the introduction, then each section with its options."""
    parts = [introduction.strip()]
    for section in sections:
        parts.append(f"## `[{section.section}]`")
        parts.append(" ".join((section.__doc__ or "").split()))  # written over several indented lines
        parts += ["\n".join(option_lines(option)) for option in section.options]
    return "\n\n".join(parts) + "\n"


def option_lines(option: Option[object]) -> Iterator[str]:
    """One option: heading, description, and a list of its facts."""
    yield f"### `{option.name}`"
    yield ""
    yield option.description
    yield ""
    yield f"- Value: {option.kind.expected}"
    yield f"- Default: {default_text(option)}"
    yield f"- Example: `{option.kind.show(option.example)}`"
    yield f"- Environment: `{option.variable}`" + (
        f", or `{option.variable}_CMD` or `{option.variable}_FILE`" if option.sensitive else ""
    )
    yield f"- Since: {option.added}"
    if option.sensitive:
        yield "- Sensitive: lists and messages hide it"


def default_text(option: Option[object]) -> str:
    """The default as the page says it."""
    if isinstance(option.default, Computed):
        return option.default.text
    return f"`{option.kind.show(option.default)}`" if option.default not in ("", ()) else "nothing"
