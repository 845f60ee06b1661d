# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Sending the store to a host that has only Python, where that was asked.

Nothing is sent before the loader has greeted, so a forced command, which
takes the place of the loader, never gets any of it.
"""

import base64
import hashlib
from pathlib import Path

from wyng_common import loader
from wyng_common.hosts import REMOTE_COMMAND
from wyng_dom0.errors import DestinationError
from wyng_dom0.transport.answers import AnswerReader
from wyng_dom0.transport.questions import QuestionWriter

_BUNDLE_MAX = 10**loader.SIZE_DIGITS - 1


def loader_command() -> str:
    """What runs the loader on a host: a constant of this version, without
    anything that a shell acts on."""
    words = REMOTE_COMMAND.split()[1:]
    source = Path(loader.__file__).read_text("ascii") + f"\nload({words!r})\n"
    encoded = base64.b64encode(source.encode("ascii")).decode("ascii")
    return f"python3 -Ic 'import base64;exec(base64.b64decode(\"{encoded}\"))'"


def send_store(
    reader: AnswerReader, writer: QuestionWriter, bundle: bytes
) -> None:
    """Greet the loader and give it the store when it has not got it.

    Raises DestinationError; StreamEnded when there is no loader.
    """
    assert len(bundle) <= _BUNDLE_MAX
    untrusted_greeting = reader.read_untrusted(len(loader.GREETING))
    if untrusted_greeting != loader.GREETING:
        raise reader.not_understood(
            untrusted_greeting,
            "what answers there is not Python: is it a forced command?",
        )
    name = hashlib.sha256(bundle).hexdigest()
    size = f"{len(bundle):0{loader.SIZE_DIGITS}}"
    writer.write([f"{name}{size}".encode("ascii")])
    untrusted_reply = reader.read_untrusted(1)
    if untrusted_reply == loader.WANT:
        writer.write([bundle])
    elif untrusted_reply != loader.HAVE:
        raise DestinationError("the host neither has nor wants the store")
