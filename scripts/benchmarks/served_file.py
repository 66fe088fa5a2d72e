"""How a server reads a SQLite file by default."""

from statekeep_core import config

MAPPED_BYTES = config.load({"STATEKEEP_CONFIG": ""}).server.mapped_bytes
