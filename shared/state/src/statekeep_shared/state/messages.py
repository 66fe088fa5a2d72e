"""The messages between a task, its supervisor and the store: requests, replies, and a caller's claims."""

from __future__ import annotations

from .errors import Fact  # noqa: TC001 -- the receiver resolves the annotations to check what arrives
from .message import Message

# --- addresses -------------------------------------------------------------------------------------------


class TaskAddress(Message):
    """One task instance, by its four names."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1


class AssetAddress(Message):
    """One asset, by name, by uri, or by both; at least one is given."""

    name: str | None = None
    uri: str | None = None


# A request of a try addresses its own task state (None) or a granted asset by id. An operator, who runs
# outside any try, addresses by name.
Target = int | TaskAddress | AssetAddress | None


class Grant(Message):
    """An asset that a try declared, as the store resolved it when the try started."""

    asset_id: int
    name: str | None
    uri: str | None
    writable: bool


class Writer(Message):
    """Who wrote: a try (``task`` and ``try_number``), or a person (``principal`` alone)."""

    principal: str
    task: TaskAddress | None = None
    try_number: int | None = None


# --- values that the store does not hold -----------------------------------------------------------------


class External(Message):
    """Where a value lies that a worker-side backend took, and how a reader knows that it is whole.

    ``reference`` is what the backend's hook returned, ``storage_key`` what that was given as its key: of an
    immutable backend the user's key, ``~`` and the write's generation; of a plain one the user's key.
    ``origin`` is the address that it was first written for. ``size_bytes`` is that of the encoded value, and
    ``digest`` its SHA-256, or 32 bytes in its place that the backend reckons from it; None of a plain one.
    """

    reference: str
    backend_id: str
    storage_key: str
    origin: TaskAddress | AssetAddress
    size_bytes: int
    digest: bytes | None = None

    @property
    def is_plain(self) -> bool:
        """Whether it is overwritten in place: without a digest, a history, or a disposal of its own."""
        return self.digest is None


# --- the life of a try -----------------------------------------------------------------------------------


class Start(Message):
    """Begin a try. ``holds_lock``: the caller knows, by the instance's operating-system lock, that whoever
    ran before is gone, whatever its lease says. ``supervisor`` is shown to people (``host:pid``).

    What a server, which sees no lock, goes by: ``holder`` is a secret that the new try's supervisor has drawn
    and keeps in the lock's file, and ``holds_lock_of`` are those that it found there, of dead supervisors. A
    running try that began under one of them is gone."""

    task: TaskAddress
    inlets: tuple[AssetAddress, ...] = ()
    outlets: tuple[AssetAddress, ...] = ()
    supervisor: str = ""
    rerun: bool = False
    fresh: bool = False
    new_asset: bool = False
    holds_lock: bool = False
    lease_seconds: float = 60.0
    holder: str = ""
    holds_lock_of: tuple[str, ...] = ()


class Started(Message):
    """The try is current. ``instance_id`` and ``try_number`` are its claims in embedded mode; ``token``
    carries them over HTTP. ``previous_status`` is how the try before ended (None: this is the first)."""

    instance_id: int
    ti_id: str
    try_number: int
    lease_seconds: float
    grants: tuple[Grant, ...] = ()
    previous_status: str | None = None
    max_value_bytes: int = 65_536
    token: str | None = None
    store_id: str = ""


class Heartbeat(Message):
    """Renew the lease of the caller's try."""

    lease_seconds: float = 60.0


class LeaseRenewed(Message):
    lease_seconds: float
    token: str | None = None


class Finish(Message):
    """End the caller's try: ``succeeded`` applies what is staged, ``failed`` drops it."""

    succeeded: bool
    exit_status: int | None = None
    reason: str | None = None


class Finished(Message):
    """How the try ended, and how many staged operations became visible."""

    status: str
    applied_operations: int = 0


class AddGrant(Message):
    """Declare one more asset during a try (an asset that is found at run time)."""

    asset: AssetAddress
    writable: bool = False


class Context(Message):
    """What a task process may know of its try: the reply to :class:`Hello`. Never a token or credential.

    ``state_backend`` and ``read_backends`` are the class paths of its worker's backends. ``trace`` is the W3C
    header of the trace that the try belongs to, of a supervisor that takes one with each request; else empty.
    """

    task: TaskAddress
    ti_id: str
    try_number: int
    grants: tuple[Grant, ...] = ()
    max_value_bytes: int = 65_536
    store_id: str = ""
    state_backend: str = ""
    read_backends: tuple[str, ...] = ()
    trace: str = ""


