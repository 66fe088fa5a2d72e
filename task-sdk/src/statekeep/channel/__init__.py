"""The channel between a task process and its supervisor: frames over a Unix stream socket.

Import from the modules: ``frames`` (the codec, which does no I/O), ``connection`` (the blocking client),
``aio`` (the client for an event loop), ``errors``. Nothing is imported here, because each process needs
another of them.
"""
