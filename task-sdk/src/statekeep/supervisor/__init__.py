"""The supervisor: starts a try, runs its command, relays its state, and records how it ended.

Import from the modules; ``supervisor`` holds the whole, and each other module one concern of it.
"""
