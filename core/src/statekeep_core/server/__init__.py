"""The API server: the store's requests over HTTP, for many workers. Import from the modules."""
