"""Two writers of one key whose values are offloaded: what the loser wrote is never seen, and goes."""

from __future__ import annotations

import json
import signal
import sys
from subprocess import Popen

import pytest
from statekeep_core.metastore.clock import SystemClock

from tests.crash.external.final_check import sweep_later
from tests.crash.external.job import numbers
from tests.crash.external.judging import judge_all
from tests.crash.external.place import DAY_SECONDS, ExternalPlace, MakePlace
from tests.crash.external.reading import ASSET_ADDRESS, TASK_ADDRESS
from tests.crash.external.rival import KEY, PER_RIVAL, RivalPlan
from tests.crash.ledger import Acknowledged, Attempt, Done, Read, Refused, Seen
from tests.crash.observer import lease_until
from tests.crash.workplace import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.slow

SHORT_LEASE = {"STATEKEEP__WORKERS__LEASE_SECONDS": "1", "STATEKEEP__WORKERS__ON_LEASE_LOST": "continue"}
WRITES = 12


def start_rival(place: ExternalPlace, plan: RivalPlan, task: str, **environ: str) -> Popen[bytes]:
    command = (sys.executable, "-m", "tests.crash.external.rival", str(place.ledger.path), json.dumps(plan))
    return place.start_run(command, task=("crash", "2026", task), **environ)


@pytest.mark.parametrize("is_killed", [False, True], ids=["to the end", "until it is killed"])
@pytest.mark.parametrize("is_encrypted", [False, True], ids=["plain", "encrypted"])
def test_a_superseded_try_that_goes_on_writing_is_never_seen(
    make_external: MakePlace, is_encrypted: bool, is_killed: bool
) -> None:
    place = make_external(encrypted=is_encrypted)
    gate = place.make_gate()
    first = start_rival(place, RivalPlan("own", 1, WRITES, str(gate)), "job", **SHORT_LEASE)
    wait_until(lambda: place.records(Acknowledged))
    first.send_signal(signal.SIGSTOP)
    # Its next write is uploaded, and waits for the supervisor that is to commit it.
    gate.write_bytes(b"")
    wait_until(lambda: SystemClock()().boot_us > lease_until(place.store_path, 1))
    with place.observed():
        second = start_rival(place, RivalPlan("own", 2, WRITES), "job")
        wait_until(lambda: len(place.records(Seen)) == 2)
        first.send_signal(signal.SIGCONT)
        if is_killed:
            wait_until(lambda: any(record.try_number == 1 for record in place.records(Refused)))
            first.kill()
        assert second.wait(PATIENCE_SECONDS) == 0
        assert first.wait(PATIENCE_SECONDS) == (-signal.SIGKILL if is_killed else 77)
    wait_until(lambda: not place.processes())

    assert {record.error for record in place.records(Refused) if record.try_number == 1} <= {
        "SupersededError",
        "SupervisorGoneError",
    }
    assert any(record.try_number == 1 for record in place.records(Refused))
    with place.reader() as reader:
        assert numbers(reader.entries(TASK_ADDRESS)) == {KEY: 2 * PER_RIVAL + WRITES}
    since = place.ledger.read().index(place.records(Seen)[1])
    reads = [record for record in place.ledger.read()[since:] if isinstance(record, Read)]
    assert reads
    assert {record.value for record in reads} <= {PER_RIVAL + 1, *range(2 * PER_RIVAL, 3 * PER_RIVAL)}
    assert judge_all(place.ledger.read()) == []
    sweep_later(place, 2 * DAY_SECONDS)


def test_of_two_tasks_on_one_version_of_an_asset_the_loser_is_never_seen(place: ExternalPlace) -> None:
    with place.reader():  # the store is made, for the observer
        pass
    with place.observed():
        gates = [place.make_gate(f"gate {rival}") for rival in (1, 2)]
        runs = [
            start_rival(place, RivalPlan("at_once", rival, 2 * WRITES, str(gate)), f"rival {rival}")
            for rival, gate in zip((1, 2), gates, strict=True)
        ]
        wait_until(lambda: len(place.records(Attempt)) == 2)
        for gate in gates:
            gate.write_bytes(b"")
        assert [run.wait(PATIENCE_SECONDS) for run in runs] == [0, 0]
    lost, won = outcomes(place)
    assert lost
    assert {record.error for record in place.records(Refused)} == {"ConflictError"}
    versions = [record.results[0] for record in place.records(Acknowledged)]
    assert len(set(versions)) == len(versions) == len(won)
    reads = place.records(Read)
    with place.reader() as reader:
        reads += reader.reads("operator")
    assert {record.value for record in reads} <= won
    assert not {record.value for record in reads} & lost
    sweep_later(place, 2 * DAY_SECONDS)


def test_of_two_tasks_that_staged_on_one_version_the_loser_fails_and_is_never_seen(
    place: ExternalPlace,
) -> None:
    gates = [place.make_gate(f"gate {rival}") for rival in (1, 2)]
    runs = [
        start_rival(place, RivalPlan("staged", rival, 1, str(gate)), f"rival {rival}")
        for rival, gate in zip((1, 2), gates, strict=True)
    ]
    wait_until(lambda: len(place.records(Acknowledged)) == 2)
    with place.reader() as reader:
        assert reader.entries(ASSET_ADDRESS) == []
    for gate, run in zip(gates, runs, strict=True):
        gate.write_bytes(b"")
        run.wait(PATIENCE_SECONDS)
    assert runs[0].returncode == 0
    assert runs[1].returncode != 0
    assert len(place.records(Done)) == 2
    with place.reader() as reader:
        assert {record.value for record in reader.reads("operator")} == {PER_RIVAL + 1}
        assert len(place.medium.paths()) == 2
    sweep_later(place, 2 * DAY_SECONDS)
    assert len(place.medium.paths()) == 1


def outcomes(place: ExternalPlace) -> tuple[set[object], set[object]]:
    """Return the numbers of the writes that lost, and of those that won."""
    attempted: dict[int, object] = {}
    lost, won = set(), set()
    for record in place.ledger.read():
        match record:
            case Attempt():
                attempted[record.try_number] = record.effects[0].value
            case Acknowledged():
                won.add(attempted[record.try_number])
            case Refused():
                lost.add(attempted[record.try_number])
    return lost, won
