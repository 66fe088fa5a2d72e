#!/usr/bin/env python3
"""Checks that imports run one way: by the table of layers below, in functions and under TYPE_CHECKING too.

Exit status: 0 without a fault, 1 with one or more, 2 when it could not be run as asked. A new room (a module
or a folder of a package) is placed by adding its name to a layer; the lowest layer stands first.
"""

import argparse
from pathlib import Path

from checking.faults import report
from checking.layers import TOP, Package, ThirdParty, layer_faults

PACKAGES = (
    Package(
        "statekeep_shared.state",
        "shared/state/src",
        layers=(
            ("copies", "errors", "identity"),
            ("scope", "message"),
            ("messages",),
            ("rules", "values", "retention", "wire", "json_form", "routes", "sendings"),
            ("arithmetic", "backend"),
            (TOP,),
            ("testing",),
        ),
    ),
    Package(
        "statekeep_shared.settings",
        "shared/settings/src",
        layers=(
            ("errors", "places"),
            ("kinds",),
            ("option",),
            ("listing", "reference", "sources"),
            ("strangers",),
            ("examining",),
            (TOP,),
        ),
    ),
    Package(
        "statekeep",
        "task-sdk/src",
        layers=(
            ("_shared",),
            ("api_options", "backend_options", "tracing_options", "asset", "run_target"),
            ("config",),
            ("tracing",),
            ("channel", "client", "backends"),
            ("errors",),
            ("accessors",),
            ("sweeping",),
            ("supervisor",),
            ("context",),
            ("tasks", "run_task", "in_process", "resume", "integrations"),
            (TOP,),
            ("cli",),
            ("__main__",),
        ),
    ),
    Package(
        "statekeep_core",
        "core/src",
        layers=(
            ("_shared",),
            ("server_options", "faults", "traffic", TOP),  # core's __init__ holds its version only
            ("config",),
            ("metastore", "sweep_cursor"),
            ("policy",),
            ("retention",),
            ("execution_api", "admin_api"),
            ("state_backend", "embedded", "postgres"),
            ("server",),
            ("cli", "ui"),
        ),
        may_import=("statekeep",),
    ),
)

THIRD_PARTY = (
    # A suite is run by the one and drives the other; it is imported by tests only.
    ThirdParty("statekeep_shared.state.testing", ("pytest", "hypothesis"), at_import=True),
    ThirdParty("statekeep.backends.testing", ("pytest", "hypothesis"), at_import=True),
    # Values of named types; a task process that names none does not pay for it.
    ThirdParty("statekeep_shared.state", ("msgspec",), at_import=False),
    ThirdParty("statekeep", ("msgspec",), at_import=False),
    # HTTP's parser; a task beside its store does not load it.
    ThirdParty("statekeep.client.http_answer", ("httptools",), at_import=True),
    # Object stores and compression; a task whose values stay inline pays for neither.
    ThirdParty("statekeep.backends.object_store", ("backports", "compression", "obstore"), at_import=False),
    # Ciphers; a worker whose values stay in the clear does not load them.
    ThirdParty("statekeep.backends.encrypted", ("cryptography",), at_import=False),
    # The metastore's engine, and what catches its errors.
    ThirdParty("statekeep_core", ("apsw",), at_import=True),
    # The driver of the other engine; an embedded store loads nothing of it.
    ThirdParty("statekeep_core.postgres", ("psycopg",), at_import=True),
    # What the extra `server` brings; an embedded store loads none of it.
    ThirdParty("statekeep_core.server", ("jwt", "uvicorn", "uvloop"), at_import=True),
    ThirdParty("statekeep_core", ("msgspec",), at_import=False),
    # The extra `metrics`, imported where the settings ask for it; a server without it counts nothing.
    ThirdParty("statekeep_core.server.telemetry.metrics", ("prometheus_client",), at_import=True),
    # The extra `tracing`, likewise; whatever is not traced imports none of it.
    ThirdParty("statekeep_core.server.telemetry.tracing", ("opentelemetry",), at_import=True),
    ThirdParty("statekeep.tracing.exporting", ("opentelemetry",), at_import=True),
    ThirdParty("statekeep.tracing.in_process", ("opentelemetry",), at_import=True),
    ThirdParty("statekeep.tracing.recording", ("opentelemetry",), at_import=True),
    ThirdParty("statekeep.tracing.task", ("opentelemetry",), at_import=True),
)


def main(arguments: list[str] | None = None) -> int:
    """Run the check as the command line asks."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).parents[1], help="the workspace's folder")
    asked = parser.parse_args(arguments)
    if not asked.root.is_dir():
        parser.error(f"{asked.root} is no folder")
    return report(list(layer_faults(asked.root, PACKAGES, THIRD_PARTY)), "layers")


if __name__ == "__main__":
    raise SystemExit(main())
