"""A state backend over an object store: a bucket, a folder, or memory."""

from .backend import ObjectStoreBackend

__all__ = ["ObjectStoreBackend"]
