# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A qube's `ssh` on behalf of a caller: one checked HELLO, then bytes.

The capability that HELLO asks for is compared with what the qube's
configuration allows before ssh is started; nothing else is looked into.
Answers go straight from ssh to the caller.
"""

import os
import subprocess
import threading
from typing import FrozenSet

from wyng_common.errors import FormatError, MessageError
from wyng_common.hosts import REMOTE_COMMAND, SshHost, ssh_command
from wyng_common.limits import HELLO_PATH_MAX, MIB
from wyng_common.messages import (
    HEADER_SIZE,
    Capability,
    Header,
    Op,
    Status,
    parse_hello,
    parse_message_header,
)
from wyng_store.errors import Refused, StoreError
from wyng_store.streams import Inlet, widen_pipe

_HELLO_MAX = 64 + HELLO_PATH_MAX


def relay(
    fd_in: int, fd_out: int, host: SshHost, allowed: FrozenSet[Capability]
) -> int:
    """Carry one connection to its end; the exit code of ssh.

    Raises Refused when HELLO asks for more than is allowed; that has been
    answered then.
    """
    inlet = Inlet(fd_in)
    header, body = _read_hello(inlet)
    capability = parse_hello(body).capability
    if capability not in allowed:
        refusal = Header(Op.HELLO, Status.DENIED, 0, header.tag, 0)
        os.write(fd_out, refusal.encode())
        raise Refused(f"{capability.name.lower()} is not allowed there")
    try:
        child = subprocess.Popen(
            ssh_command(host, REMOTE_COMMAND),
            stdin=subprocess.PIPE,
            stdout=fd_out,
            bufsize=0,
        )
    except OSError as error:
        raise StoreError(f"ssh can't be started: {error.strerror}") from error
    assert child.stdin is not None
    widen_pipe(child.stdin.fileno())
    carrier = threading.Thread(
        target=_carry,
        args=(fd_in, child, header.encode() + body + inlet.take_rest()),
        daemon=True,
    )
    carrier.start()
    code = child.wait()
    return code if code >= 0 else 128 - code


def _read_hello(inlet: Inlet) -> "tuple[Header, bytes]":
    try:
        header = parse_message_header(
            bytes(inlet.need(HEADER_SIZE)), _HELLO_MAX
        )
        if header.code is not Op.HELLO:
            raise MessageError("the first request must be HELLO")
        inlet.skip(HEADER_SIZE)
        body = bytes(inlet.need(header.length))
        inlet.skip(header.length)
        parse_hello(body)
    except FormatError as error:
        raise StoreError(str(error)) from error
    return header, body


def _carry(fd_in: int, child: "subprocess.Popen[bytes]", first: bytes) -> None:
    """Bytes from the caller to ssh until either has no more."""
    assert child.stdin is not None
    try:
        data = first
        while data:
            _write_all(child.stdin.fileno(), data)
            data = os.read(fd_in, MIB)
    except BrokenPipeError:
        return
    finally:
        child.stdin.close()


def _write_all(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
