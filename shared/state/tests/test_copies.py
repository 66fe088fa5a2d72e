"""Which classes count as copies of one, and which do not."""

from __future__ import annotations

from statekeep_shared.state.copies import OneContract


class Thing(OneContract):
    __contract_id__ = "test.Thing/1"


class SameThing(OneContract):
    __contract_id__ = "test.Thing/1"


class NextMajorOfThing(OneContract):
    __contract_id__ = "test.Thing/2"


class SpecialThing(Thing):
    pass


class AnotherSpecialThing(SameThing):
    pass


def test_classes_with_one_contract_id_are_copies_of_each_other() -> None:
    assert issubclass(Thing, SameThing)
    assert issubclass(SameThing, Thing)
    assert isinstance(SameThing(), Thing)


def test_a_subclass_of_any_copy_is_a_subclass_of_every_copy() -> None:
    assert issubclass(SpecialThing, SameThing)
    assert issubclass(AnotherSpecialThing, Thing)


def test_a_copy_of_another_major_version_is_a_stranger() -> None:
    assert not issubclass(NextMajorOfThing, Thing)
    assert not isinstance(Thing(), NextMajorOfThing)


def test_a_subclass_has_no_copies_of_its_own() -> None:
    assert not issubclass(SameThing, SpecialThing)
    assert not issubclass(AnotherSpecialThing, SpecialThing)
    assert not isinstance(Thing(), SpecialThing)


def test_a_class_without_a_contract_is_a_stranger() -> None:
    assert not isinstance("text", Thing)
    assert not isinstance(object(), OneContract)
