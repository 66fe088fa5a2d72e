import subprocess
from pathlib import Path

from vendoring.generated_workspace import commit_all
from vendoring.repository import Repository

from tests.vendoring.planted import LINK, SOURCE, adds, removes

FILE = f"{SOURCE}/module_0.py"


def _asked(tree: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=tree, check=True, capture_output=True, text=True
    ).stdout.strip()


def test_the_id_of_a_content_is_the_one_that_git_gives(tree: Path) -> None:
    content = (tree / FILE).read_bytes()
    assert Repository(tree).blob_id(content) == _asked(tree, "hash-object", FILE)


def test_the_id_of_a_content_is_the_one_that_git_gives_under_sha256(tmp_path: Path) -> None:
    _asked(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "file").write_bytes(b"content")
    assert Repository(tmp_path).blob_id(b"content") == _asked(tmp_path, "hash-object", "file")
    _asked(tmp_path, "add", "file")
    assert Repository(tmp_path).blob_id(b"content") == _asked(tmp_path, "hash-object", "file")


def test_the_index_holds_a_link_as_a_link(tree: Path) -> None:
    assert Repository(tree).index[LINK].mode == "120000"


def test_every_content_that_a_file_had_is_known_after_it_is_gone(tree: Path) -> None:
    first = _asked(tree, "hash-object", FILE)
    adds(FILE, "# an edit\n")(tree)
    second = _asked(tree, "hash-object", FILE)
    commit_all(tree, "an edit")
    removes(FILE)(tree)
    commit_all(tree, "a removal")
    assert {first, second} <= Repository(tree).blobs_ever(FILE)


def test_what_is_only_staged_is_known(tree: Path) -> None:
    adds(FILE, "# an edit\n")(tree)
    _asked(tree, "add", FILE)
    assert _asked(tree, "hash-object", FILE) in Repository(tree).blobs_ever(FILE)


def test_a_content_that_a_merge_brought_is_known(tree: Path) -> None:
    _asked(tree, "checkout", "-q", "-b", "side")
    adds(FILE, "# on the side\n")(tree)
    commit_all(tree, "an edit on the side")
    on_the_side = _asked(tree, "hash-object", FILE)
    _asked(tree, "checkout", "-q", "main")
    identity = ("-c", "user.name=generated", "-c", "user.email=generated@localhost")
    _asked(tree, *identity, "merge", "-q", "--no-ff", "-s", "ours", "-m", "a merge that drops it", "side")
    assert on_the_side in Repository(tree).blobs_ever(FILE)


def test_a_tree_outside_git_has_an_empty_index(tmp_path: Path) -> None:
    assert Repository(tmp_path).index == {}
    assert Repository(tmp_path).recorded == set()
