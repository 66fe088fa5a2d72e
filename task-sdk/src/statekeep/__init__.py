"""Durable state for data pipelines."""
