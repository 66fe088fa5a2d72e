"""A class path becomes a backend, or one line that says what to mend and where."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from backends.plain_backend import FolderBackend
from statekeep import BaseStateBackend, config
from statekeep.backends.loading import BackendHolder, BackendSetting, load_backends
from statekeep.backends.testing import MemoryStateBackend, second_copy
from statekeep.config import SettingsError

OPTION, SOURCE = "[workers] state_backend", "file /etc/statekeep.toml"
COMPLETE = """
import statekeep
from statekeep.backends.testing import ImmutableMemoryObjects, MemoryStateBackend
class Good(MemoryStateBackend):
    pass
"""


Write = Callable[[str], str]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Write]:
    """Writes a module that can be imported, with a name that no test before had, and returns the name."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    names: list[str] = []

    def writing(text: str) -> str:
        names.append(f"loaded_{os.getpid()}_{len(names)}")
        (tmp_path / f"{names[-1]}.py").write_text(text)
        return names[-1]

    yield writing
    for name in set(sys.modules) - before:
        if name.startswith("loaded_"):
            del sys.modules[name]


def loaded(class_path: str) -> BaseStateBackend:
    return load_backends(class_path, option=OPTION, source=SOURCE)[0]


def refusal(class_path: str) -> str:
    with pytest.raises(SettingsError) as caught:
        loaded(class_path)
    heading, line = str(caught.value).split("\n")
    assert heading == "1 setting is wrong:"
    assert line.startswith(f"  {OPTION} ({SOURCE}): {class_path}: "), line
    return line.partition(f"{class_path}: ")[2]


def test_a_class_path_becomes_a_backend_of_that_class(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FOLDER_BACKEND", str(tmp_path))
    made = loaded("backends.plain_backend.FolderBackend")
    assert type(made) is FolderBackend
    assert made.backend_id == f"folder:{tmp_path}"


def test_a_backend_of_another_vendored_copy_is_a_backend(write: Write) -> None:
    copy = second_copy().__name__
    name = write(f"from {copy}.testing import MemoryStateBackend\nclass Foreign(MemoryStateBackend): pass\n")
    made = loaded(f"{name}.Foreign")
    assert not isinstance(made, MemoryStateBackend)


def test_what_cannot_be_imported_says_what_is_missing(write: Write) -> None:
    assert refusal("NoDots") == "is no class path such as package.module.Class"
    installed = re.escape(sys.executable)
    assert re.fullmatch(
        f"there is no module nowhere; install it for {installed}, or .*", refusal("nowhere.at.B")
    )
    assert refusal("statekeep.nowhere.B").startswith("there is no module statekeep.nowhere;")
    needing = write("import no_such_driver")
    expected = f"importing {needing} needs no_such_driver, which is not installed for {sys.executable}"
    assert refusal(f"{needing}.B") == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1 / 0", r"ZeroDivisionError: division by zero \(.*loaded_.*\.py:1\)"),
        ("def broken(:", r"SyntaxError: .*line 1\)"),
        ("\nraise SystemExit('usage: ...')", r"SystemExit: usage: \.\.\. \(.*loaded_.*\.py:2\)"),
        ("from statekeep import Nothing", "ImportError: cannot import name 'Nothing'.*"),
        ("raise RuntimeError('a' * 9999 + chr(10) + 'b')", r"RuntimeError: a{300} \(.*:1\)"),
        ("raise RuntimeError", r"RuntimeError \(.*:1\)"),
    ],
)
def test_a_module_that_fails_is_told_in_a_line_with_its_place(write: Write, text: str, said: str) -> None:
    name = write(text)
    assert re.fullmatch(f"importing {name} failed: {said}", refusal(f"{name}.B"))


def test_what_is_not_a_backend_says_what_it_is(write: Write) -> None:
    name = write(
        COMPLETE + "class Another(Good): pass\nclass _Hidden(Good): pass\ndef factory(): return Good()\n"
        "instance = Good()\nclass Stranger: pass\nnothing = None\n"
    )
    assert refusal(f"{name}.Goood") == (
        f"module {name} has no Goood; it has Another, Good, ImmutableMemoryObjects, MemoryStateBackend"
    )
    assert refusal("json.B") == "module json has no B; it has no backend"
    for not_a_class, kind in {"factory": "function", "instance": "Good", "nothing": "NoneType"}.items():
        assert refusal(f"{name}.{not_a_class}").startswith(f"is of type {kind}, not a class;")
    expected = "is a class, but no backend; derive it from statekeep.BaseStateBackend"
    assert refusal(f"{name}.Stranger") == expected


