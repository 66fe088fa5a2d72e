"""Values that stay on the worker: `[workers] state_backend`, tasks and the real command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from backends.master_keys import written
from served_store import changed_rows, held_bytes
from statekeep_command import THE_TASK, Statekeep

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent
OBJECTS = "statekeep.backends.ObjectStoreBackend"
LARGE = "v" * 200_000

# What the task does is given in words: set KEY, get KEY, delete KEY, crash; large values only.
JOB = """
import os, sys, statekeep
state = statekeep.current_context().task_state
for word in sys.argv[1:]:
    what, _, key = word.partition("=")
    if what == "set":
        state.set(key, "v" * 200_000)
    elif what == "get":
        print(key, len(state.get(key, "")), flush=True)
    elif what == "delete":
        state.delete(key)
    elif what == "crash":
        os.kill(os.getpid(), 9)
"""


class Place:
    """A store, and the folder where the values of its tasks lie."""

    def __init__(self, statekeep: Statekeep, **environ: str) -> None:
        self.statekeep = statekeep
        self.folder = statekeep.folder / "values"
        self.folder.mkdir()
        (statekeep.folder / "job.py").write_text(JOB)
        statekeep.environ |= {
            "PYTHONPATH": os.pathsep.join([str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **environ,
        }

    def job(self, *words: str, **environ: str) -> tuple[int, list[str]]:
        done = self.statekeep.run(sys.executable, "job.py", *words, options=(), stdin="", **environ)
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.splitlines()

    def files(self) -> list[Path]:
        return [path for path in self.folder.rglob("*") if path.is_file()]


@pytest.fixture
def plain(statekeep: Statekeep) -> Place:
    """A backend that its author wrote from the contract's signatures alone."""
    return Place(
        statekeep,
        STATEKEEP__WORKERS__STATE_BACKEND="backends.plain_backend.FolderBackend",
        FOLDER_BACKEND=str(statekeep.folder / "values"),
    )


@pytest.fixture
def objects(statekeep: Statekeep) -> Place:
    """An object store in a local folder."""
    url = f"file://{statekeep.folder}/values"
    return Place(statekeep, STATEKEEP__WORKERS__STATE_BACKEND=OBJECTS, STATEKEEP__OBJECT_STORE__URL=url)


def test_a_plain_backend_keeps_a_value_over_a_crash_and_deletes_its_file(plain: Place) -> None:
    assert plain.job("set=k", "get=k", "crash") == (137, ["k 200000"])
    (file,) = plain.files()
    assert file.stat().st_size == 200_002
    assert plain.job("get=k", "set=k", "get=k", "crash") == (137, ["k 200000", "k 200000"])
    assert plain.files() == [file], "it overwrites in place"
    assert plain.job("get=k", "delete=k", "get=k") == (0, ["k 200000", "k 0"])
    assert plain.files() == []


def test_the_store_itself_never_holds_what_the_backend_took(plain: Place) -> None:
    plain.job("set=k", "crash")
    assert b"vvvvvvvvvvvvvvvv" not in held_bytes(plain.statekeep.database)


def test_an_object_store_keeps_each_write_until_it_is_disposed_of(objects: Place) -> None:
    assert objects.job("set=k", "get=k", "crash") == (137, ["k 200000"])
    assert len(objects.files()) == 1
    assert objects.job("get=k", "set=k", "crash") == (137, ["k 200000"])
    assert len(objects.files()) == 2
    assert objects.job("get=k", "delete=k", "get=k") == (0, ["k 200000", "k 0"])


def test_what_was_replaced_is_deleted_at_the_end_of_a_job_when_it_is_due(objects: Place) -> None:
    objects.job("set=k", "crash")
    (replaced,) = objects.files()
    objects.job("set=k", "crash")
    assert len(objects.files()) == 2
    five_minutes_pass = "UPDATE external_objects SET due_at = 1 WHERE due_at IS NOT NULL"
    assert changed_rows(objects.statekeep.database, five_minutes_pass) == 1
    assert objects.job("get=k", "crash") == (137, ["k 200000"])
    (left,) = objects.files()
    assert left != replaced


