"""A server on localhost, where browsers have passkeys and a secure context without https."""

import socket
import threading
import time

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.clock import system_clock
from consent.wording import purposes
from tests.flow.installation import World, settings_in


@pytest.fixture
def world(vault, tmp_path):
    """A world whose server a browser can reach."""
    listening = socket.create_server(("127.0.0.1", 0))
    issuer = f"http://localhost:{listening.getsockname()[1]}"
    with vault.data.write() as conn:
        purposes.seed(conn)
    settings = settings_in(tmp_path, issuer=issuer)
    app = create_app(settings, vault=vault, senders={})
    server = uvicorn.Server(uvicorn.Config(app, lifespan="on", log_config=None, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    with httpx.Client(base_url=issuer, timeout=30) as http:
        yield World(vault, system_clock, http, settings, issuer)
    server.should_exit = True
    thread.join(30)
