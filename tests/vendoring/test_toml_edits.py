from pathlib import Path

import pytest
from vendoring.toml_edits import TomlEdits

TEXT = """\
# why this file is as it is
[tool.a]
names = [
    "x",  # the first
    "y",
]

[tool.b]
"../x" = "x"  # mapped
"""


@pytest.fixture
def edits(tmp_path: Path) -> TomlEdits:
    (tmp_path / "p.toml").write_text(TEXT)
    return TomlEdits(tmp_path)


def _saved(edits: TomlEdits, tmp_path: Path) -> str:
    edits.save()
    return (tmp_path / "p.toml").read_text()


def test_an_appended_line_leaves_the_others_and_their_comments(edits: TomlEdits, tmp_path: Path) -> None:
    edits.append("p.toml", ("tool", "a", "names"), "z")
    assert _saved(edits, tmp_path) == TEXT.replace('    "y",\n', '    "y",\n    "z",\n')


def test_appending_what_is_there_changes_nothing(edits: TomlEdits, tmp_path: Path) -> None:
    edits.append("p.toml", ("tool", "a", "names"), "x")
    assert _saved(edits, tmp_path) == TEXT


def test_a_removed_line_goes_alone(edits: TomlEdits, tmp_path: Path) -> None:
    edits.remove_item("p.toml", ("tool", "a", "names"), "y")
    assert _saved(edits, tmp_path) == TEXT.replace('    "y",\n', "")


def test_a_key_is_put_below_the_ones_that_stand(edits: TomlEdits, tmp_path: Path) -> None:
    edits.put("p.toml", ("tool", "b", "../y"), "y")
    assert _saved(edits, tmp_path) == TEXT + '"../y" = "y"\n'


def test_a_dropped_key_that_is_not_there_is_no_error(edits: TomlEdits, tmp_path: Path) -> None:
    edits.remove("p.toml", ("tool", "b", "gone"))
    assert _saved(edits, tmp_path) == TEXT


def test_a_list_in_a_table_that_is_not_there_is_made(edits: TomlEdits, tmp_path: Path) -> None:
    edits.append("p.toml", ("tool", "c", "names"), "z")
    assert '[tool.c]\nnames = ["z"]\n' in _saved(edits, tmp_path)


def test_nothing_is_written_before_it_is_saved(edits: TomlEdits, tmp_path: Path) -> None:
    edits.append("p.toml", ("tool", "a", "names"), "z")
    assert (tmp_path / "p.toml").read_text() == TEXT


def test_a_string_is_added_behind_its_like(edits: TomlEdits, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('a = ["shared/x/src", "shared/y/src", "tests"]  # kept\n')
    edits.append("p.toml", ("a",), "shared/z/src")
    assert (
        _saved(edits, tmp_path) == 'a = ["shared/x/src", "shared/y/src", "shared/z/src", "tests"]  # kept\n'
    )


def test_a_string_is_added_behind_its_like_on_a_line_of_its_own(edits: TomlEdits, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('a = [\n    "shared-x",  # one\n    # two\n    "y",\n]\n')
    edits.append("p.toml", ("a",), "shared-z")
    lines = _saved(edits, tmp_path).splitlines()
    assert [line.strip() for line in lines if '"' in line] == ['"shared-x",  # one', '"shared-z",', '"y",']


def test_a_key_is_put_before_the_comment_of_the_next_table(edits: TomlEdits, tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('[a]\nx = "1"\n\n# of b\n[b]\ny = "2"\n')
    edits.put("p.toml", ("a", "z"), "3")
    assert _saved(edits, tmp_path) == '[a]\nx = "1"\nz = "3"\n\n# of b\n[b]\ny = "2"\n'
