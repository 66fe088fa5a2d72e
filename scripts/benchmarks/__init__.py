"""Benchmarks of what this repository promises to be fast; a row per module."""
