"""Puts the shared distributions into what hatchling builds, and an SBOM that says what they are.

The folder that ``[tool.statekeep.vendor] into`` names is never read in a checkout: what stands there (a
copy, a link, the text stub of a link, nothing) serves development only, and the files come from
``../shared``. In an unpacked source distribution (``PKG-INFO`` beside this file) the folder is the only
source, and it must match the SBOM that was packed with it. A wheel is therefore the same, byte for byte, by
either route.

This file stands equal in every consumer. As a symlink it would dangle in a source distribution.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.config import BuilderConfig
from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]


class VendoringError(Exception):
    """The shared distributions cannot be put into the build. Nothing was written."""


class VendoringHook(BuildHookInterface[BuilderConfig]):
    """Hatchling's ``custom`` hook of one consumer.

    Does nothing for an editable build: a file forced into one is a copy that goes stale, while the folder in
    the checkout is imported in place.
    """

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the vendored files and the SBOM to a build, or raise `VendoringError` and build nothing."""
        if version == "editable":
            return
        consumer = Consumer(Path(self.root), self.metadata.name, self.metadata.version)
        if consumer.is_unpacked_sdist:
            files, sbom_path = consumer.packed()
            self._forget_checkout_mapping()
        else:
            files = consumer.shared_files()
            sbom_path = self._written(consumer.sbom_name, consumer.sbom(files))
        build_data["force_include"].update({str(file.source): file.target for file in files})
        if self.target_name == "wheel":
            build_data["sbom_files"].append(str(sbom_path))
        else:
            build_data["force_include"][str(sbom_path)] = consumer.sbom_target

    def _written(self, name: str, sbom: Json) -> Path:
        self._scratch = tempfile.TemporaryDirectory(prefix="statekeep-sbom-")  # removed with the hook
        path = Path(self._scratch.name, name)
        path.write_text(json.dumps(sbom, indent=2, sort_keys=True) + "\n", encoding="utf-8", newline="\n")
        return path

    def _forget_checkout_mapping(self) -> None:
        """Drop the mapping of ``../shared``, so that an unpacked source distribution can be packed again."""
        for source in list(self.build_config.force_include):
            if not Path(source).exists():
                del self.build_config.force_include[source]


class VendoredFile:
    """One file of a shared distribution: where it is read, and where it goes under the project's root."""

    def __init__(self, source: Path, target: str, shared: str) -> None:
        self.source = source
        self.target = target
        self.shared = shared

    @property
    def installed_as(self) -> str:
        return _installed(self.target)

    def sha256(self) -> str:
        return hashlib.sha256(self.source.read_bytes()).hexdigest()


