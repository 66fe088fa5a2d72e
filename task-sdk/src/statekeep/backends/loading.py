"""From a class path in the settings to a backend, or to what is wrong with it in words.

Every refusal is a ``SettingsError`` that names the option and where it was set: the command says it in one
line and exits as for any other wrong setting, with no traceback.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from .._shared.state.backend import BaseStateBackend
from .._shared.state.errors import StatekeepError
from ..config import SettingsError, process_environment, settings_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType, TracebackType

_LONGEST_SAYING_CHARACTERS = 300
_ALL_FROM_CONFIGURATION = "all_from_configuration"


class BackendSetting(NamedTuple):
    """A class path, the option that holds it (``[workers] state_backend``), and where that was set."""

    class_path: str
    option: str
    source: str

    def wrong(self, problem: str) -> SettingsError:
        """The error for what is wrong with it."""
        return settings_error([(self.option, self.source, f"{self.class_path}: {problem}")])


class BackendHolder:
    """Makes the backends of a setting when they are first asked for, once in a process.

    Methods may be called from several threads; they all get the same ones. A forked child makes its own:
    connections and threads of the parent's are of no use to it.

    ``environ``: where the options of the backend itself are looked for; this process's unless given.
    """

    def __init__(self, setting: BackendSetting, environ: Mapping[str, str] | None = None) -> None:
        from threading import Lock  # a process that uses no backend does not load it

        self._setting = setting
        self._environ = environ
        self._lock = Lock()
        self._store_id = ""
        self._held: tuple[int, tuple[BaseStateBackend, ...]] | None = None

    def backend(self) -> BaseStateBackend:
        """Return the backend; raise ``SettingsError`` when there is none, and try again the next time."""
        return self.backends()[0]

    def backends(self) -> tuple[BaseStateBackend, ...]:
        """Return the backend and, behind it, further ones that its own options name for reading.

        Raises as :meth:`backend` does.
        """
        from os import getpid

        held = self._held
        if held is not None and held[0] == getpid():
            return held[1]
        with self._lock:
            if self._held is None or self._held[0] != getpid():
                setting = self._setting
                made = load_backends(
                    setting.class_path, option=setting.option, source=setting.source, environ=self._environ
                )
                _belong_to(made, self._store_id)
                self._held = (getpid(), made)
            return self._held[1]

    def belong_to(self, store_id: str) -> None:
        """Let the backends make references of this store, those that are made later too."""
        with self._lock:
            if store_id != self._store_id:
                self._store_id = store_id
                if self._held is not None:
                    _belong_to(self._held[1], store_id)


def _belong_to(backends: tuple[BaseStateBackend, ...], store_id: str) -> None:
    if not store_id:
        return
    for backend in backends:
        # Of the instance itself it may raise, as long as there is none.
        if hasattr(type(backend), "store_id") or "store_id" in getattr(backend, "__dict__", {}):
            backend.store_id = store_id  # type: ignore[attr-defined]  # it has one


def load_backends(
    class_path: str, *, option: str, source: str, environ: Mapping[str, str] | None = None
) -> tuple[BaseStateBackend, ...]:
    """Import the class, check that it is a complete backend, and make one.

    The class may derive from any vendored copy of ``BaseStateBackend``. One that has a class method
    ``from_configuration(environ)`` is made by it, any other without arguments. Behind it stand further ones
    that its own options name for reading: what a class method ``all_from_configuration(environ)`` returns,
    which built-in classes have. Raises ``SettingsError``, which says what to mend, and never anything else
    that the class or its module raises.
    """
    setting = BackendSetting(class_path, option, source)
    cls = _backend_class(setting)
    _check_complete(setting, cls)
    return _made(setting, cls, process_environment() if environ is None else environ)


def _backend_class(setting: BackendSetting) -> type[BaseStateBackend]:
    module_name, _, class_name = setting.class_path.rpartition(".")
    if not module_name or not class_name:
        raise setting.wrong("is no class path such as package.module.Class")
    module = _module(setting, module_name)
    try:
        found = getattr(module, class_name)
    except AttributeError:
        names = ", ".join(_backends_in(module)) or "no backend"
        raise setting.wrong(f"module {module_name} has no {class_name}; it has {names}") from None
    if not isinstance(found, type):
        problem = f"is of type {type(found).__name__}, not a class; name the class, and write none around it"
        raise setting.wrong(problem)
    if not issubclass(found, BaseStateBackend):
        raise setting.wrong("is a class, but no backend; derive it from statekeep.BaseStateBackend")
    return found


def _module(setting: BackendSetting, name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        missing = str(error.name)
        if name == missing or name.startswith(f"{missing}."):
            problem = (
                f"there is no module {missing}; install it for {sys.executable}, or put it on PYTHONPATH"
            )
        else:
            problem = f"importing {name} needs {missing}, which is not installed for {sys.executable}"
        raise setting.wrong(problem) from None
    # A module is somebody else's code, and may even end the process: whatever it raises is its fault.
    except (Exception, SystemExit) as error:
        raise setting.wrong(f"importing {name} failed: {_said(error)}") from None


def _backends_in(module: ModuleType) -> list[str]:
    offered = {*vars(module), *getattr(module, "__all__", ())}  # one that imports late names all there
    public = (name for name in offered if not name.startswith("_"))
    return sorted(name for name in public if _is_concrete_backend(getattr(module, name, None)))


def _is_concrete_backend(value: object) -> bool:
    return (
        isinstance(value, type)
        and issubclass(value, BaseStateBackend)
        and not getattr(value, "__abstractmethods__", ())
    )


def _check_complete(setting: BackendSetting, cls: type[BaseStateBackend]) -> None:
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    if missing:
        raise setting.wrong(f"is not complete; it lacks {', '.join(missing)}")


def _made(
    setting: BackendSetting, cls: type[BaseStateBackend], environ: Mapping[str, str]
) -> tuple[BaseStateBackend, ...]:
    way = _way_to_make(cls)
    if way == "__init__":
        _check_takes_nothing(setting, cls)
    try:
        found: Any = cls() if way == "__init__" else getattr(cls, way)(environ)
        made: tuple[object, ...] = tuple(found) if way == _ALL_FROM_CONFIGURATION else (found,)
    except SettingsError:
        raise  # the backend read options of its own, which that names
    # A constructor is somebody else's code too.
    except (Exception, SystemExit) as error:
        raise setting.wrong(f"making one failed: {_said(error)}") from None
    return tuple(_checked(setting, cls, each) for each in made)


def _way_to_make(cls: type[BaseStateBackend]) -> str:
    """Return the name of what makes one: what the class itself or the nearest class above it has.

    So a class that derives from a built-in one and has an ``__init__`` of its own is made by that.
    """
    for each in cls.__mro__:
        for way in (_ALL_FROM_CONFIGURATION, "from_configuration", "__init__"):
            if way in vars(each):
                return way
    return "__init__"


def _check_takes_nothing(setting: BackendSetting, cls: type[BaseStateBackend]) -> None:
    needed = _required_arguments(cls)
    if needed:
        problem = f"cannot be made without arguments: it needs {', '.join(needed)}"
        raise setting.wrong(f"{problem}; derive a class from it whose __init__ takes none and gives them")


def _checked(setting: BackendSetting, cls: type[BaseStateBackend], made: object) -> BaseStateBackend:
    if not isinstance(made, cls):
        raise setting.wrong(f"making one gave an object of type {type(made).__name__}")
    _check_immutable(setting, made)
    return made


def _check_immutable(setting: BackendSetting, made: BaseStateBackend) -> None:
    # Not at the first sweep, when its objects are there and cannot be found.
    if made.immutable_refs and type(made).list_objects.__qualname__ == "BaseStateBackend.list_objects":
        raise setting.wrong("has immutable_refs but no list_objects; the orphan sweep reads it")


def _required_arguments(cls: type[BaseStateBackend]) -> list[str]:
    from inspect import Parameter, signature

    try:
        parameters = signature(cls).parameters.values()
    except (TypeError, ValueError):  # of a class that is no Python; making one will tell
        return []
    optional = (Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)
    return [each.name for each in parameters if each.default is Parameter.empty and each.kind not in optional]


def _said(error: BaseException) -> str:
    """What the error says in one line, and where it was raised."""
    first_line = str(error).strip().partition("\n")[0][:_LONGEST_SAYING_CHARACTERS]
    if isinstance(error, StatekeepError):
        return first_line  # which says what to do, and is nobody's bug
    words = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    place = _place(error.__traceback__)
    return f"{words} ({place})" if place else words


def _place(traceback: TracebackType | None) -> str:
    """The file and line that raised, leaving out the machinery of importing; empty when there is none."""
    place = ""
    machinery = (__file__, import_module.__code__.co_filename)
    while traceback is not None:
        file = traceback.tb_frame.f_code.co_filename
        if not file.startswith("<") and file not in machinery:
            place = f"{file}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
