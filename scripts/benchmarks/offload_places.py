"""Where the offloading benchmark keeps values, and the environments that lead Statekeep and Airflow there."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, NamedTuple

from tests.object_store.s3_server import BUCKET

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.object_store.s3_server import S3Server

_BACKENDS = "statekeep.backends."


class Place(NamedTuple):
    """A place: ``own`` leads Statekeep there, ``airflow`` Apache Airflow. ``url`` is Statekeep's."""

    name: str
    url: str
    own: Mapping[str, str]
    airflow: Mapping[str, str]

    def uncompressed(self) -> Place:
        """The same place, with values as they are."""
        return self._replace(own={**self.own, "STATEKEEP__OBJECT_STORE__COMPRESSION_LEVEL": "0"})

    def encrypted(self) -> Place:
        """The same place behind the backend that encrypts."""
        keys = f"bench:{base64.b64encode(os.urandom(32)).decode()}"
        backend = f"{_BACKENDS}EncryptedBackend"
        own = {"STATEKEEP__WORKERS__STATE_BACKEND": backend, "STATEKEEP__ENCRYPTION__KEYS": keys}
        return self._replace(own={**self.own, **own})


def local_place(folder: Path) -> Place:
    """A folder of this machine's disk."""
    (folder / "objects").mkdir(parents=True)
    url = f"file://{folder}/objects"
    return Place("file", url, _own(url), _airflow(f"file://{folder}/airflow"))


def s3_place(server: S3Server) -> Place:
    """A bucket of an S3 server on this machine."""
    url = f"s3://{BUCKET}/bench"
    options = server.options()
    own = {f"STATEKEEP__OBJECT_STORE__{name.upper()}": value for name, value in options.items()}
    connection = {
        "conn_type": "aws",
        "login": options["access_key_id"],
        "password": options["secret_access_key"],
        "extra": {"endpoint_url": options["endpoint"], "region_name": options["region"]},
    }
    airflow = {"AIRFLOW_CONN_BENCH": json.dumps(connection)}
    return Place("S3", url, _own(url) | own, _airflow(f"s3://bench@{BUCKET}/airflow") | airflow)


def _own(url: str) -> dict[str, str]:
    return {
        "STATEKEEP__WORKERS__STATE_BACKEND": f"{_BACKENDS}ObjectStoreBackend",
        "STATEKEEP__OBJECT_STORE__URL": url,
        "STATEKEEP__OBJECT_STORE__THRESHOLD_BYTES": "0",
    }


def _airflow(path: str) -> dict[str, str]:
    return {"AIRFLOW__COMMON_IO__STATE_STORE_OBJECTSTORAGE_PATH": path}
