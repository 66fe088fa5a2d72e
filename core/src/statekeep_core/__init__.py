"""The store behind Statekeep, embedded or served."""

# A constant, because reading the installed metadata takes 0.04 s, half of what a supervised no-op may take.
__version__ = "0.2.0"
