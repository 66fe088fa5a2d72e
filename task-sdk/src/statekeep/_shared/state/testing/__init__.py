"""The conformance suite for state backends, and backends in memory that pass it.

Needs pytest and Hypothesis."""

from .capabilities import Capabilities
from .conformance import StateBackendConformance
from .machine import BackendMachine
from .memory import MemoryStateBackend
from .objects import ImmutableMemoryObjects, PlainMemoryObjects
from .second_copy import second_copy

__all__ = [
    "BackendMachine",
    "Capabilities",
    "ImmutableMemoryObjects",
    "MemoryStateBackend",
    "PlainMemoryObjects",
    "StateBackendConformance",
    "second_copy",
]
