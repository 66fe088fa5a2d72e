"""The options that name tasks and assets."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .._shared.state.errors import InvalidRequestError
from .._shared.state.messages import AssetAddress, TaskAddress
from .._shared.state.rules import check_asset, check_task

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_task_options(parser: ArgumentParser, *, required: bool) -> None:
    """Add the four options that name a task instance."""
    parser.add_argument("--dag", required=required, metavar="D", help="the pipeline (dag_id)")
    parser.add_argument("--run", required=required, metavar="R", help="the pipeline's run (run_id)")
    parser.add_argument("--task", required=required, metavar="T", help="the task (task_id)")
    parser.add_argument(
        "--map-index",
        type=int,
        default=-1,
        metavar="N",
        help="the index of a mapped task (default: not mapped)",
    )


def task_address(arguments: Namespace) -> TaskAddress:
    """Return the task instance that the options name. Raises ``InvalidRequestError`` for a bad name."""
    check_task(arguments.dag, arguments.run, arguments.task, arguments.map_index)
    return TaskAddress(arguments.dag, arguments.run, arguments.task, arguments.map_index)


def listed_name(text: str) -> str:
    """Return a name that a listing is narrowed to, which must be text; an argument may be any bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError("it is no text in UTF-8") from None
    return text


def asset_address(text: str) -> AssetAddress:
    """Return the asset that an argument names: a name, a uri (with ``://`` in it), or ``name=uri``."""
    name, equals, uri = text.partition("=")
    if equals and "://" in uri and "://" not in name:
        address = AssetAddress(name, uri)
    else:
        address = AssetAddress(uri=text) if "://" in text else AssetAddress(name=text)
    try:
        check_asset(name=address.name, uri=address.uri)
    except InvalidRequestError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return address
