"""What the core adds to the `statekeep` command, found by entry point. Import from the modules."""
