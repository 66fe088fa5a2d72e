"""The options of traces."""

from __future__ import annotations

from ._shared.settings import Boolean, Float, Option, Section, Url


class Tracing(Section, section="tracing"):
    """Traces of what tasks ask, from the accessor to the database, for OpenTelemetry."""

    endpoint = Option(
        Url("http", "https", optional=True),
        default="",
        example="http://127.0.0.1:4318",
        description="The collector that spans are sent to, by OTLP over HTTP (`/v1/traces` is added). Needs "
        "the extra `tracing`. With nothing, OTEL_EXPORTER_OTLP_ENDPOINT counts, if the extra is installed.",
        added="0.2.0",
    )
    sampled_share = Option(
        Float(minimum=0.0, maximum=1.0),
        default=1.0,
        example=0.01,
        description="Which share of the traces that begin here is recorded. One that began elsewhere is "
        "recorded if it is there.",
        added="0.2.0",
    )
    key_names = Option(
        Boolean(),
        default=False,
        example=True,
        description="Whether spans of tasks hold the names of keys. Values are never in them.",
        added="0.2.0",
    )
