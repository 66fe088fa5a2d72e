"""The names of the standard library that make, change or register what lives as long as the process."""

_MUTABLE = {
    "builtins": ("list", "dict", "set", "bytearray", "iter", "open"),
    "collections": ("deque", "defaultdict", "OrderedDict", "Counter", "ChainMap"),
    "concurrent.futures": ("ThreadPoolExecutor", "ProcessPoolExecutor"),
    "contextlib": ("ExitStack", "AsyncExitStack"),
    "contextvars": ("ContextVar",),
    "functools": ("cache", "lru_cache"),
    "io": ("StringIO", "BytesIO"),
    "itertools": ("count", "cycle"),
    "queue": ("Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"),
    "random": ("Random",),
    "threading": ("Lock", "RLock", "Condition", "Event", "Semaphore", "BoundedSemaphore", "Barrier", "local"),
    "types": ("SimpleNamespace",),
    "weakref": ("WeakSet", "WeakKeyDictionary", "WeakValueDictionary"),
}
_PROCESS = {
    "builtins": ("globals",),
    "atexit": ("register", "unregister"),
    "codecs": ("register", "register_error"),
    "copyreg": ("pickle",),
    "decimal": ("setcontext",),
    "faulthandler": ("enable", "register"),
    "gc": ("disable", "freeze"),
    "locale": ("setlocale",),
    "os": ("chdir", "putenv", "register_at_fork", "umask", "unsetenv"),
    "random": ("seed",),
    "signal": ("set_wakeup_fd", "signal"),
    "sys": ("addaudithook", "setprofile", "setrecursionlimit", "settrace"),
    "warnings": ("filterwarnings", "simplefilter"),
}
_LOGGING = {
    "logging": ("addLevelName", "basicConfig", "captureWarnings", "disable", "setLoggerClass"),
    "logging.config": ("dictConfig", "fileConfig", "listen"),
}

MUTABLE_CALLS = frozenset(name for names in _MUTABLE.values() for name in names)
PROCESS_HOOKS = frozenset(f"{module}.{name}" for module, names in _PROCESS.items() for name in names)
LOGGING_CALLS = frozenset(f"{module}.{name}" for module, names in _LOGGING.items() for name in names)

MEMOIZERS = frozenset({"functools.cache", "functools.lru_cache"})
MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "insert"}
    | {"pop", "popitem", "popleft", "remove", "setdefault", "sort", "update"}
)
LOGGER_METHODS = frozenset(
    {"addFilter", "addHandler", "propagate", "removeFilter", "removeHandler", "setLevel"}
)
NEVER_CHANGED = frozenset({"__all__", "__match_args__", "__slots__"})  # lists by the language's custom
SUBCLASS_MAKERS = frozenset({"__init_subclass__", "__new__"})  # there `cls` is the caller's class, not ours
