"""Private copies of the shared distributions; made from `shared/` by the build, compared by a check."""
