"""The store's requests over HTTP: paths, bodies, answers, connections. Import from the modules."""
