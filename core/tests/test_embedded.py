"""Groups of requests in one durable transaction: each answered as it would be alone."""

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from statekeep_core import __version__
from statekeep_core._shared.state import errors, wire
from statekeep_core._shared.state import messages as m
from statekeep_core.embedded import configured_path, open_configured, open_store
from statekeep_core.metastore import task_entries

from core.tests.conftest import Client, MovedClock

OPERATOR = m.OperatorClaims("ann")


@pytest.fixture
def engine() -> str:
    """These are about the file."""
    return "sqlite"


def test_the_release_is_the_one_that_is_installed() -> None:
    from importlib.metadata import version

    assert version("statekeep-core") == __version__


@pytest.mark.parametrize("use", [open_configured, configured_path])
def test_a_store_on_postgresql_is_refused_with_what_to_do(use: Callable[[dict[str, str]], Any]) -> None:
    environ = {"STATEKEEP_CONFIG": "", "STATEKEEP__DATABASE__URL": "postgresql://u:hunter2@h/d"}
    with pytest.raises(errors.UnsupportedError, match=r"run `statekeep server`.*\[api\] url") as refused:
        use(environ)
    assert "hunter2" not in str(refused.value)


def test_a_refused_request_does_not_touch_its_neighbours(client: Client) -> None:
    claims = client.start()
    replies = client.ask_together(
        (claims, m.Set("a", b"1")),
        (claims, m.Set("b", b"NaN")),
        (claims, m.Set("c", b"3", if_version=9)),
        (claims, m.Set("d", b"4")),
        (claims, m.ListEntries()),
    )
    assert [type(reply).__name__ for reply in replies] == [
        "Written",
        "Refusal",
        "Refusal",
        "Written",
        "Entries",
    ]
    assert [entry.key for entry in replies[-1].entries] == ["a", "d"]


def test_a_malformed_request_does_not_touch_its_neighbours(client: Client) -> None:
    claims = client.start()
    good = m.Set("a", b"1")
    plain = {"kind": "TryClaims", **claims._asdict()}
    replies = client.store.handle_group(
        [
            (plain, "", {"kind": "Set", "key": "a"}),
            (plain, "", {"kind": "NoSuchThing"}),
            (plain, "", []),  # as a foreign client might send it
            (plain, "", {**good._asdict(), "kind": "Set"}),
        ]
    )
    assert [reply["kind"] for reply in replies] == ["Refusal", "Refusal", "Refusal", "Written"]


