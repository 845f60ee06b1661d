# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The agent that holds an archive's key for some minutes: where, and asking.

A socket in a private folder of the state; both ends make sure that the other
one is the same user. The agent itself is the package wyng_dom0.agent.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from wyng_common.ids import ArchiveId
from wyng_dom0.state.places import Places

KEY_SIZE = 32
GIVE = b"k"
END = b"e"
_SECONDS = 5.0
_CREDENTIALS = struct.Struct("iII")


def ask_key(places: Places, archive: ArchiveId) -> bytes | None:
    """The key that an agent holds; None when there is no agent."""
    with _connected(places, archive) as agent:
        if agent is None:
            return None
        try:
            agent.sendall(GIVE)
            key = agent.recv(KEY_SIZE + 1, socket.MSG_WAITALL)
        except OSError:
            return None
    return key if len(key) == KEY_SIZE else None


def end_agent(places: Places, archive: ArchiveId) -> bool:
    """Make the agent forget the key and end; False when there was none."""
    with _connected(places, archive) as agent:
        if agent is None:
            return False
        try:
            agent.sendall(END)
            # It closes the connection when the key is gone.
            return agent.recv(1) == b""
        except OSError:
            return False


@contextmanager
def socket_address(places: Places, archive: ArchiveId) -> Iterator[str]:
    """The socket's address, short enough whatever the state's path is.

    Usable while the block runs. Raises FileNotFoundError when no agent ever
    ran here.
    """
    path = places.agent(archive)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def is_same_user(peer: socket.socket) -> bool:
    """True when the process at the other end is ours."""
    raw = peer.getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
    )
    return bool(_CREDENTIALS.unpack(raw)[1] == os.geteuid())


@contextmanager
def _connected(
    places: Places, archive: ArchiveId
) -> Iterator[socket.socket | None]:
    agent = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    agent.settimeout(_SECONDS)
    try:
        yield agent if _connect(agent, places, archive) else None
    finally:
        agent.close()


def _connect(agent: socket.socket, places: Places, archive: ArchiveId) -> bool:
    try:
        with socket_address(places, archive) as address:
            agent.connect(address)
    except OSError:
        return False
    return is_same_user(agent)