def test_what_cannot_be_made_keeps_the_try_from_starting(objects: Place) -> None:
    for environ, said in (
        ({"STATEKEEP__OBJECT_STORE__URL": ""}, "[object_store] url"),
        ({"STATEKEEP__WORKERS__STATE_BACKEND": "nowhere.B"}, "[workers] state_backend"),
        ({"STATEKEEP__WORKERS__READ_BACKENDS": "nowhere.B"}, "[workers] read_backends"),
    ):
        done = objects.statekeep.run("touch", "ran", options=(), stdin="", **environ)
        assert done.returncode == 78
        (option,) = environ
        assert f"  {said} (environment variable {option}): " in done.stderr
    assert not (objects.statekeep.folder / "ran").exists()
    assert not objects.statekeep.store.exists()


def test_a_task_of_a_python_function_is_refused_alike(objects: Place) -> None:
    script = "\n".join(
        [
            "import statekeep",
            "from statekeep import task",
            "@task(dag='d')",
            "def work(): print('ran')",
            "if __name__ == '__main__':",
            "    try: work.run('r')",
            "    except Exception as error: print(type(error).__name__, error)",
        ]
    )
    (objects.statekeep.folder / "work.py").write_text(script)
    environ = objects.statekeep.environ | {"STATEKEEP__WORKERS__STATE_BACKEND": "nowhere.B"}
    command = Statekeep(objects.statekeep.folder, objects.statekeep.temporary)
    command.environ = environ
    done = _python(command, "work.py")
    assert "ran" not in done.splitlines()
    assert "there is no module nowhere" in done


def _python(statekeep: Statekeep, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=statekeep.folder,
        env=statekeep.environ,
    )
    return done.stdout


def test_the_command_reads_and_writes_what_a_task_does(objects: Place) -> None:
    objects.job("set=k", "crash")
    statekeep = objects.statekeep
    assert statekeep("state", "get", "k", *THE_TASK).stdout == f'"{LARGE}"\n'
    done = statekeep("state", "set", "--string", "k", "-", *THE_TASK, stdin="w" * 100_000)
    assert done.returncode == 0, done.stderr
    assert objects.job("get=k", "crash")[1] == ["k 100000"]
    script = """
        statekeep state get k | wc -c
        statekeep state set --string own - <large; statekeep state get own | wc -c
    """
    (statekeep.folder / "large").write_text("x" * 70_000)
    assert statekeep.shell(script).stdout.split() == ["100003", "70003"]


def test_a_listing_fetches_nothing_unless_values_are_asked_for(objects: Place) -> None:
    objects.job("set=k", "crash")
    statekeep = objects.statekeep
    (file,) = objects.files()
    file.rename(file.with_suffix(".away"))
    listed = statekeep("state", "list", *THE_TASK)
    assert listed.returncode == 0, listed.stderr
    assert "(200,002 bytes at file://" in listed.stdout
    (entry,) = json.loads(statekeep("state", "list", "--json", *THE_TASK).stdout)
    assert entry["value"] is None
    assert entry["external"]["size_bytes"] == 200_002
    assert entry["external"]["reference"].endswith(file.name)
    lost = statekeep("state", "get", "k", *THE_TASK)
    assert (lost.returncode, lost.stdout) == (65, "")
    assert file.name in lost.stderr
    file.with_suffix(".away").rename(file)
    (entry,) = json.loads(statekeep("state", "list", "--json", "--values", *THE_TASK).stdout)
    assert entry["value"] == LARGE
    assert "external" not in entry


def test_a_listing_shows_the_values_that_can_be_read_and_says_why_others_cannot(objects: Place) -> None:
    objects.job("set=k", "crash")
    statekeep = objects.statekeep
    statekeep("state", "set", "small", "7", *THE_TASK)
    (file,) = objects.files()
    file.rename(file.with_suffix(".away"))
    listed = statekeep("state", "list", "--values", *THE_TASK)
    assert listed.returncode == 65
    rows = [line.split()[:3] for line in listed.stdout.splitlines()]
    assert rows[1:] == [["k", "(unreadable:", "reference_missing)"], ["small", "7", "2"]]
    assert listed.stderr.startswith("statekeep: version 1: the object of k in etl/2026-01-01/load is gone: ")
    document = json.loads(statekeep("state", "list", "--values", "--json", *THE_TASK).stdout)
    assert [each["value"] for each in document] == [None, 7]
    assert file.name in document[0]["problem"]
    assert "problem" not in document[1]


