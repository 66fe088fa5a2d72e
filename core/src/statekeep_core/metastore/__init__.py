"""Where entries, tries and assets are kept: SQL and nothing else; who may do what is decided above."""
