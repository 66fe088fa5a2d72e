"""Which backend answers for which records."""

from __future__ import annotations

from pathlib import Path

from backends.master_keys import keys
from statekeep._shared.state.testing.objects import PlainMemoryObjects
from statekeep.backends import EncryptedBackend, ObjectStoreBackend
from statekeep.sweeping.answering import answering


def test_plain_backends_answer_for_nothing_and_an_id_belongs_to_the_first_that_has_it(tmp_path: Path) -> None:
    plain_text = ObjectStoreBackend(f"file://{tmp_path}")
    encrypting = EncryptedBackend(ObjectStoreBackend(f"file://{tmp_path}"), keys(), allow_plaintext=True)
    again = ObjectStoreBackend(f"file://{tmp_path}")
    found = answering([PlainMemoryObjects(), encrypting, plain_text, again])
    assert [one.backend_ids for one in found] == [(encrypting.backend_id, plain_text.backend_id)]
    assert [one.backend_ids for one in answering([plain_text, encrypting])] == [
        (plain_text.backend_id,),
        (encrypting.backend_id,),
    ]
