"""Where a command's requests go: through the channel inside a task, to the store as an operator outside."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .._shared.state import messages as m
from .._shared.state.errors import AssetNotDeclaredError, InvalidRequestError
from ..channel.address import supervisor_address

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterator

    from .._shared.state.messages import Target
    from ..channel.client import ChannelClient


@contextlib.contextmanager
def task_state(
    arguments: Namespace, *, with_values: bool = True
) -> Iterator[tuple[Callable[[Any], Any], Target]]:
    """Give what answers requests, and the target that stands for the task's own state.

    Without ``with_values``, what lies in a backend is not fetched: replies name it. Raises
    ``InvalidRequestError`` when it is not clear which task is meant.
    """
    address = supervisor_address()
    is_named = any(name is not None for name in (arguments.dag, arguments.run, arguments.task))
    if address is None:
        if not (arguments.dag and arguments.run and arguments.task):
            raise _refused("is not known outside a task", "name it with --dag, --run and --task")
        from .addresses import task_address

        with _operator(with_values=with_values) as ask:
            yield ask, task_address(arguments)
    elif is_named:
        raise _refused(
            "cannot be named inside a task, which has its own state only",
            "leave out --dag, --run and --task, or run the command outside",
        )
    else:
        from ..channel.client import ChannelClient

        client = ChannelClient(address)
        yield _asked(client, client.context() if with_values else None), None


@contextlib.contextmanager
def asset_state(
    asset: m.AssetAddress, *, needed: str, with_values: bool = True
) -> Iterator[tuple[Callable[[Any], Any], Target]]:
    """Give what answers requests, and the target that stands for the asset.

    Inside a task the asset must be declared; ``needed`` (inlet, outlet) is what the message asks for if it is
    not. ``with_values``: as for task state.
    """
    address = supervisor_address()
    if address is None:
        with _operator(with_values=with_values) as ask:
            yield ask, asset
    else:
        from ..channel.client import ChannelClient

        client = ChannelClient(address)
        context = client.context()
        yield _asked(client, context if with_values else None), _granted(context.grants, asset, needed)


@contextlib.contextmanager
def operator() -> Iterator[Callable[[Any], Any]]:
    """Give what answers an operator's requests, and fetches nothing from a backend.

    Inside a task that is refused: a task is no operator.
    """
    with _operator(with_values=False) as ask:
        yield ask


@contextlib.contextmanager
def _operator(*, with_values: bool) -> Iterator[Callable[[Any], Any]]:
    if supervisor_address() is not None:
        raise InvalidRequestError(
            what="this command", problem="is for people, and runs inside a task", remedy="run it outside"
        )
    from .. import config
    from ..client.opening import open_client
    from ..client.store_client import call
    from ..supervisor.saying import say

    environ = config.process_environment()
    settings = config.load(environ)
    client = open_client(settings, environ, say=say)
    claims = m.OperatorClaims(_user_name())

    def ask(request: Any, request_id: str | None = None) -> Any:
        return call(client, claims, request, request_id)

    try:
        if with_values:
            from .offloading import with_values_of_operator

            yield with_values_of_operator(ask, settings.workers) or ask
        else:
            yield ask
    finally:
        client.close()


def _asked(client: ChannelClient, context: m.Context | None) -> Callable[[Any], Any]:
    """Return what answers a task's requests, with values from its backends when a context is given."""
    from ..client.store_client import draw_request_id

    if context is not None:
        from .offloading import with_values_of_task

        ask = with_values_of_task(client, context)
        if ask is not None:
            return ask
    return lambda request: client.call(request, draw_request_id())


def _granted(grants: tuple[m.Grant, ...], asset: m.AssetAddress, needed: str) -> int:
    for grant in grants:
        if asset.name in (None, grant.name) and asset.uri in (None, grant.uri):
            return grant.asset_id
    raise AssetNotDeclaredError(asset=asset.name or asset.uri, needed=needed)


def _user_name() -> str:
    import os
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's user that has no name
        return str(os.geteuid())


def _refused(problem: str, remedy: str) -> InvalidRequestError:
    return InvalidRequestError(what="the task", problem=problem, remedy=remedy)
