"""What makes the vendored copies of one class accept each other.

Every distribution carries its own copy of this package, so ``TaskScope`` of the SDK and ``TaskScope`` of
the server are two classes. ``isinstance``, ``issubclass`` and ``match`` accept either, because both carry
the same ``__contract_id__``. The id ends in a major version: a copy whose contract changed incompatibly
is a stranger.
"""

from __future__ import annotations

from abc import ABCMeta

TYPE_CHECKING = False  # typing takes 2.5 ms to import
if TYPE_CHECKING:
    from typing import ClassVar


class OneContract(metaclass=ABCMeta):
    """A class that any vendored copy of itself, and any subclass of such a copy, counts as."""

    __slots__ = ()

    __contract_id__: ClassVar[str]

    @classmethod
    def __subclasshook__(cls, candidate: type) -> bool:
        # A user's subclass inherits this hook but not the right to answer: only the class that declares
        # the id has copies.
        contract_id = cls.__dict__.get("__contract_id__")
        answer: bool = NotImplemented  # leaves it to inheritance
        if contract_id is not None and any(
            base.__dict__.get("__contract_id__") == contract_id for base in candidate.__mro__
        ):
            answer = True
        return answer
