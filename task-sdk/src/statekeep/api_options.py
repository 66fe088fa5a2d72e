"""The options of the way to an API server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._shared.settings import Kind, Option, Seconds, Section, String, Url

if TYPE_CHECKING:
    from collections.abc import Mapping

A_DAY_SECONDS = 86_400


class ServerUrls(Kind[tuple[str, ...]]):
    """The URLs of servers of one store: one as text, several separated by commas or as an array."""

    def __init__(self) -> None:
        self.url = Url("http", "https")
        self.expected = f"{self.url.expected}, several separated by commas, or nothing"

    def check(self, value: object, environ: Mapping[str, str]) -> tuple[str, ...]:
        given = value.split(",") if isinstance(value, str) else value
        if not isinstance(given, list) or not all(isinstance(each, str) for each in given):
            raise ValueError
        urls = [each.strip() for each in given]
        if any("@" in each for each in urls):  # a password, which belongs into `credential`
            raise ValueError
        return tuple(self.url.check(each, environ).rstrip("/") for each in urls if each or len(urls) > 1)

    def show(self, value: tuple[str, ...]) -> str:
        return ", ".join(value)


class Api(Section, section="api"):
    """Where the state is kept."""

    url = Option(
        ServerUrls(),
        default=(),
        example=("https://statekeep.example.org",),
        description="The API server; several servers of one store are separated by commas. "
        "With nothing, the embedded store is used, and no server is needed.",
        added="0.1.0",
    )
    credential = Option(
        String(),
        default="",
        example="statekeep_…",
        description="What this worker, or this person, shows to the server. "
        "`statekeep server credentials add` makes one. Tasks do not get it.",
        added="0.1.0",
        sensitive=True,
    )
    patience_seconds = Option(
        Seconds(minimum=0, maximum=A_DAY_SECONDS),
        default=300.0,
        example=60.0,
        description="For how long a request is repeated while no server answers. A task that asks waits "
        "meanwhile, and notices nothing else of it.",
        added="0.1.0",
    )
    answer_seconds = Option(
        Seconds(minimum=0.1, maximum=A_DAY_SECONDS),
        default=30.0,
        example=10.0,
        description="How long a server may take to answer before the request is sent again.",
        added="0.1.0",
    )
