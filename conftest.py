"""For every test of the repository: an example of a property may take as long as it takes."""

from hypothesis import settings

# The machine may be busy, and no test asserts a time.
settings.register_profile("patient", deadline=None)
if settings.get_current_profile_name() == "default":
    settings.load_profile("patient")
