"""Removes what is expired, replaced or orphaned, from where the credentials for the objects are."""
