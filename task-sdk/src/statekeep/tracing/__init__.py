"""Traces of what a task asks, for OpenTelemetry, which is imported only where traces are wanted."""
