"""The store behind Statekeep, embedded or served."""