def test_a_history_shows_the_values_that_can_be_read_and_says_why_others_cannot(objects: Place) -> None:
    statekeep = objects.statekeep
    statekeep.shell("true", ("--outlet=orders",))
    for number in range(3):
        statekeep("asset", "set", "--string", "orders", "wm", "-", stdin=f"{number}" * 70_000)
    lost, altered, whole = sorted(objects.files(), key=lambda file: file.stat().st_mtime_ns)
    lost.unlink()
    altered.write_bytes(whole.read_bytes())
    done = statekeep("asset", "history", "orders", "wm", "--values")
    assert done.returncode == 65
    cells = [line.split()[3] for line in done.stdout.splitlines()[1:]]
    assert cells[0].startswith('"2222')
    assert cells[1:] == ["(unreadable:", "(unreadable:"]
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == ["version 2", "version 1"]
    document = json.loads(statekeep("asset", "history", "orders", "--values", "--json").stdout)
    assert [each["value"] for each in document] == ["2" * 70_000, None, None]
    assert ["problem" in each for each in document] == [False, True, True]


def test_a_value_that_is_not_encrypted_is_not_shown_in_a_listing(objects: Place) -> None:
    objects.job("set=large", "crash")
    statekeep = objects.statekeep
    statekeep("state", "set", "small", '"in the clear"', *THE_TASK)
    encrypting = {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.EncryptedBackend",
        "STATEKEEP__ENCRYPTION__KEYS": written("k1"),
    }
    statekeep("state", "set", "new", "1", *THE_TASK, **encrypting)
    for words in ((), ("--json",)):
        done = statekeep("state", "list", "--values", *words, *THE_TASK, **encrypting)
        assert done.returncode != 0
        assert "in the clear" not in done.stdout
        assert done.stderr.count("set [encryption] allow_plaintext = true to read it") == 2
    assert [each["value"] for each in json.loads(done.stdout)] == [None, 1, None]


def test_a_value_of_a_backend_that_is_not_configured_says_what_to_configure(objects: Place) -> None:
    objects.job("set=k", "crash")
    without = {"STATEKEEP__WORKERS__STATE_BACKEND": ""}
    for arguments in (("get", "k"), ("list", "--values")):
        done = objects.statekeep("state", *arguments, *THE_TASK, **without)
        assert done.returncode == 78
        assert "v" * 9 not in done.stdout
        assert "name the class in [workers] state_backend or read_backends" in done.stderr
    assert objects.statekeep("state", "list", *THE_TASK, **without).returncode == 0
    reading = without | {"STATEKEEP__WORKERS__READ_BACKENDS": OBJECTS}
    assert objects.job("get=k", **reading) == (0, ["k 200000"])
    assert len(objects.statekeep("state", "get", "k", *THE_TASK, **reading).stdout) == 200_003


def test_an_asset_has_one_home_whatever_it_is_called(objects: Place) -> None:
    statekeep = objects.statekeep
    (statekeep.folder / "large").write_text("x" * 70_000)
    script = "statekeep asset set --string orders wm - <large; statekeep asset get orders wm | wc -c"
    done = statekeep.shell(script, ("--outlet", "orders=s3://lake/orders"))
    assert done.stdout.split() == ["70003"], done.stderr
    for name, characters in (("orders", 70_003), ("s3://lake/orders", 80_003)):
        assert len(statekeep("asset", "get", name, "wm").stdout) == characters
        assert statekeep("asset", "set", "--string", name, "wm", "-", stdin="y" * 80_000).returncode == 0
    assert {file.parent for file in objects.files()} == {objects.files()[0].parent}
    history = json.loads(statekeep("asset", "history", "orders", "--json").stdout)
    assert [change["value"] for change in history] == [None] * 3
    assert [change["external"]["size_bytes"] for change in history] == [80_002, 80_002, 70_002]
    assert statekeep("asset", "rewind", "orders", "wm", str(history[-1]["version"])).returncode == 0
    assert len(statekeep("asset", "get", "orders", "wm").stdout) == 70_003
    values = json.loads(statekeep("asset", "history", "orders", "--values", "--json").stdout)
    assert [len(change["value"]) for change in values] == [70_000, 80_000, 80_000, 70_000]


