"""The check of vendored copies: one file per concern, each a function from the workspace to its faults."""
