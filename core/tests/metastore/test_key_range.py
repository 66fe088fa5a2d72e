"""A stretch of keys is the same in SQL as in Python."""

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statekeep_core.metastore.key_range import KeyRange

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=4)
# Where the orders of code points, of UTF-16 and of locales part ways, and around the end of each stretch.
awkward = st.text(st.sampled_from("aAb%_é\ud7ff\ue000\uffff\U00010000\U0010ffff"), max_size=4)


@given(keys=st.lists(texts | awkward), prefix=awkward, after=st.none() | awkward)
def test_sql_and_python_agree(keys: list[str], prefix: str, after: str | None) -> None:
    wanted = KeyRange(prefix, after)
    condition, parameters = wanted.condition()
    with apsw.Connection(":memory:") as connection:
        connection.execute("CREATE TABLE t (key TEXT NOT NULL) STRICT")
        connection.executemany("INSERT INTO t VALUES (?)", [(key,) for key in keys])
        found = connection.execute(f"SELECT key FROM t WHERE {condition} ORDER BY key", parameters).fetchall()
    assert [key for (key,) in found] == sorted(key for key in keys if key in wanted)


@pytest.mark.parametrize("key", [None, 1, b"a"])
def test_what_is_no_key_is_in_no_stretch(key: object) -> None:
    assert key not in KeyRange()
