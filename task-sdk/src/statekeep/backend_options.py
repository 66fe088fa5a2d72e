"""The options of the backends that Statekeep brings along.

Their names are known to every command, so that a misspelt one is said; their values are examined only where
such a backend is made, because a secret may come from a command that takes a second.
"""

from __future__ import annotations

from ._shared.settings import (
    Boolean,
    ClassPath,
    Integer,
    ListOf,
    Option,
    Path,
    Seconds,
    Secret,
    Section,
    String,
    Url,
    without_password,
)

__all__ = ["Encryption", "ObjectStore"]

_MEBIBYTE = 1 << 20
_GIBIBYTE = 1 << 30
_LONGEST_SECONDS = 3_600


class Place(String):
    """A url as the backend takes it, which refuses one that holds a password; until then it is not shown."""

    def show(self, value: str) -> str:
        return without_password(value)


class ObjectStore(Section, section="object_store"):
    """What `statekeep.backends.ObjectStoreBackend` is made of. It is used where `[workers] state_backend`
    or `read_backends`, or `[encryption] wrapped`, names it."""

    url = Option(
        Place(),
        default="",
        example="s3://my-bucket/statekeep",
        description="Where the objects lie: s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, "
        "file:///folder, or memory://. It never holds a secret.",
        added="0.1.0",
    )
    read_urls = Option(
        ListOf(Place()),
        default=(),
        example=("s3://my-old-bucket/statekeep",),
        description="Where earlier objects lie, which are still read and disposed of, with the same options "
        "and credentials. For others, name a class of your own in `[workers] read_backends`.",
        added="0.1.0",
    )
    backend_id = Option(
        String(),
        default="",
        example="object-store-0123456789abcdef0123456789abcdef",
        description="The id that records name, for when objects were moved, or are reached by another url "
        "or endpoint than when they were written: then those references are followed below `url`. With "
        "nothing, it follows from both. `statekeep backend check` shows it; leave out `encrypted:`.",
        added="0.1.0",
    )
    threshold_bytes = Option(
        Integer(minimum=0, maximum=_GIBIBYTE),
        default=16_384,
        example=0,
        description="Shorter values are kept by the server itself; 0 keeps every value out of it.",
        added="0.1.0",
    )
    compression_level = Option(
        Integer(minimum=-7, maximum=22),
        default=1,
        example=3,
        description="Of Zstandard; 0 turns compression off. Objects say themselves how they were written.",
        added="0.1.0",
    )
    connect_timeout_seconds = Option(
        Seconds(minimum=0.001, maximum=_LONGEST_SECONDS),
        default=5.0,
        example=2.0,
        description="How long making a connection may take.",
        added="0.1.0",
    )
    request_timeout_seconds = Option(
        Seconds(minimum=0.001, maximum=_LONGEST_SECONDS),
        default=30.0,
        example=10.0,
        description="How long the service may be silent before a request is given up and repeated.",
        added="0.1.0",
    )
    max_retries = Option(
        Integer(minimum=0, maximum=100),
        default=5,
        example=2,
        description="How often a request is repeated at most.",
        added="0.1.0",
    )
    retry_timeout_seconds = Option(
        Seconds(minimum=0, maximum=_LONGEST_SECONDS),
        default=60.0,
        example=15.0,
        description="How long after its start a request is still repeated.",
        added="0.1.0",
    )
    part_bytes = Option(
        Integer(minimum=5 * _MEBIBYTE, maximum=5 * _GIBIBYTE),
        default=8 * _MEBIBYTE,
        example=16 * _MEBIBYTE,
        description="Larger objects are sent in parts of this size.",
        added="0.1.0",
    )
    parallel_parts = Option(
        Integer(minimum=1, maximum=64),
        default=4,
        example=8,
        description="How many parts are sent at once; times `part_bytes`, it is the memory that an upload "
        "takes beside the value.",
        added="0.1.0",
    )
    endpoint = Option(
        Url("http", "https", optional=True),
        default="",
        example="https://s3.example.org",
        description="The address of a service that is not the provider's own. With http://, nothing is "
        "encrypted on the way.",
        added="0.1.0",
    )
    region = Option(
        String(),
        default="",
        example="eu-central-1",
        description="The bucket's region. With nothing, the provider's environment variable says it.",
        added="0.1.0",
    )
    access_key_id = Option(
        String(),
        default="",
        example="AKIAIOSFODNN7EXAMPLE",
        description="S3's. With nothing, credentials come from the provider's environment variables or from "
        "the machine's role.",
        added="0.1.0",
    )
    secret_access_key = Option(
        Secret(),
        default="",
        example="the-secret",
        description="S3's.",
        added="0.1.0",
        sensitive=True,
    )
    session_token = Option(
        Secret(),
        default="",
        example="the-token",
        description="S3's, of credentials that expire.",
        added="0.1.0",
        sensitive=True,
    )
    account_name = Option(
        String(),
        default="",
        example="mystorageaccount",
        description="Azure's.",
        added="0.1.0",
    )
    account_key = Option(
        Secret(),
        default="",
        example="the-key",
        description="Azure's.",
        added="0.1.0",
        sensitive=True,
    )
    service_account = Option(
        Path(),
        default="",
        example="/etc/statekeep/google.json",
        description="Google's: the file of a service account's key.",
        added="0.1.0",
    )
    client_options = Option(
        ListOf(String()),
        default=(),
        example=("virtual_hosted_style_request=true",),
        description="Further settings of the client library, obstore, each NAME=VALUE by its names "
        "(`sas_key`, `proxy_url`, `server_side_encryption`, …).",
        added="0.1.0",
        sensitive=True,
    )


class Encryption(Section, section="encryption"):
    """What `statekeep.backends.EncryptedBackend` is made of. It is used where `[workers] state_backend` or
    `read_backends` names it. The keys are given in one of three ways: `keys`, `keys_path`, `keys_command`."""

    wrapped = Option(
        ClassPath(),
        default="statekeep.backends.ObjectStoreBackend",
        example="my_company.state.BucketBackend",
        description="The backend that gets what is encrypted.",
        added="0.1.0",
    )
    keys = Option(
        Secret(),
        default="",
        example="k1:…",
        description="ID:KEY, the key as base64 of 32 random bytes (`openssl rand -base64 32`). Several are "
        "separated by commas or newlines: the first encrypts, all decrypt.",
        added="0.1.0",
        sensitive=True,
    )
    keys_path = Option(
        Path(),
        default="",
        example="/etc/statekeep/encryption-keys",
        description="A file with one ID:KEY a line. It is refused when others than its owner can read it, "
        "which `STATEKEEP__ENCRYPTION__KEYS_FILE` does not look at.",
        added="0.1.0",
    )
    keys_command = Option(
        String(),
        default="",
        example="vault kv get -field=keys secret/statekeep",
        description="A command that prints such lines; run without a shell, once in each process that uses "
        "the keys.",
        added="0.1.0",
    )
    allow_plaintext = Option(
        Boolean(),
        default=False,
        example=True,
        description="For the time of a migration: what was written before encryption is still read.",
        added="0.1.0",
    )
