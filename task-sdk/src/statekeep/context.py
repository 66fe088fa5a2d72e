"""The context of a task: which try this process runs, and the state that it may use."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from ._shared.state import messages
from .accessors import flows
from .accessors.asset_state import AssetStateAccessor, DeclaredAssets
from .accessors.drivers import Transport, arun, run
from .accessors.operations import StateOperations
from .accessors.task_state import TaskStateAccessor
from .asset import Asset
from .channel.address import supervisor_address
from .channel.client import ChannelClient
from .errors import NoCurrentTaskError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backends.configured import Backends

_SUBSCRIPTS = frozenset(
    {"asset_state", "dag_id", "fence", "map_index", "run_id", "task_id", "task_state", "ti_id", "try_number"}
)


class Fence(NamedTuple):
    """What tells one try from every other: keep it in the transaction of an outside system, and refuse there
    what comes from a lower try number of the same task instance."""

    ti_id: str
    try_number: int


class Context:
    """One try of a task instance. May be used from any thread and any event loop at once.

    ``task_state`` and ``asset_state[asset]`` hold the state; ``dag_id``, ``run_id``, ``task_id``,
    ``map_index``, ``try_number`` and ``ti_id`` (the same for every try) say which try it is. Each can also
    be read as ``context["task_state"]``.
    """

    def __init__(
        self, described: messages.Context, transport: Transport, backends: Backends | None = None
    ) -> None:
        """``backends``: those that ``described`` names, when this process has made them already."""
        task = described.task
        self.dag_id, self.run_id, self.task_id = task.dag_id, task.run_id, task.task_id
        self.map_index = task.map_index
        self.ti_id = described.ti_id
        self.try_number = described.try_number
        max_value_bytes: int | None = described.max_value_bytes
        self._origins = {grant.asset_id: _address_of(grant) for grant in described.grants}
        if described.state_backend or described.read_backends:
            transport = self._offloading(described, transport, backends)
            max_value_bytes = None  # judged where it is known which values stay inline
        self.task_state = TaskStateAccessor(StateOperations(None, max_value_bytes), transport)
        self.asset_state = DeclaredAssets(described.grants, max_value_bytes, transport)
        self._transport = transport

    @property
    def fence(self) -> Fence:
        """The pair that a sink outside Statekeep can fence with."""
        return Fence(self.ti_id, self.try_number)

    def declare(self, asset: Asset | str, *, writable: bool = False) -> AssetStateAccessor:
        """Declare one more asset for this try, one that is found at run time; return its accessor.

        An inlet, or with ``writable`` an outlet. An unknown asset is created, and the declaration is
        recorded. Raises ``AssetInactiveError`` for one that was deactivated.
        """
        return self._added(run(self._declaration(asset, writable), self._transport))

    async def adeclare(self, asset: Asset | str, *, writable: bool = False) -> AssetStateAccessor:
        """As :meth:`declare`, without blocking the event loop."""
        return self._added(await arun(self._declaration(asset, writable), self._transport))

    def __getitem__(self, name: str) -> Any:
        if name not in _SUBSCRIPTS:
            raise KeyError(name)
        return getattr(self, name)

    def __repr__(self) -> str:
        return (
            f"<Context dag_id={self.dag_id!r} run_id={self.run_id!r} task_id={self.task_id!r} "
            f"map_index={self.map_index} try_number={self.try_number}>"
        )

    def _offloading(
        self, described: messages.Context, transport: Transport, backends: Backends | None
    ) -> Transport:
        # A task without a backend imports none of this.
        from .accessors.offloading import Offloading, OffloadingTransport
        from .backends.configured import Backends

        if backends is None:
            backends = Backends.of_context(described)

        def origin_of(target: messages.Target) -> messages.TaskAddress | messages.AssetAddress:
            return self._origins[target] if isinstance(target, int) else described.task

        return OffloadingTransport(transport, Offloading(backends, origin_of, described.max_value_bytes))

    def _added(self, grant: messages.Grant) -> AssetStateAccessor:
        self._origins[grant.asset_id] = _address_of(grant)
        return self.asset_state.add(grant)

    @staticmethod
    def _declaration(asset: Asset | str, writable: bool) -> flows.Flow[messages.Grant]:
        return flows.declare(messages.AssetAddress(*Asset.of(asset)), writable=writable)


def current_context() -> Context:
    """Return the context of the task that this process runs.

    Under a supervisor that is the supervised try, in forked children and new threads too; in a
    ``statekeep.open_task`` block it is the block's. The first call asks the supervisor and blocks for that
    fraction of a millisecond; later ones cost nothing. Raises :class:`NoCurrentTaskError` outside any task.
    """
    entered = _entered.get()
    if entered is not None:
        return entered
    if len(_open_in_process) > 1:
        raise _ambiguous()
    if _open_in_process:
        return _open_in_process[0]
    address = supervisor_address()
    if address is None:
        raise _no_task()
    return _supervised(address)


@contextmanager
def entered(context: Context) -> Iterator[Context]:
    """Make a context the current one while the block runs: for a task that runs in this process.

    Other threads see it as well, as long as it is the only one.
    """
    token = _entered.set(context)
    _open_in_process.append(context)
    try:
        yield context
    finally:
        _open_in_process.remove(context)
        _entered.reset(token)


# The state of this module, and of the process: which tasks are open in it, and which one it was started for.
_entered: ContextVar[Context | None] = ContextVar("statekeep_entered", default=None)
_open_in_process: list[Context] = []
_supervised_by_address: dict[str, Context] = {}


def _supervised(address: str) -> Context:
    context = _supervised_by_address.get(address)
    if context is None:
        client = ChannelClient(address)
        described = client.context()
        # Threads that ask for it at once get one and the same, so that they share what is declared later.
        context = _supervised_by_address.setdefault(address, Context(described, _traced(client, described)))
    return context


def _traced(client: ChannelClient, described: messages.Context) -> Transport:
    if not described.trace:
        return client
    # A task that is not traced imports none of this.
    from .tracing.configured import traced_channel

    return traced_channel(client, described.trace)


def _address_of(grant: messages.Grant) -> messages.AssetAddress:
    return messages.AssetAddress(grant.name, grant.uri)


def _no_task() -> NoCurrentTaskError:
    return NoCurrentTaskError(
        what="the current task",
        problem="was asked for, and this process runs none",
        remedy="start it with `statekeep run ... -- COMMAND`, or open one here with statekeep.open_task(...)",
    )


def _ambiguous() -> NoCurrentTaskError:
    return NoCurrentTaskError(
        what="the current task",
        problem="was asked for in a thread that opened none, and this process has several open",
        remedy="hand the context of the right one over to the thread",
    )