def test_a_store_may_change_to_encryption_and_to_another_place(objects: Place) -> None:
    objects.job("set=before", "crash")
    (objects.folder / "new").mkdir()
    changed = {
        "STATEKEEP__WORKERS__STATE_BACKEND": "statekeep.backends.EncryptedBackend",
        "STATEKEEP__ENCRYPTION__KEYS": written("k1"),
        "STATEKEEP__ENCRYPTION__ALLOW_PLAINTEXT": "yes",
        "STATEKEEP__OBJECT_STORE__READ_URLS": f"file://{objects.folder}",
        "STATEKEEP__OBJECT_STORE__URL": f"file://{objects.folder}/new",
    }
    words = ("get=before", "set=after", "get=after", "crash")
    assert objects.job(*words, **changed)[1] == ["before 200000", "after 200000"]
    (file,) = [file for file in objects.files() if file.is_relative_to(objects.folder / "new")]
    assert b"vvvv" not in file.read_bytes()
    assert objects.job("get=after", "get=before", **changed)[1] == ["after 200000", "before 200000"]


IN_PROCESS = """
import os, statekeep
def opened(**options):
    return statekeep.open_task(dag="d", run="r", task="t", outlets=["orders"], **options)
with opened() as context:
    context.task_state.set("k", "v" * 200_000)
    context.asset_state["orders"].set("wm", "w" * 200_000)
    found = context.declare("found later", writable=True)
    found.set("wm", "f" * 200_000)
    assert found.get("wm") == "f" * 200_000
with opened(rerun=True) as context:
    print(len(context.task_state.get("k")), len(context.asset_state["orders"].get("wm")))
"""


@pytest.mark.parametrize("url", ["file", "memory://"])
def test_a_task_in_this_process_does_as_a_supervised_one(objects: Place, url: str) -> None:
    (objects.statekeep.folder / "notebook.py").write_text(IN_PROCESS)
    if url != "file":
        objects.statekeep.environ["STATEKEEP__OBJECT_STORE__URL"] = url
    assert _python(objects.statekeep, "notebook.py") == "200000 200000\n"
    assert len(objects.files()) == (3 if url == "file" else 0)


def test_a_task_in_this_process_is_refused_before_it_starts(objects: Place) -> None:
    (objects.statekeep.folder / "notebook.py").write_text(
        "import statekeep\n"
        "from statekeep.config import SettingsError\n"
        "try:\n    with statekeep.open_task(dag='d', run='r', task='t'): print('ran')\n"
        "except SettingsError as error: print(error)\n"
    )
    objects.statekeep.environ["STATEKEEP__OBJECT_STORE__URL"] = ""
    assert "[object_store] url" in _python(objects.statekeep, "notebook.py")
    assert not objects.statekeep.store.exists()


FORKING = """
import os, statekeep
from threading import Thread
state = statekeep.current_context().task_state
state.set("parent", "p" * 200_000)
child = os.fork()
if child == 0:
    try:
        assert len(state.get("parent")) == 200_000
        state.set("child", "c" * 200_000)
        os._exit(0)
    except BaseException as error:
        print(repr(error), flush=True)
        os._exit(1)
assert os.waitpid(child, 0)[1] == 0
threads = [Thread(target=state.set, args=(f"thread {n}", "t" * 200_000)) for n in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(sorted({len(entry.value) for entry in state.entries()}), len(state.keys()))
"""


def test_forked_children_and_threads_have_the_backend_too(objects: Place) -> None:
    (objects.statekeep.folder / "forking.py").write_text(FORKING)
    done = objects.statekeep.run(sys.executable, "forking.py")
    assert done.stdout == "[200000] 10\n", done.stderr


def test_a_task_without_a_backend_imports_nothing_of_one(statekeep: Statekeep) -> None:
    script = (
        "import sys, statekeep; statekeep.current_context().task_state.set('k', 1); "
        "print([name for name in sys.modules if name.startswith('statekeep.') and 'backends' in name "
        "or 'offloading' in name])"
    )
    assert statekeep.run(sys.executable, "-c", script).stdout == "[]\n"
    code = (
        "import os, sys; from statekeep.supervisor.job import Job; "
        "from statekeep._shared.state.messages import TaskAddress; "
        "from statekeep.supervisor.configured import supervise; "
        "supervise(Job(TaskAddress('d', 'r', 't'), ('true',))); "
        "print([name for name in sys.modules if 'statekeep.backends' in name or 'sweeping' in name])"
    )
    assert _python(statekeep, "-c", code) == "[]\n"
    assert [row["task_id"] for row in statekeep.tries()] == ["load", "t"]