def test_a_fault_in_one_request_is_its_own(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    claims = client.start()

    def stumble(*_args: object) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(task_entries, "clear", stumble)
    written, cleared, read = client.ask_together(
        (claims, m.Set("a", b"1")), (claims, m.Clear()), (claims, m.Get("a"))
    )
    assert (cleared.code, written.version, read.value) == ("internal_fault", 1, b"1")


def test_requests_of_one_key_in_one_group_are_answered_in_order(client: Client) -> None:
    claims = client.start()
    replies = client.ask_together(*[(claims, m.Increment("n", b"1")) for _ in range(600)])
    assert [reply.value for reply in replies] == [str(n + 1).encode() for n in range(600)]
    versions = [reply.version for reply in replies]
    assert versions == sorted(set(versions))


def test_what_is_acknowledged_is_read_by_another_connection(
    client: Client, make_client: Callable[..., Client]
) -> None:
    claims = client.start()
    client.ask(claims, m.Set("k", b'"kept"'))
    assert make_client().ask(claims, m.Get("k")).value == b'"kept"'


def test_a_reader_tells_what_is_committed_and_leaves_all_else_to_the_store(client: Client) -> None:
    claims = client.start()
    client.ask(claims, m.Set("k", b"1"))
    with closing(client.store.reader()) as reader:
        asked = [m.Get("k"), m.Get("other"), m.Get(""), m.Set("k", b"2")]
        calls = [(wire.to_plain(claims), "", wire.to_plain(request)) for request in asked]
        entry, absent, malformed = reader.read(calls[:3])
        assert [entry["value"], absent["kind"], malformed] == [b"1", "Absent", None]
        assert reader.read(calls) == [None] * 4  # it cannot write
        client.ask(claims, m.Set("k", b"2"))
        assert reader.read(calls[:1])[0]["value"] == b"2"
        with closing(apsw.Connection(str(client.store.path))) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            assert reader.read(calls[:1])[0]["value"] == b"2"
        client.store.path.rename(client.store.path.with_name("elsewhere.db"))
        assert reader.read(calls[:1]) == [None]


def _add(path: Path, claims: m.TryClaims, times: int) -> None:
    from statekeep_core._shared.state import wire

    store = open_store(path)
    for _ in range(times):
        [reply] = store.handle_group([(wire.to_plain(claims), "", wire.to_plain(m.Increment("n", b"1")))])
        assert reply["kind"] == "Entry", reply
    store.close()


def test_no_increment_of_four_processes_is_lost(client: Client) -> None:
    claims = client.start()
    path = client.store.path
    spawn = multiprocessing.get_context("spawn")
    processes = [spawn.Process(target=_add, args=(path, claims, 50)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert client.ask(claims, m.Get("n")).value == b"200"


def test_a_new_store_opened_by_many_at_once_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state.db"
    identities = []

    def open_and_look() -> None:
        store = open_store(path)
        identities.append(store.transact(lambda work: work.tx.row("SELECT store_id FROM store")))
        store.close()

    threads = [threading.Thread(target=open_and_look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(identities) == 8
    assert len(set(identities)) == 1


def test_commits_reach_the_disk(client: Client) -> None:
    """FULL makes every commit of the write-ahead log wait for fsync; NORMAL would lose the last ones."""
    pragma = client.store._connection.pragma
    assert (pragma("journal_mode"), pragma("synchronous")) == ("wal", 2)


def test_nobody_else_may_read_the_store(client: Client) -> None:
    client.start()
    files = client.store.path.parent.glob("state.db*")
    assert {file.name: oct(file.stat().st_mode & 0o777) for file in files} == {
        f"state.db{suffix}": "0o600" for suffix in ("", "-wal", "-shm", ".lock", ".turn")
    }


def test_a_full_disk_refuses_the_write_and_keeps_what_was_there(client: Client) -> None:
    claims = client.start()
    client.ask(claims, m.Set("small", b"1"))
    connection = client.store._connection
    connection.pragma("max_page_count", connection.pragma("page_count") + 4)
    big = b'"' + b"x" * 60_000 + b'"'
    replies = client.ask_together((claims, m.Set("small", b"2")), (claims, m.Set("big", big)))
    assert type(replies[0]) is m.Written
    assert (replies[1].code, replies[1].facts["problem"]) == ("unavailable", "its disk is full")
    connection.pragma("max_page_count", 1_000_000)
    assert client.ask(claims, m.Get("small")).value == b"2"
    assert client.ask(claims, m.Get("big")) == m.Absent("big")


# Fills a disk, reads back what was acknowledged, and asks what a server asks to know whether it is ready.
FILL = """
import sys
from pathlib import Path
from statekeep_core._shared.state import messages as m, wire
from statekeep_core._shared.state.errors import UnavailableError
from statekeep_core.metastore.probing import probe
from statekeep_core.embedded import configured_path, open_configured, open_store
store = open_store(Path(sys.argv[1]) / "state.db")
def ask(claims, request):
    return store.handle_group([(wire.to_plain(claims), "", wire.to_plain(request))])[0]
start = ask(m.WorkerClaims("here"), m.Start(m.TaskAddress("d", "r", "t")))
claims = m.TryClaims(start["instance_id"], 1)
acknowledged = 0
while True:
    reply = ask(claims, m.Set(f"k{acknowledged}", b'"' + b"x" * 20_000 + b'"'))
    if reply["kind"] == "Refusal":
        break
    acknowledged += 1
kept = sum(ask(claims, m.Get(f"k{n}"))["kind"] == "Entry" for n in range(acknowledged))
problem = None
for _ in range(1_000):
    try:
        store.transact(lambda work: probe(work.tx))
    except UnavailableError as error:
        problem = error.facts["problem"]
        break
print(acknowledged, kept, reply["code"], reply["facts"]["problem"], problem, sep="|")
"""


@pytest.mark.skipif(
    shutil.which("unshare") is None, reason="needs util-linux's unshare for a disk of its own"
)
def test_a_disk_that_is_really_full_is_told_in_words(tmp_path: Path) -> None:
    """A store on a small tmpfs, mounted in a user namespace."""
    script = tmp_path / "fill.py"
    script.write_text(FILL)
    disk = tmp_path / "disk"
    disk.mkdir()
    command = f"mount -t tmpfs -o size=512k tmpfs {disk} && exec {sys.executable} {script} {disk}"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", command],
        capture_output=True,
        check=False,
        text=True,
    )
    if "unshare failed" in done.stderr or "permission denied" in done.stderr:
        skip_unless_ci(f"this kernel gives no user namespace: {done.stderr.strip()}")
    acknowledged, kept, code, problem, of_a_probe = done.stdout.strip().split("|")
    assert int(acknowledged) == int(kept) > 0
    assert (code, problem) == ("unavailable", "its disk is full")
    assert of_a_probe == problem


def skip_unless_ci(reason: str) -> None:
    """In CI nothing may be skipped."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def test_a_folder_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(errors.StoreUnusableError, match=r"point \[database\] url to another place"):
        open_store(blocker / "state.db")


def test_a_folder_in_the_place_of_the_file_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(errors.StoreUnusableError, match=r"it is a folder; .* name a file in it"):
        open_store(tmp_path)


def test_a_file_that_is_no_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"certainly no database " * 100)
    with pytest.raises(errors.StoreUnusableError, match="no SQLite database"):
        open_store(path)
    assert path.read_bytes() == b"certainly no database " * 100


def test_a_foreign_writer_makes_the_store_unavailable_not_wrong(client: Client) -> None:
    claims = client.start()
    client.store._connection.set_busy_timeout(10)
    with closing(apsw.Connection(str(client.store.path))) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        [reply] = client.ask_together((claims, m.Set("k", b"1")))
    assert reply.code == "unavailable"
    assert client.ask(claims, m.Get("k")) == m.Absent("k")


def test_a_store_that_was_removed_under_us_refuses_instead_of_losing(client: Client) -> None:
    claims = client.start()
    for file in client.store.path.parent.glob("state.db*"):
        file.unlink()
    for asked in (m.Set("k", b"1"), m.Get("k")):
        [reply] = client.ask_together((claims, asked))
        assert (reply.code, "removed or replaced" in reply.facts["problem"]) == ("store_unusable", True)


def test_a_store_has_one_name_however_it_is_linked_to(client: Client, tmp_path: Path) -> None:
    link = tmp_path / "link.db"
    link.symlink_to(client.store.path)
    linked = open_store(link)
    assert linked.path == client.store.path
    linked.close()
    assert sorted(path.name for path in tmp_path.glob("link.db*")) == ["link.db"]


def test_an_interrupt_as_a_transaction_begins_wedges_nothing(
    client: Client, make_client: Callable[..., Client]
) -> None:
    """As a Ctrl-C would: raised when BEGIN has taken effect, before anything else runs."""
    claims = client.start()
    connection = client.store._connection

    def interrupt(statement: str, _duration: int) -> None:
        if statement.startswith("BEGIN"):
            raise KeyboardInterrupt

    connection.set_profile(interrupt)
    with pytest.raises(KeyboardInterrupt):
        client.ask(claims, m.Set("k", b"1"))
    connection.set_profile(None)
    assert client.ask(claims, m.Set("k", b"2")).version == 1
    assert make_client().ask(claims, m.Get("k")).value == b"2"


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "Get", "key": "k", "target": 10**30},
        {"kind": "Set", "key": "k", "value": b"1", "if_version": -(10**30)},
        {"kind": "Set", "key": "k", "value": b"1", "retention": 10**400},
    ],
)
def test_a_number_that_no_column_holds_is_refused_in_words(client: Client, asked: dict[str, Any]) -> None:
    claims = {"kind": "TryClaims", **client.start()._asdict()}
    [reply] = client.store.handle_group([(claims, "", asked)])
    assert (reply["code"], "64 bits" in reply["facts"]["problem"]) == ("invalid_request", True)


def test_a_request_id_is_ascii(client: Client) -> None:
    with pytest.raises(errors.InvalidRequestError, match="ASCII"):
        client.ask(client.start(), m.Increment("k", b"1"), "\ud800")


def test_whoever_asks_what_a_sweep_would_remove_sweeps_nothing_by_closing_the_store(
    make_client: Callable[..., Client], clock: MovedClock
) -> None:
    client = make_client()
    client.ask(client.start(), m.Set("k", b"1", retention=60))
    clock.advance(2 * 86_400)

    def entries_after_closing(*requests: Any) -> int:
        asking = make_client()
        for request in requests:
            asking.ask(OPERATOR, request)
        asking.store.close()
        return len(client.store.transact(lambda work: work.tx.rows("SELECT key FROM task_entries")))

    assert entries_after_closing(m.SweepStep(dry_run=True)) == 1
    assert entries_after_closing() == 0


@pytest.mark.parametrize("is_served", [False, True])
def test_who_writes_to_a_served_store_does_not_fold_the_log(tmp_path: Path, is_served: bool) -> None:
    """SQLite does that for whoever commits the thousandth page."""
    store = open_store(tmp_path / "state.db")
    if is_served:
        store.serve()
    client = Client(store)
    claims = client.start()
    empty = store.path.stat().st_size
    for number in range(80):
        client.ask(claims, m.Set(f"{number}", b'"' + b"x" * 60_000 + b'"'))
    assert (store.path.stat().st_size == empty) == is_served
    store.close()
    assert store.path.stat().st_size > 80 * 60_000
    assert not store.path.with_name("state.db-wal").exists()
