"""What watches the server: logs, metrics, traces, and the seam they share. Import from the modules."""
