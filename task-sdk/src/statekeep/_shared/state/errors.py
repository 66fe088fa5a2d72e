"""Every way in which Statekeep refuses: one class per cause, each with a code that never changes.

An error crosses a process, a wire or a vendored copy as its code and its facts, and is raised there as
the reader's own class (:func:`error_from`), because ``except`` cannot match another copy's class.

The message is made from the facts: what was refused, the figure, the limit, what to do. It never holds a
stored value or a secret.
"""

from __future__ import annotations

from typing import ClassVar

Fact = str | int | float | bool | None


class _Unknown:
    """Stands for a fact that an older or newer sender did not give; prints under every format."""

    def __format__(self, spec: str) -> str:
        return "(unknown)"


class _Facts(dict[str, Fact | _Unknown]):
    def __missing__(self, name: str) -> _Unknown:
        return _Unknown()


class StatekeepError(Exception):
    """The root of all errors that Statekeep raises on purpose.

    ``code`` is stable and is what crosses a wire; ``retryable`` tells whether the same request can
    succeed later; ``facts`` are the keyword arguments that the error was built from, all plain JSON.

    ``is_first_answer`` is False on a refusal that followed an attempt whose outcome was never known: the
    request was refused now, and may have taken effect before. Whoever repeated the request says so.
    """

    code: str = "error"
    http_status: ClassVar[int] = 500
    retryable: ClassVar[bool] = False
    template: ClassVar[str] = "{problem}"
    is_first_answer: bool = True

    def __init__(self, /, **facts: Fact) -> None:
        self.facts = facts
        try:
            text = self._wording(facts).format_map(_Facts(facts))
        except (TypeError, ValueError):  # another version gives a fact in another type
            text = f"{self.code}: {facts}"
        # Any error can be that of one operation in a batch, and without its number nobody knows which.
        if "operation_number" in facts:
            text = f"operation {facts['operation_number']} of the batch: {text}"
        if "request_id" in facts:  # what the server's log has it under
            text = f"{text} (request {facts['request_id']})"
        super().__init__(text)

    def _wording(self, facts: dict[str, Fact]) -> str:  # noqa: ARG002 -- for classes with two wordings
        return self.template

    def __reduce__(self) -> tuple[object, ...]:
        # The default rebuilds from positional arguments, which these classes do not take.
        return error_from, (self.code, self.facts)


class _CallerMustChangeError(StatekeepError):
    http_status = 422
    template = "{what} {problem}; {remedy}"


class InvalidKeyError(_CallerMustChangeError):
    """A key breaks the key rules. Facts: ``what``, ``problem``, ``remedy``. Nothing was sent or changed."""

    code = "invalid_key"


class InvalidValueError(_CallerMustChangeError):
    """A value would not come back as it was given. Facts: ``what``, ``problem``, ``remedy``."""

    code = "invalid_value"


class InvalidRetentionError(_CallerMustChangeError):
    """A retention is no duration that can be kept. Facts: ``what``, ``problem``, ``remedy``."""

    code = "invalid_retention"


class InvalidRequestError(_CallerMustChangeError):
    """A request is malformed or contradicts itself. Facts: ``what``, ``problem``, ``remedy``."""

    code = "invalid_request"


class ValueTooLargeError(StatekeepError):
    """More than the store takes. Facts: ``what``, ``size_bytes``, ``limit_bytes``, ``remedy``.

    For what is counted in operations: ``operations``, ``limit_operations`` in place of the bytes.
    """

    code = "value_too_large"
    http_status = 413
    template = "{what} is {size_bytes:,} bytes encoded, over the limit of {limit_bytes:,}; {remedy}"

    def _wording(self, facts: dict[str, Fact]) -> str:
        if "limit_operations" in facts:
            return "{what} is {operations:,} operations, over the limit of {limit_operations:,}; {remedy}"
        return self.template


