"""`hatch_build.py`: what is vendored into a build, by which route, and what is refused."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
import zipfile
from collections import Counter
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from smoke.trees import CONSUMERS, MUTILATIONS, vendored_folders

from tests.build.conftest import ROOT, Workshop, build, import_without_site_packages, refusal

pytestmark = pytest.mark.slow

consumers = pytest.mark.parametrize("distribution", CONSUMERS)


def read_sbom(wheel: Path) -> dict[str, Any]:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if ".dist-info/sboms/" in n]
        sbom: dict[str, Any] = json.loads(archive.read(name))
        return sbom


def read_metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        return archive.read(name)


def shipped_in_wheel(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources_of(consumer: Path) -> dict[str, bytes]:
    """What the wheel must hold of the shared distributions: installed path and content, from the source."""
    return {
        (vendored / path.relative_to(source)).relative_to(consumer / "src").as_posix(): path.read_bytes()
        for vendored, source in vendored_folders(consumer)
        for path in source.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@consumers
@pytest.mark.parametrize("state", MUTILATIONS)
def test_both_routes_give_the_same_bytes_whatever_state_the_tree_is_in(
    workshop: Workshop, distribution: str, state: str
) -> None:
    reference = workshop.routes(distribution, "committed").wheel_from_tree.read_bytes()
    routes = workshop.routes(distribution, state)
    assert routes.wheel_from_tree.read_bytes() == reference
    assert routes.wheel_from_sdist.read_bytes() == reference


@consumers
def test_the_wheel_holds_the_shared_sources_and_nothing_else_in_their_place(
    workshop: Workshop, distribution: str
) -> None:
    consumer = workshop.tree("drifted") / CONSUMERS[distribution]
    shipped = shipped_in_wheel(workshop.routes(distribution, "drifted").wheel_from_tree)
    package = f"{distribution.replace('-', '_')}/_shared"
    in_their_place = {name: data for name, data in shipped.items() if Path(name).is_relative_to(package)}
    del in_their_place[f"{package}/__init__.py"]
    assert in_their_place == sources_of(consumer)


@consumers
def test_no_file_stands_twice_in_a_wheel_or_an_sdist(workshop: Workshop, distribution: str) -> None:
    routes = workshop.routes(distribution, "committed")
    with zipfile.ZipFile(routes.wheel_from_tree) as wheel, tarfile.open(routes.sdist) as sdist:
        for names in (wheel.namelist(), sdist.getnames()):
            assert [name for name, times in Counter(names).items() if times > 1] == []


@consumers
def test_the_sdist_holds_each_shared_file_once_and_no_links(workshop: Workshop, distribution: str) -> None:
    consumer = workshop.tree("committed") / CONSUMERS[distribution]
    expected = {f"src/{path}" for path in sources_of(consumer)}
    with tarfile.open(workshop.routes(distribution, "committed").sdist) as sdist:
        members = sdist.getmembers()
    paths = [member.name.split("/", 1)[1] for member in members]
    assert all(member.isfile() for member in members)
    assert sorted(path for path in paths if path in expected) == sorted(expected)
    assert not [path for path in paths if "statekeep_shared" in path]


@consumers
def test_the_wheel_ships_its_types_and_its_licence(workshop: Workshop, distribution: str) -> None:
    shipped = shipped_in_wheel(workshop.routes(distribution, "committed").wheel_from_tree)
    assert f"{distribution.replace('-', '_')}/py.typed" in shipped
    licences = [data for name, data in shipped.items() if name.endswith(".dist-info/licenses/LICENSE")]
    assert licences == [(ROOT / "LICENSE").read_bytes()]


@consumers
def test_the_metadata_never_names_a_shared_distribution(workshop: Workshop, distribution: str) -> None:
    metadata = read_metadata(workshop.routes(distribution, "committed").wheel_from_tree)
    assert message_from_bytes(metadata)["Name"] == distribution
    assert b"statekeep-shared" not in metadata
    assert b"statekeep_shared" not in metadata


@consumers
def test_the_sbom_names_every_vendored_file_with_its_digest(workshop: Workshop, distribution: str) -> None:
    wheel = workshop.routes(distribution, "committed").wheel_from_tree
    files = [file for component in read_sbom(wheel)["components"] for file in component["components"]]
    assert {file["name"]: file["hashes"][0]["content"] for file in files} == {
        path: hashlib.sha256(data).hexdigest()
        for path, data in sources_of(workshop.tree("committed") / CONSUMERS[distribution]).items()
    }


@consumers
def test_the_sbom_has_one_digest_per_shared_distribution_that_sha256sum_can_check(
    workshop: Workshop, distribution: str
) -> None:
    sbom = read_sbom(workshop.routes(distribution, "committed").wheel_from_tree)
    assert [component["name"] for component in sbom["components"]] == [
        "statekeep-shared-state",
        "statekeep-shared-settings",
    ]
    for component in sbom["components"]:
        lines = "".join(f"{f['hashes'][0]['content']}  {f['name']}\n" for f in component["components"])
        digest = hashlib.sha256(lines.encode()).hexdigest()
        assert component["hashes"] == [{"alg": "SHA-256", "content": digest}]


@consumers
def test_the_sbom_is_cyclonedx_1_6_without_anything_that_changes_between_builds(
    workshop: Workshop, distribution: str
) -> None:
    sbom = read_sbom(workshop.routes(distribution, "committed").wheel_from_tree)
    assert (sbom["bomFormat"], sbom["specVersion"]) == ("CycloneDX", "1.6")
    assert sbom["metadata"].keys() == {"component"}
    assert "serialNumber" not in sbom


def test_a_changed_vendored_file_in_an_sdist_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.unpacked_sdist("statekeep", tmp_path)
    with (project / "src/statekeep/_shared/state/errors.py").open("a") as file:
        file.write("# harmless\n")
    message = refusal(project, "wheel", tmp_path / "out")
    assert "statekeep/_shared/state/errors.py has another SHA-256 than the SBOM says" in message


def test_a_vendored_file_added_to_an_sdist_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.unpacked_sdist("statekeep", tmp_path)
    (project / "src/statekeep/_shared/settings/extra.txt").write_text("")
    message = refusal(project, "wheel", tmp_path / "out")
    assert "statekeep/_shared/settings/extra.txt is not in the SBOM" in message


def test_a_vendored_file_removed_from_an_sdist_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.unpacked_sdist("statekeep-core", tmp_path)
    (project / "src/statekeep_core/_shared/state/errors.py").unlink()
    message = refusal(project, "wheel", tmp_path / "out")
    assert "statekeep_core/_shared/state/errors.py is in the SBOM and not in the tree" in message


def test_an_sdist_without_its_sbom_is_refused(workshop: Workshop, tmp_path: Path) -> None:
    project = workshop.unpacked_sdist("statekeep", tmp_path)
    (project / "sboms/statekeep.cdx.json").unlink()
    assert "sboms/statekeep.cdx.json is missing" in refusal(project, "wheel", tmp_path / "out")


def test_an_sbom_whose_digest_of_a_distribution_does_not_follow_from_its_files_is_refused(
    workshop: Workshop, tmp_path: Path
) -> None:
    project = workshop.unpacked_sdist("statekeep", tmp_path)
    path = project / "sboms/statekeep.cdx.json"
    sbom = json.loads(path.read_text())
    sbom["components"][1]["hashes"][0]["content"] = "0" * 64
    path.write_text(json.dumps(sbom))
    assert "contradicts itself about statekeep-shared-settings" in refusal(project, "wheel", tmp_path / "out")


@consumers
def test_an_sdist_packed_from_an_unpacked_sdist_is_the_same(
    workshop: Workshop, distribution: str, tmp_path: Path
) -> None:
    again = build(workshop.unpacked_sdist(distribution, tmp_path), "sdist", tmp_path / "out")
    first = workshop.routes(distribution, "committed").sdist
    assert again.read_bytes() == first.read_bytes()


@consumers
@pytest.mark.parametrize("target", ["wheel", "sdist"])
def test_a_folder_copied_away_alone_says_that_it_cannot_be_built(
    workshop: Workshop, distribution: str, target: str, tmp_path: Path
) -> None:
    alone = tmp_path / "app"
    shutil.copytree(workshop.tree("committed") / CONSUMERS[distribution], alone, symlinks=True)
    message = refusal(alone, target, tmp_path / "out")
    assert f"{distribution} cannot be built from {alone} alone" in message
    assert "Copy the whole repository, or build from the source distribution" in message


def test_a_shared_folder_that_is_no_package_is_named(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.own_tree("no-package")
    (tree / "shared/settings/src/statekeep_shared/settings/__init__.py").unlink()
    assert "vendors 'settings', but" in refusal(tree / "core", "wheel", tmp_path / "out")


def test_caches_beside_the_shared_sources_are_not_shipped(workshop: Workshop, tmp_path: Path) -> None:
    tree = workshop.own_tree("caches")
    cache = tree / "shared/state/src/statekeep_shared/state/__pycache__"
    cache.mkdir()
    (cache / "errors.cpython-311.pyc").write_bytes(b"")
    wheel = build(tree / "task-sdk", "wheel", tmp_path / "out")
    assert wheel.read_bytes() == workshop.routes("statekeep", "committed").wheel_from_tree.read_bytes()


@consumers
def test_an_editable_install_holds_no_copy_that_could_go_stale(
    workshop: Workshop, distribution: str, tmp_path: Path
) -> None:
    tree = workshop.own_tree(f"editable-{distribution}")
    wheel = build(tree / CONSUMERS[distribution], "wheel:editable", tmp_path / "out")
    assert not [name for name in shipped_in_wheel(wheel) if "_shared" in name]
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    vendored, source = vendored_folders(tree / CONSUMERS[distribution])[0]
    edited = source if vendored.is_symlink() else vendored
    (edited / "edited.py").write_text("print('seen')")
    package = distribution.replace("-", "_")
    assert (
        import_without_site_packages(tmp_path / "site", f"import {package}._shared.state.edited") == "seen\n"
    )


def test_the_hooks_and_licences_of_the_consumers_are_equal_real_files() -> None:
    for name, others in {"task-sdk/hatch_build.py": ["core"], "LICENSE": ["task-sdk", "core"]}.items():
        for other in others:
            path = ROOT / other / Path(name).name
            assert not path.is_symlink()
            assert path.read_bytes() == (ROOT / name).read_bytes()
