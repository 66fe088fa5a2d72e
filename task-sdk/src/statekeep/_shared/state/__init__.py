"""The state contract."""