class UnauthenticatedError(StatekeepError):
    """The caller did not prove who it is. Facts: ``problem``, ``remedy``."""

    code = "unauthenticated"
    http_status = 401
    template = "{problem}; {remedy}"


class ForbiddenError(StatekeepError):
    """The caller may not do this. Facts: ``what``, ``problem``."""

    code = "forbidden"
    http_status = 403
    template = "{what} refused: {problem}"


class AssetNotDeclaredError(StatekeepError):
    """The asset is no inlet, or no outlet, of this try. Facts: ``asset``, ``needed`` (inlet, outlet)."""

    code = "asset_not_declared"
    http_status = 403
    template = (
        "asset {asset} is not declared as an {needed} of this task; "
        "declare it when the task starts (--{needed} {asset})"
    )


class NotFoundError(StatekeepError):
    """What is addressed (task instance, try, asset) does not exist. Facts: ``what``."""

    code = "not_found"
    http_status = 404
    template = "{what} does not exist"


class AssetInactiveError(StatekeepError):
    """The asset was deactivated and cannot be declared or written. Facts: ``asset``."""

    code = "asset_inactive"
    http_status = 410
    template = (
        "asset {asset} was deactivated; bring it back with `statekeep asset restore {asset}`, "
        "or start with --new-asset to create another one under its name"
    )


class SupersededError(StatekeepError):
    """A later try has started. Facts: ``task``, ``try_number``, ``current_try_number``."""

    code = "superseded"
    http_status = 409
    template = (
        "try {try_number} of {task} was superseded by try {current_try_number}; "
        "it can neither read nor write any more"
    )


class TryFinishedError(StatekeepError):
    """The try has ended. Facts: ``task``, ``try_number``, ``status``.

    ``superseded`` is one that no other try has superseded: its store was restored from a backup, or copied.
    """

    code = "try_finished"
    http_status = 409
    template = "try {try_number} of {task} has {status}; it can neither read nor write any more"
    template_superseded = (
        "try {try_number} of {task} ended when its store was restored or copied; "
        "it can neither read nor write any more"
    )

    def _wording(self, facts: dict[str, Fact]) -> str:
        return self.template_superseded if facts.get("status") == "superseded" else self.template


class TryRunningError(StatekeepError):
    """Another try holds the lease. Facts: ``task``, ``try_number``, ``lease_seconds`` (left), ``holder``."""

    code = "try_running"
    http_status = 409
    retryable = True
    template = (
        "try {try_number} of {task} is running ({holder}; its lease has {lease_seconds:.0f} s left); "
        "wait for it with --wait SECONDS (in Python, wait_seconds=)"
    )


class OvertakenError(StatekeepError):
    """The try has asked that this sending shall have no effect. Facts: ``number``, ``floor``.

    It changed nothing. Sent again under a number from ``floor`` on, the request is done.
    """

    code = "overtaken"
    http_status = 409
    retryable = True
    template = "sending {number} came after its try had given up those below {floor}; send it again"


class AlreadySucceededError(StatekeepError):
    """The task instance is done. Facts: ``task``, ``try_number``, ``finished_at`` (RFC 3339)."""

    code = "already_succeeded"
    http_status = 409
    template = (
        "{task} already succeeded in try {try_number} at {finished_at}; "
        "run it again with --rerun (in Python, rerun=True), which keeps its state, "
        "and --fresh (fresh=True) to clear it first"
    )


class ConflictError(StatekeepError):
    """A conditional write lost. Facts: ``key``, ``version`` (that stands; None: absent), ``wanted``."""

    code = "conflict"
    http_status = 409
    template = "key {key} stands at version {version}, not at {wanted}; read it again and decide"

    def _wording(self, facts: dict[str, Fact]) -> str:
        version, wanted = facts.get("version"), facts.get("wanted")
        if wanted == "absent":
            stands = "is there already" if version is None else "stands at version {version}"
            return "key {key} " + stands + ", and was wanted absent; read it again and decide"
        if "version" in facts and version is None:
            return (
                "key {key} is absent, or staged and without a version yet, and was wanted at version "
                "{wanted}; read it again and decide"
            )
        return self.template


