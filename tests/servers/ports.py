"""Ports for servers that close and open again."""

from __future__ import annotations

import random
import socket

HOST = "127.0.0.1"


def listen(port: int) -> socket.socket:
    """A listening socket."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def free_port() -> int:
    """A port no other program is given while its server is down: below those the system hands to clients."""
    choose = random.SystemRandom()  # a test's own seed must not lead two of them to one port
    while True:
        port = choose.randrange(15_000, 30_000)
        try:
            listen(port).close()
        except OSError:
            continue
        return port


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True