def test_an_incomplete_backend_is_told_what_it_lacks(write: Write) -> None:
    name = write(COMPLETE + "class Half(statekeep.BaseStateBackend):\n    def get(self, scope, key): ...\n")
    assert (
        refusal(f"{name}.Half") == "is not complete; it lacks aclear, adelete, aget, aset, clear, delete, set"
    )
    assert refusal("statekeep.BaseStateBackend").startswith(
        "is not complete; it lacks aclear, adelete, aget,"
    )


def test_an_immutable_backend_without_a_listing_is_refused_before_it_has_objects(write: Write) -> None:
    name = write(COMPLETE + "class Unlisted(Good):\n    immutable_refs = True\n")
    assert refusal(f"{name}.Unlisted") == "has immutable_refs but no list_objects; the orphan sweep reads it"


def test_a_backend_that_needs_arguments_is_told_to_be_derived_from(write: Write) -> None:
    name = write(
        COMPLETE + "class Needing(Good):\n"
        "    def __init__(self, url, *more, key, port=1, **others): super().__init__()\n"
        "class Given(Needing):\n    def __init__(self): super().__init__('url', key='k')\n"
    )
    assert refusal(f"{name}.Needing") == (
        "cannot be made without arguments: it needs url, key; "
        "derive a class from it whose __init__ takes none and gives them"
    )
    assert loaded(f"{name}.Given")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("return int('x')", r"ValueError: invalid literal .* \(.*:\d+\)"),
        ("raise TypeError('inside')", r"TypeError: inside \(.*:\d+\)"),
        ("raise SystemExit(2)", r"SystemExit: 2 \(.*:\d+\)"),
        ("import os; os.environ['NO_SUCH_VARIABLE']", r"KeyError: 'NO_SUCH_VARIABLE' \(.*\)"),
        (
            "from statekeep.backends import EncryptionKeys; EncryptionKeys.from_environment('NO_SUCH')",
            "environment variable NO_SUCH cannot be used: it is not set; .*",
        ),
    ],
)
def test_a_constructor_that_fails_is_told_in_a_line(write: Write, body: str, said: str) -> None:
    name = write(COMPLETE + f"class Failing(Good):\n    def __init__(self):\n        {body}\n")
    assert re.fullmatch(f"making one failed: {said}", refusal(f"{name}.Failing"))


def test_a_constructor_that_refuses_its_own_options_is_quoted_in_full(write: Write) -> None:
    name = write(
        COMPLETE + "from statekeep.config import settings_error\n"
        "class Own(Good):\n"
        "    def __init__(self): raise settings_error([('[mine] url', 'here', 'is wrong')])\n"
    )
    with pytest.raises(SettingsError, match=r"\[mine\] url \(here\): is wrong"):
        loaded(f"{name}.Own")


def test_a_constructor_that_makes_something_else_is_refused(write: Write) -> None:
    name = write(COMPLETE + "class Odd(Good):\n    def __new__(cls): return 'text'\n")
    assert refusal(f"{name}.Odd") == "making one gave an object of type str"