class ReferenceMissingError(StatekeepError):
    """The object that a record names is gone. Facts: ``scope``, ``key``, ``reference``."""

    code = "reference_missing"
    http_status = 409
    template = "the object of {key} in {scope} is gone: {reference}; restore it, or delete the entry"


class ReferenceCorruptError(StatekeepError):
    """The object's bytes do not have the recorded digest. Facts: ``scope``, ``key``, ``reference``."""

    code = "reference_corrupt"
    http_status = 409
    template = (
        "the object of {key} in {scope} is not what was written: {reference}; restore it, or delete the entry"
    )


class BackendMismatchError(StatekeepError):
    """The reference's backend is not configured. Facts: ``scope``, ``key``, ``reference``, ``backend_id``;
    ``remedy`` where it is known what makes just this one readable.

    The value is where it was written; nothing is lost.
    """

    code = "backend_mismatch"
    http_status = 409
    template = (
        "{key} in {scope} lies at {reference}, and its backend ({backend_id}) is not configured here; name "
        "the class in [workers] state_backend or read_backends, or the old url in [object_store] read_urls"
    )

    def _wording(self, facts: dict[str, Fact]) -> str:
        if "remedy" in facts:
            return "{key} in {scope} lies at {reference}, of backend {backend_id}; {remedy}"
        return self.template


class CondemnedError(StatekeepError):
    """The object was marked for the orphan sweep. Facts: ``storage_key``. Uploading again helps."""

    code = "condemned"
    http_status = 409
    retryable = True
    template = "object {storage_key} is condemned by the orphan sweep; upload the value again"


class UnsupportedError(StatekeepError):
    """The backend or the store lacks the capability. Facts: ``what``, ``problem``."""

    code = "unsupported"
    http_status = 501
    template = "{what} is not supported: {problem}"


class UnavailableError(StatekeepError):
    """No answer in time, or no room to write; the outcome of a write may be unknown.

    Facts: ``what``, ``problem``; ``changed`` (False) where it is known that nothing was changed.
    """

    code = "unavailable"
    http_status = 503
    retryable = True
    template = "{what} is unavailable: {problem}"


class StoreUnusableError(StatekeepError):
    """The store cannot be opened, and repeating does not help. Facts: ``what``, ``problem``, ``remedy``."""

    code = "store_unusable"
    http_status = 500
    template = "{what} cannot be used: {problem}; {remedy}"


class InternalFaultError(StatekeepError):
    """A fault of Statekeep itself met the request, which changed nothing. Facts: ``problem``."""

    code = "internal_fault"
    template = "Statekeep met a fault of its own ({problem}); nothing was changed; please report it"


class UnrecognizedError(StatekeepError):
    """A code of a newer sender. ``code`` is that code; the facts are kept as they came."""

    template = "refused with a code that this version does not know: {facts}"

    def __init__(self, code: str, facts: dict[str, Fact]) -> None:
        super().__init__(facts=f"{code} {facts}")
        self.code = code
        self.facts = facts


def _concrete(root: type[StatekeepError]) -> dict[str, type[StatekeepError]]:
    found: dict[str, type[StatekeepError]] = {}
    for cls in root.__subclasses__():
        if "code" in vars(cls) and cls.__module__ == __name__:
            found[cls.code] = cls
        found.update(_concrete(cls))
    return found


def error_classes() -> dict[str, type[StatekeepError]]:
    """Return the contract's table: each stable code with the class that stands for it."""
    return _concrete(StatekeepError)


def error_from(code: str, facts: dict[str, Fact]) -> StatekeepError:
    """Return this copy's error for a code and facts that came over a wire; raises nothing."""
    cls = error_classes().get(code)
    return UnrecognizedError(code, facts) if cls is None else cls(**facts)
