"""The options of the API server."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ._shared.settings import Boolean, Choice, Integer, Kind, Option, Seconds, Section, String

if TYPE_CHECKING:
    from collections.abc import Mapping

A_DAY_SECONDS = 86_400
_ADDRESS = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/@]+):(\d{1,5})")
_LAST_PORT = 65_535


class Address(Kind[str]):
    """A host and a port, or nothing."""

    expected = "a host and a port (127.0.0.1:9411, [::1]:9411), or nothing"

    def check(self, value: object, environ: Mapping[str, str]) -> str:  # noqa: ARG002 -- a kind's signature
        if value == "":
            return ""
        found = _ADDRESS.fullmatch(value) if isinstance(value, str) else None
        if found is None or int(found[1]) > _LAST_PORT:
            raise ValueError
        return found[0]


class Server(Section, section="server"):
    """The API server, `statekeep server`."""

    host = Option(
        String(),
        default="127.0.0.1",
        example="0.0.0.0",  # noqa: S104 -- an example of what an operator may want
        description="The address that the server listens on. The default is for this machine only.",
        added="0.1.0",
    )
    port = Option(
        Integer(minimum=0, maximum=65_535),
        default=7411,
        example=443,
        description="The port that the server listens on; 0 takes any that is free and says which.",
        added="0.1.0",
    )
    workers = Option(
        Integer(minimum=1, maximum=64),
        default=1,
        example=4,
        description="How many processes serve at the address, on PostgreSQL; about as many as there are "
        "processors. A SQLite file takes one.",
        added="0.2.0",
    )
    tls_certificate = Option(
        String(),
        default="",
        example="/etc/statekeep/tls/server.pem",
        description="The file with the server's certificate and those that sign it. "
        "With nothing, the server speaks plain HTTP.",
        added="0.1.0",
    )
    tls_key = Option(
        String(),
        default="",
        example="/etc/statekeep/tls/server.key",
        description="The file with the private key of that certificate.",
        added="0.1.0",
    )
    max_body_bytes = Option(
        Integer(minimum=1024, maximum=1024**3),
        default=16 * 1024 * 1024,
        example=67_108_864,
        description="The largest request that the server reads, in bytes.",
        added="0.1.0",
    )
    max_held_bytes = Option(
        Integer(minimum=1024, maximum=1024**4),
        default=256 * 1024 * 1024,
        example=1_073_741_824,
        description="How many bytes of requests the server holds at a time; past it, it answers "
        "`unavailable` at once, and workers ask again later. Also how many of large answers; past it, "
        "requests for those wait for room.",
        added="0.1.0",
    )
    max_waiting_requests = Option(
        Integer(minimum=1, maximum=1_000_000),
        default=4_096,
        example=1_000,
        description="How many requests wait for the store at a time. Past it, the server answers "
        "`unavailable` at once, and workers ask again later.",
        added="0.1.0",
    )
    mapped_bytes = Option(
        Integer(minimum=0, maximum=2**40),
        default=16 * 1024**3,
        example=268_435_456,
        description="How many bytes of a SQLite file the server reads through a map of it, which takes less "
        "time than reading page by page. They count as memory of its process, and are the system's to take "
        "back. With 0, it reads page by page: for a disk that fails, where a map ends the process.",
        added="0.2.0",
    )
    max_connections = Option(
        Integer(minimum=1, maximum=1_000_000),
        default=10_000,
        example=2_000,
        description="How many connections each process of the server has at a time, if it may have so many "
        "descriptors. Past it, a new one is answered `unavailable` and closed.",
        added="0.2.0",
    )
    head_seconds = Option(
        Seconds(minimum=0.01, maximum=A_DAY_SECONDS),
        default=10.0,
        example=5.0,
        description="How long a client may take to send the head of a request, from its first byte, or from "
        "when it connected. Then the connection is closed.",
        added="0.2.0",
    )
    body_seconds = Option(
        Seconds(minimum=0.01, maximum=A_DAY_SECONDS),
        default=30.0,
        example=60.0,
        description="How long a client may take to send the body of a request.",
        added="0.2.0",
    )
    unread_seconds = Option(
        Seconds(minimum=0.01, maximum=A_DAY_SECONDS),
        default=30.0,
        example=60.0,
        description="How long a client may take to read an eighth of a large answer. Then the connection is "
        "closed.",
        added="0.2.0",
    )
    token_seconds = Option(
        Seconds(minimum=1, maximum=A_DAY_SECONDS),
        default=900.0,
        example=300.0,
        description="How long a task's token opens its door before it must be renewed, which the task's "
        "supervisor does by itself.",
        added="0.1.0",
    )
    stop_grace_seconds = Option(
        Seconds(minimum=0, maximum=A_DAY_SECONDS),
        default=30.0,
        example=10.0,
        description="How long a server that is told to stop goes on with the requests that it has.",
        added="0.1.0",
    )
    worker_silence_seconds = Option(
        Seconds(minimum=0, maximum=A_DAY_SECONDS),
        default=60.0,
        example=20.0,
        description="How long one of several processes may hang, stopped or held up by one call, before it "
        "is killed and replaced. With 0, nobody looks.",
        added="0.2.0",
    )
    sweep_every_seconds = Option(
        Seconds(minimum=0, maximum=A_DAY_SECONDS),
        default=3_600.0,
        example=600.0,
        description="How long after one sweep the next one begins, by whichever of the servers of one store "
        "comes first. With 0, this server does not sweep.",
        added="0.1.0",
    )
    log_format = Option(
        Choice("text", "json"),
        default="text",
        example="json",
        description="The form of the server's log on stderr: lines for people, or one JSON object per line.",
        added="0.2.0",
    )
    log_level = Option(
        Choice("debug", "info", "warning", "error"),
        default="info",
        example="warning",
        description="The least that a line of the log must be about.",
        added="0.2.0",
    )
    access_log = Option(
        Boolean(),
        default=False,
        example=True,
        description="Whether each request gets a line of the log, at the level info. Those that met a fault "
        "always get one.",
        added="0.2.0",
    )
    metrics = Option(
        Boolean(),
        default=False,
        example=True,
        description="Whether the server counts what it does, for Prometheus to read at `/metrics` with an "
        "operator's credential. Needs `statekeep-core[metrics]`.",
        added="0.2.0",
    )
    metrics_address = Option(
        Address(),
        default="",
        example="127.0.0.1:9411",
        description="An address of its own, host and port, where whoever reaches it reads the metrics, and "
        "nothing else, over plain HTTP. It turns them on, too.",
        added="0.2.0",
    )
