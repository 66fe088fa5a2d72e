"""What `--fix` keeps: an edit of a copy is lost in no order of edits; an ordinary day goes by itself."""

from pathlib import Path

from vendoring.check import find_faults, mend_faults
from vendoring.faults import FaultKind

from tests.vendoring.planted import COPY, SOURCE, adds

IN_SOURCE, IN_COPY = f"{SOURCE}/module_0.py", f"{COPY}/module_0.py"


def test_a_copy_follows_the_source_through_edits_that_are_never_committed(tree: Path) -> None:
    for edit in ("# one\n", "# two\n", "# three\n"):
        adds(IN_SOURCE, edit)(tree)
        _, left = mend_faults(tree)
        assert left == []
        assert (tree / IN_COPY).read_text().endswith(edit)


def test_an_edit_of_the_copy_is_kept_and_dropped_only_by_removing_the_file(tree: Path) -> None:
    adds(IN_COPY, "# an edit\n")(tree)
    _, left = mend_faults(tree)
    assert [fault.kind for fault in left] == [FaultKind.COPY_EDITED]
    assert (tree / IN_COPY).read_text().endswith("# an edit\n")
    (tree / IN_COPY).unlink()
    _, left = mend_faults(tree)
    assert left == []
    assert not (tree / IN_COPY).read_text().endswith("# an edit\n")


def test_an_edit_of_the_copy_is_kept_however_often_the_mend_is_run(tree: Path) -> None:
    adds(IN_COPY, "# an edit\n")(tree)
    adds(f"{COPY}/new.py", "# only here\n")(tree)
    for _ in range(3):
        _, left = mend_faults(tree)
        assert {fault.kind for fault in left} == {FaultKind.COPY_EDITED, FaultKind.FILE_ONLY_IN_COPY}
    assert (tree / IN_COPY).read_text().endswith("# an edit\n")


def test_an_edit_of_the_copy_is_kept_beside_files_that_are_mended(tree: Path) -> None:
    adds(IN_COPY, "# an edit\n")(tree)
    adds(f"{SOURCE}/module_1.py", "# of the source\n")(tree)
    mended, left = mend_faults(tree)
    assert [fault.kind for fault in mended] == [FaultKind.COPY_BEHIND]
    assert [fault.kind for fault in left] == [FaultKind.COPY_EDITED]
    assert (tree / IN_COPY).read_text().endswith("# an edit\n")


def test_an_edit_carried_over_to_the_source_ends_the_fault(tree: Path) -> None:
    adds(IN_COPY, "# an edit\n")(tree)
    (tree / IN_SOURCE).write_bytes((tree / IN_COPY).read_bytes())
    assert find_faults(tree) == []


def test_the_line_names_the_newer_side(tree: Path) -> None:
    adds(IN_COPY, "# an edit\n")(tree)
    adds(f"{SOURCE}/module_1.py", "# of the source\n")(tree)
    lines = [fault.line for fault in find_faults(tree)]
    assert any("module_0.py, and the copy is the newer side" in line for line in lines)
    assert any("module_1.py, which is the newer side" in line for line in lines)


def test_what_python_and_desktops_leave_behind_is_no_difference(tree: Path) -> None:
    adds(f"{COPY}/.DS_Store", "")(tree)
    adds(f"{COPY}/__pycache__/module_0.cpython-311.pyc", "")(tree)
    adds(f"{SOURCE}/__pycache__/module_9.cpython-311.pyc", "")(tree)
    assert find_faults(tree) == []