class Consumer:
    """A distribution that vendors others: what its pyproject.toml asks for, and where that is found."""

    def __init__(self, root: Path, name: str, version: str) -> None:
        self.root = root
        self.name = name
        self.version = version
        vendor = _toml(root / "pyproject.toml")["tool"]["statekeep"]["vendor"]
        self.shared: list[str] = vendor["shared"]
        self.into: str = vendor["into"]

    @property
    def is_unpacked_sdist(self) -> bool:
        return (self.root / "PKG-INFO").is_file()

    @property
    def sbom_name(self) -> str:
        return f"{self.name}.cdx.json"

    @property
    def sbom_target(self) -> str:
        return f"sboms/{self.sbom_name}"

    def shared_files(self) -> list[VendoredFile]:
        """The files of every shared distribution, from ``../shared``."""
        return [
            file
            for name in self.shared
            for file in self._files_in(self._shared_root(name) / "src" / "statekeep_shared" / name, name)
        ]

    def packed(self) -> tuple[list[VendoredFile], Path]:
        """The files that this source distribution carries, and its SBOM, which they match."""
        files = [file for name in self.shared for file in self._files_in(self.root / self.into / name, name)]
        sbom_path = self.root / self.sbom_target
        if not sbom_path.is_file():
            raise VendoringError(
                f"{self.name}: {self.sbom_target} is missing, so nothing says what the vendored files should "
                "be; take the source distribution again from where it was published"
            )
        self._compare(files, json.loads(sbom_path.read_text(encoding="utf-8")))
        return files, sbom_path

    def sbom(self, files: list[VendoredFile]) -> Json:
        """A CycloneDX 1.6 document without a time or a random serial number, so that builds repeat."""
        components = [self._component(name, [f for f in files if f.shared == name]) for name in self.shared]
        purl = f"pkg:pypi/{self.name}@{self.version}"
        return {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {
                "component": {
                    "type": "library",
                    "bom-ref": purl,
                    "name": self.name,
                    "version": self.version,
                    "purl": purl,
                }
            },
            "components": components,
            "dependencies": [{"ref": purl, "dependsOn": sorted(c["bom-ref"] for c in components)}],
        }

    def _component(self, name: str, files: list[VendoredFile]) -> Json:
        project = _toml(self._shared_root(name) / "pyproject.toml")["project"]
        return {
            "type": "library",
            "bom-ref": f"{project['name']}@{project['version']}",
            "name": project["name"],
            "version": project["version"],
            "licenses": [{"license": {"id": project["license"]}}],
            "hashes": _hashes(_tree_sha256(files)),
            "properties": [{"name": "statekeep:vendored-into", "value": _installed(f"{self.into}/{name}")}],
            "components": [
                {
                    "type": "file",
                    "bom-ref": file.installed_as,
                    "name": file.installed_as,
                    "hashes": _hashes(file.sha256()),
                }
                for file in files
            ],
        }

    def _compare(self, files: list[VendoredFile], sbom: Json) -> None:
        """Raise for the first difference between the files and the SBOM, in either direction."""
        recorded = {
            file["name"]: file["hashes"][0]["content"]
            for component in sbom["components"]
            for file in component["components"]
        }
        present = {file.installed_as: file.sha256() for file in files}
        for path in sorted(recorded.keys() | present.keys()):
            if recorded.get(path) != present.get(path):
                raise VendoringError(
                    f"{self.name}: the vendored file {path} {_difference(path, recorded, present)}; this "
                    "source distribution was changed after it was made, and no wheel is built from it. "
                    "Change shared/ in a checkout of the repository, and build from there"
                )
        for component, name in zip(sbom["components"], self.shared, strict=True):
            if component["hashes"] != _hashes(_tree_sha256([f for f in files if f.shared == name])):
                raise VendoringError(
                    f"{self.name}: {self.sbom_target} contradicts itself about {component['name']}; take the "
                    "source distribution again from where it was published"
                )

    def _shared_root(self, name: str) -> Path:
        root = self.root.parent / "shared" / name
        if not root.is_dir():
            raise VendoringError(
                f"{self.name} cannot be built from {self.root} alone: it vendors {name!r}, and there is "
                f"neither {root} (as in a checkout of the repository) nor a PKG-INFO (as in a source "
                "distribution). Copy the whole repository, or build from the source distribution"
            )
        return root

    def _files_in(self, folder: Path, name: str) -> Iterator[VendoredFile]:
        if not (folder / "__init__.py").is_file():
            raise VendoringError(f"{self.name} vendors {name!r}, but {folder} has no __init__.py: no package")
        for path in sorted(folder.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                target = f"{self.into}/{name}/{path.relative_to(folder).as_posix()}"
                yield VendoredFile(path, target, name)


def _toml(path: Path) -> Json:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _installed(target: str) -> str:
    return target.removeprefix("src/")


def _hashes(sha256: str) -> list[Json]:
    return [{"alg": "SHA-256", "content": sha256}]


def _tree_sha256(files: list[VendoredFile]) -> str:
    """One figure for a whole tree: over the lines that ``sha256sum`` would print for its installed files."""
    lines = (f"{file.sha256()}  {file.installed_as}\n" for file in files)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _difference(path: str, recorded: dict[str, str], present: dict[str, str]) -> str:
    if path not in recorded:
        return "is not in the SBOM"
    if path not in present:
        return "is in the SBOM and not in the tree"
    return "has another SHA-256 than the SBOM says"
