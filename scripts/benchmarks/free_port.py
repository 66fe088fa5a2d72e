"""A port of the loopback interface that nobody listens on."""

import socket


def free_port() -> int:
    """Return the number of one that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
