"""Kills at random steps and instants, with values in an object store; then all that happened is judged."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.external.drawing import JOBS_PER_COURSE, run_course
from tests.crash.external.place import ExternalPlace, MakePlace
from tests.object_store.s3_server import S3Server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(0)]

_SIDE_BY_SIDE = 2
# Of the courses: so many in a bucket, and so many encrypted.
_BUCKET_SHARE = 0.2
_ENCRYPTED_SHARE = 0.3
_SHORT_RUNS = 50


def drawn_places(
    seed: int, courses: int, make: MakePlace, s3: S3Server
) -> Iterator[tuple[int, ExternalPlace]]:
    """Yield a place and a seed for each course; the kinds of the first ones do not depend on the seed."""
    drawing = random.Random(seed)
    for number in range(courses):
        is_in_bucket = number == 1 or (number > 1 and drawing.random() < _BUCKET_SHARE)
        is_encrypted = number == 1 or (number > 1 and drawing.random() < _ENCRYPTED_SHARE)
        yield drawing.randrange(2**32), make(s3 if is_in_bucket else None, encrypted=is_encrypted)


def test_kills_at_random_moments_lose_no_value_and_leave_no_object(
    make_external: MakePlace,
    s3: S3Server,
    crash_runs: int,
    crash_seed: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    courses = -(-crash_runs // JOBS_PER_COURSE)
    print(f"--crash-runs {crash_runs} --crash-seed {crash_seed}")  # pytest shows it when this fails
    places = list(drawn_places(crash_seed, courses, make_external, s3))
    with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
        judged = [(seed, place, pool.submit(run_course, place, seed)) for seed, place in places]
    runs, kills = sum(place.runs for _, place in places), sum(place.kills for _, place in places)
    if crash_runs > _SHORT_RUNS:
        with capsys.disabled():
            print(f"\n{kills} of {runs} processes were killed; seed {crash_seed}")
    for seed, place, course in judged:
        print(f"course of seed {seed} in {place.medium.url}:")
        course.result()
    assert kills >= courses
