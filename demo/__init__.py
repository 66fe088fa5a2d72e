"""The demo: see run.py."""