class Hello(Message):
    """The first request on a channel connection; the supervisor answers :class:`Context`."""

    protocol: int = 1


# --- state operations ------------------------------------------------------------------------------------


class Get(Message):
    """Answered by :class:`Entry`, or :class:`Absent`."""

    key: str
    target: Target = None


class Set(Message):
    """Write one entry. ``retention`` is seconds, ``"never"``, or None for the store's default. At most one
    of ``if_version`` and ``if_absent``. ``apply_now``: an asset write that is not staged. With ``external``,
    ``value`` is empty."""

    key: str
    value: bytes
    target: Target = None
    retention: float | str | None = None
    if_version: int | None = None
    if_absent: bool = False
    apply_now: bool = False
    external: External | None = None


class Delete(Message):
    """Remove one entry; no effect when it is absent, unless ``if_version`` says that it must not be."""

    key: str
    target: Target = None
    if_version: int | None = None
    apply_now: bool = False


class Clear(Message):
    """Remove every entry of the target. ``all_map_indices`` is for operators only."""

    target: Target = None
    all_map_indices: bool = False
    apply_now: bool = False


class Increment(Message):
    """Add ``by`` (JSON text of a number) to the entry; an absent one counts as 0. Answered by Entry."""

    key: str
    by: bytes
    target: Target = None
    retention: float | str | None = None
    apply_now: bool = False


class SetMax(Message):
    """Raise the entry to ``value`` if that is greater than what stands. Answered by Entry."""

    key: str
    value: bytes
    target: Target = None
    retention: float | str | None = None
    apply_now: bool = False


class Batch(Message):
    """Several operations, all or nothing, in order. Answered by :class:`BatchDone`."""

    operations: tuple[Get | Set | Delete | Clear | Increment | SetMax, ...]


class ListEntries(Message):
    """A page of the target's entries in key order: keys after ``after`` that begin with ``prefix``."""

    target: Target = None
    prefix: str = ""
    after: str | None = None
    limit: int = 1000
    with_values: bool = False


class ListHistory(Message):
    """A page of the kept versions of an asset's entry (of all its entries when ``key`` is None), newest
    first: those before the version ``before``. An older store has no such field, and one page."""

    target: Target
    key: str | None = None
    limit: int = 100
    before: int | None = None


class Entry(Message):
    """One entry. ``version`` and ``updated_at`` are None while the write is staged. Instants are
    microseconds since the Unix epoch, UTC. ``value`` is empty in a list that was asked for without values.
    ``is_relative``: staged, and reckoned from what stands for everybody now, which others may still change.
    With ``external``, the value lies there and ``value`` is empty.
    """

    key: str
    value: bytes
    version: int | None
    size_bytes: int
    updated_at: int | None = None
    expires_at: int | None = None
    writer: Writer | None = None
    is_relative: bool = False
    external: External | None = None


class Absent(Message):
    """There is no such entry. Not an error."""

    key: str


class Written(Message):
    """The write is applied under this version, or staged (None). For a delete or a clear, ``version`` is
    None and ``removed`` counts the entries that are gone. ``left``: the objects of plain backends that no
    record names any more by this write, for the caller to delete."""

    version: int | None = None
    removed: int = 0
    left: tuple[External, ...] = ()


class BatchDone(Message):
    """A reply for each operation of the batch, in order."""

    replies: tuple[Entry | Absent | Written, ...]


class Entries(Message):
    """A page of entries; ``after`` continues it (None: this was the last)."""

    entries: tuple[Entry, ...]
    after: str | None = None


class Change(Message):
    """One row of an asset's history. ``change`` is set, delete, clear, rewind or sweep; ``value`` is None
    unless the change left one here, and ``external`` unless it left one there. A plain backend keeps no
    earlier values, so a set through one has neither."""

    key: str
    version: int
    change: str
    changed_at: int
    value: bytes | None = None
    writer: Writer | None = None
    external: External | None = None


class History(Message):
    """A page of changes; ``before`` continues it (None: this was the last)."""

    changes: tuple[Change, ...]
    before: int | None = None


# --- objects that nothing names, for whoever has the credentials to delete them -----------------------------


class DescribeStore(Message):
    """Asked by a worker or a person. Answered by :class:`StoreDescription`.

    ``with_objects``: count the objects, too, for which the store goes through all of them.
    """

    with_objects: bool = False


