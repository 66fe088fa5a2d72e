"""The conformance suite, for authors of state backends. Comes with ``pip install 'statekeep[testing]'``.

Subclass :class:`StateBackendConformance` in a test module and give it a ``backend`` fixture; declare what
the backend can do with :class:`Capabilities`. What is not declared is tested to be refused.
"""

try:
    import hypothesis  # noqa: F401 -- the suite needs it; asked for here, so that its absence is explained
    import pytest
except ModuleNotFoundError as error:
    explained = f"the conformance suite needs {error.name}: pip install 'statekeep[testing]'"
    raise ModuleNotFoundError(explained, name=error.name) from error

# Before the suite is imported, so that its failed asserts show both sides.
pytest.register_assert_rewrite("statekeep._shared.state.testing")

from .._shared.state.testing import (  # noqa: E402 -- the line above has to come first
    BackendMachine,
    Capabilities,
    ImmutableMemoryObjects,
    MemoryStateBackend,
    PlainMemoryObjects,
    StateBackendConformance,
    second_copy,
)

__all__ = [
    "BackendMachine",
    "Capabilities",
    "ImmutableMemoryObjects",
    "MemoryStateBackend",
    "PlainMemoryObjects",
    "StateBackendConformance",
    "second_copy",
]