def test_an_interrupt_while_loading_is_no_fault_of_the_setting(write: Write) -> None:
    name = write("raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        loaded(f"{name}.B")


def test_the_settings_give_the_option_and_its_source() -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__WORKERS__STATE_BACKEND": "nowhere.Backend"}
    workers = config.load(environ).workers
    setting = BackendSetting(
        workers.state_backend, config.Workers.state_backend.label, workers.sources["state_backend"]
    )
    expected = (
        r"  \[workers\] state_backend \(environment variable STATEKEEP__WORKERS__STATE_BACKEND\): "
        "nowhere.Backend: there is no module nowhere;"
    )
    with pytest.raises(SettingsError, match=expected):
        BackendHolder(setting).backend()


CONFIGURED = COMPLETE + (
    "class Configured(Good):\n"
    "    def __init__(self, place, number=1):\n        super().__init__()\n        self.place = place\n"
    "    @classmethod\n    def from_configuration(cls, environ): return cls(environ['PLACE'])\n"
    "class Inheriting(Configured): pass\n"
    "class Own(Configured):\n    def __init__(self): super().__init__('own')\n"
    "class Several(Configured):\n"
    "    @classmethod\n    def all_from_configuration(cls, environ):\n"
    "        return [cls(place) for place in environ['PLACE']]\n"
    "class Again(Several):\n"
    "    @classmethod\n    def from_configuration(cls, environ): return cls('again')\n"
)


def test_a_class_that_reads_the_configuration_is_made_by_it(write: Write) -> None:
    name = write(CONFIGURED)
    for class_name, places in {
        "Configured": ["ab"],
        "Inheriting": ["ab"],
        "Own": ["own"],  # its own __init__ stands nearer than the inherited class method
        "Several": ["a", "b"],
        "Again": ["again"],
    }.items():
        made = load_backends(f"{name}.{class_name}", option=OPTION, source=SOURCE, environ={"PLACE": "ab"})
        assert [vars(backend)["place"] for backend in made] == places
        assert {type(backend).__name__ for backend in made} == {class_name}


def test_a_class_that_cannot_read_its_configuration_is_said_in_a_line(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PLACE", raising=False)
    name = write(CONFIGURED)
    assert refusal(f"{name}.Configured").startswith("making one failed: KeyError: 'PLACE' (")


STORED = COMPLETE + (
    "class Property(Good):\n"
    "    @property\n    def store_id(self):\n        raise RuntimeError('not set yet')\n"
    "    @store_id.setter\n    def store_id(self, value): self.told = value\n"
    "class Attribute(Good):\n    def __init__(self):\n        super().__init__()\n"
    "        self.store_id = ''\n"
)


def test_backends_that_have_a_store_id_are_told_it_whenever_they_are_made(write: Write) -> None:
    name = write(STORED)
    for class_name, attribute in {"Property": "told", "Attribute": "store_id"}.items():
        made_before = BackendHolder(BackendSetting(f"{name}.{class_name}", OPTION, SOURCE))
        made_before.backend()
        made_after = BackendHolder(BackendSetting(f"{name}.{class_name}", OPTION, SOURCE))
        for holder in (made_before, made_after):
            holder.belong_to("the-store")
            assert getattr(holder.backend(), attribute) == "the-store"
    without = BackendHolder(BackendSetting(f"{name}.Good", OPTION, SOURCE))
    without.belong_to("the-store")
    assert not hasattr(without.backend(), "store_id")


COUNTING = COMPLETE + (
    "from threading import Barrier\n"
    "made = []\n"
    "class Counted(Good):\n    def __init__(self):\n        super().__init__()\n        made.append(self)\n"
)


def test_a_holder_makes_one_backend_whoever_asks_first(write: Write) -> None:
    name = write(COUNTING)
    holder = BackendHolder(BackendSetting(f"{name}.Counted", OPTION, SOURCE))
    assert name not in sys.modules, "nothing is imported before it is asked for"
    together = threading.Barrier(8)
    got: list[object] = []

    def ask() -> None:
        together.wait()
        got.append(holder.backend())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 8
    assert len({id(one) for one in got}) == 1
    assert len(sys.modules[name].made) == 1


def test_a_holder_tries_again_after_a_failure(write: Write) -> None:
    name = write(
        COMPLETE + "tries = []\nclass Second(Good):\n    def __init__(self):\n"
        "        tries.append(1)\n        super().__init__()\n"
        "        if len(tries) == 1: raise OSError('down')\n"
    )
    holder = BackendHolder(BackendSetting(f"{name}.Second", OPTION, SOURCE))
    with pytest.raises(SettingsError, match="OSError: down"):
        holder.backend()
    assert holder.backend() is holder.backend()


def test_a_forked_child_makes_a_backend_of_its_own(write: Write) -> None:
    name = write(COUNTING)
    holder = BackendHolder(BackendSetting(f"{name}.Counted", OPTION, SOURCE))
    holder.backend()
    forking = multiprocessing.get_context("fork")
    answers = forking.SimpleQueue()
    child = forking.Process(target=_count, args=(holder, name, answers))
    child.start()
    assert answers.get() == 2
    child.join()
    assert len(sys.modules[name].made) == 1


def _count(holder: BackendHolder, name: str, answers: multiprocessing.queues.SimpleQueue[int]) -> None:
    assert holder.backend() is holder.backend()
    answers.put(len(sys.modules[name].made))
