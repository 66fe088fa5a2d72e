"""Asks the server of this container whether it is live, as a health check; the status is 0 if it says so."""

import os
import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection

port = int(os.environ.get("STATEKEEP__SERVER__PORT", "7411"))
if os.environ.get("STATEKEEP__SERVER__TLS_CERTIFICATE"):
    # It asks its own container, by an address that the certificate need not have.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    server: HTTPConnection = HTTPSConnection("127.0.0.1", port, timeout=4, context=context)
else:
    server = HTTPConnection("127.0.0.1", port, timeout=4)
server.request("GET", "/health/live")
sys.exit(server.getresponse().status != 200)
