# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the user opens an archive with, and what of it is kept for later.

A passphrase, a recovery code typed in its place, or a key file; key slots
from a recovery sheet. Kept are the remembered key and the agent's.
"""

import base64
import binascii
import re

from wyng_common import limits
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.kept_key import keep_key
from wyng_dom0.engine.unlock import unlock_known
from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.names import quote
from wyng_dom0.seal.keys import ArchiveKeys, Terms
from wyng_dom0.seal.recovery import parse_code
from wyng_dom0.seal.slots import (
    KEY_FILE_SIZE_MAX,
    Credential,
    SlotKind,
    check_key_file,
)
from wyng_dom0.state import key_agent
from wyng_dom0.words import list_words

_SHEET_MAX = 1 << 16
_SLOT_LINE = re.compile(r"^\s*slot ([0-7]): ([A-Za-z0-9+/=]{1,400})\s*$", re.M)


def ask_credential(context: Context, what: str) -> Credential:
    """--key-file, or what is typed; a recovery code is told by its form."""
    if context.options.key_file is not None:
        return read_key_file(context.options.key_file)
    typed = context.prompts.passphrase(what)
    code = parse_code(typed.decode("utf-8", "replace"), list_words())
    if code is not None:
        return Credential(SlotKind.RECOVERY, code)
    return Credential(SlotKind.PASSPHRASE, typed)


def read_key_file(path: str) -> Credential:
    """The content of a key file; NotFound, or AuthenticationFailed."""
    return check_key_file(_read(path, KEY_FILE_SIZE_MAX + 1, "key file"))


def read_sheet(path: str | None) -> dict[int, bytes]:
    """The key slots on a recovery sheet, by number; {} without a path."""
    if path is None:
        return {}
    text = _read(path, _SHEET_MAX, "recovery sheet").decode("utf-8", "replace")
    try:
        slots = {
            int(number): base64.b64decode(encoded, validate=True)
            for number, encoded in _SLOT_LINE.findall(text)
        }
    except binascii.Error:
        raise BadInput(
            f"a key slot on the sheet {quote(path)} is mistyped"
        ) from None
    if not slots or max(map(len, slots.values())) > limits.SLOT_FILE_MAX:
        raise BadInput(f"{quote(path)} holds no key slot")
    return slots


def known_keys(context: Context, terms: Terms, name: str) -> ArchiveKeys:
    """The keys of an archive known here, asked for if they must be.

    Keeps them as --remember and --authmin say.
    """
    options, asked = context.options, []
    if options.authmin == -1:
        key_agent.end_agent(context.places, terms.archive)

    def ask() -> Credential:
        asked.append(True)
        return ask_credential(context, f"the archive {quote(name)}")

    keys = unlock_known(context.places, terms, ask)
    if keys.master is None:
        return keys
    if options.remember:
        keep_key(context, terms.archive, keys.master)
    elif asked and (options.authmin or 0) > 0:
        context.hold_key(terms.archive, keys.master, options.authmin or 0)
    return keys


def _read(path: str, most: int, what: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(most)
    except FileNotFoundError:
        raise NotFound(f"there is no {what} {quote(path)}") from None
    except OSError as error:
        raise BadInput(
            f"the {what} {quote(path)} can't be read: {error.strerror}"
        ) from None