class ObjectsOfBackend(Message):
    """How many objects of one backend the store knows: those that an entry, the history or a staged write
    names, and those that nothing names and that may be deleted, the oldest since ``oldest_due_at``."""

    backend_id: str
    named: int = 0
    due: int = 0
    oldest_due_at: int | None = None


class StoreDescription(Message):
    """``plain_objects_left``: how many objects of plain backends lost their record to an expiry or a clean-up
    of the store, which cannot delete them. ``objects``: one per backend id, where they were asked for."""

    store_id: str
    max_value_bytes: int
    plain_objects_left: int = 0
    objects: tuple[ObjectsOfBackend, ...] = ()


class FetchDisposals(Message):
    """Lease objects of immutable backends that no record names and that are due, oldest first, for 5 minutes.

    ``origins`` narrows them down; none: all. With ``dry_run`` nothing is leased. Answered by
    :class:`Disposals`.
    """

    backend_ids: tuple[str, ...]
    origins: tuple[TaskAddress | AssetAddress, ...] = ()
    limit: int = 1000
    dry_run: bool = False


class Disposal(Message):
    """An object to delete, and the number under which that is acknowledged."""

    object_id: int
    external: External


class Disposals(Message):
    disposals: tuple[Disposal, ...]


class AcknowledgeDisposals(Message):
    """These are deleted, or were gone already. Acknowledging twice is fine."""

    object_ids: tuple[int, ...]


class Condemn(Message):
    """Of objects that a listing has shown, record those that the store does not know as condemned.

    A write that names one is refused from then on, so that it may be deleted. With ``dry_run`` nothing is
    recorded. Answered by :class:`Condemned`.
    """

    storage_keys: tuple[str, ...]
    dry_run: bool = False


class Condemned(Message):
    """The storage keys that nothing names and nothing will."""

    storage_keys: tuple[str, ...]


class SweepStep(Message):
    """Remove one batch of what has expired or lost its owner; ``cursor`` is that of the step before.

    With ``dry_run`` nothing is removed, but counted. Answered by :class:`Swept`.
    """

    cursor: str | None = None
    dry_run: bool = False


class Swept(Message):
    """How much one step removed; ``cursor`` continues (None: that was all)."""

    task_entries: int = 0
    asset_entries: int = 0
    requests: int = 0
    cursor: str | None = None


# --- for people, outside any try -------------------------------------------------------------------------


class Rewind(Message):
    """Set an asset's entry back to the value of a kept version; leaves a row in the history."""

    target: Target
    key: str
    version: int


class ListTries(Message):
    """Tries, newest first; each filter that is None matches all. Without a ``dag_id``, the other filters look
    among the 100,000 tries that started last. Long reasons are cut."""

    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None
    limit: int = 100


class TryRow(Message):
    """One try. ``status`` is running, lapsed (its lease ran out), succeeded, failed or superseded."""

    task: TaskAddress
    try_number: int
    status: str
    started_at: int
    finished_at: int | None = None
    exit_status: int | None = None
    reason: str | None = None
    supervisor: str = ""


class Tries(Message):
    tries: tuple[TryRow, ...]


class ListAssets(Message):
    include_inactive: bool = False
    limit: int = 1000


class FindAsset(Message):
    """One active asset by name or uri. Answered by :class:`AssetRow`."""

    asset: AssetAddress


class AssetRow(Message):
    asset_id: int
    name: str | None
    uri: str | None
    active: bool
    entries: int
    updated_at: int | None = None


class Assets(Message):
    assets: tuple[AssetRow, ...]


class Deactivate(Message):
    """Take an asset out of use; its state stays until the orphan sweep."""

    asset: AssetAddress


class Restore(Message):
    """Bring a deactivated asset back, with its state."""

    asset: AssetAddress


class Done(Message):
    """The request took effect; there is nothing more to say."""


class Refusal(Message):
    """The error that a request met, as its code and facts. ``is_first_answer`` is as that of the errors."""

    code: str
    facts: dict[str, Fact]
    is_first_answer: bool = True


# --- claims: who asks ------------------------------------------------------------------------------------


class TryClaims(Message):
    """The caller is this try. Whether it is still current is the store's to say."""

    instance_id: int
    try_number: int


class WorkerClaims(Message):
    """The caller holds a worker credential and may start tries."""

    worker: str


class OperatorClaims(Message):
    """The caller is a person, or a tool of theirs, outside any try."""

    operator: str


Claims = TryClaims | WorkerClaims | OperatorClaims
