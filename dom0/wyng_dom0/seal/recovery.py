# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The recovery code: 160 random bits that a person can copy from paper.

    1  7k3m-q0zd  harbor
    2  ...

Four lines of 40 bits: eight letters without i, l, o and u, then a check word
that depends on the letters and on the line's number, so that a mistake names
its line. The word list is the caller's; its order belongs to the form.
"""

import hashlib
import os
import re
from typing import List, Optional, Sequence

from wyng_dom0.errors import AuthenticationFailed

LINES = 4
_LINE_BYTES = 5
SECRET_SIZE = LINES * _LINE_BYTES
# Crockford's base 32: no letter that is easily taken for another.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"
_TAKEN_FOR = str.maketrans({"o": "0", "i": "1", "l": "1"})
_LINE = re.compile(r"([0-9a-z]{4})-?([0-9a-z]{4})\s+([a-z-]+)")
_CODE_MAX = 400


def new_secret() -> bytes:
    """A fresh secret of SECRET_SIZE bytes from the kernel's source."""
    return os.urandom(SECRET_SIZE)


def format_code(secret: bytes, words: Sequence[str]) -> List[str]:
    """The code's lines, each `abcd-efgh word`."""
    if len(secret) != SECRET_SIZE:
        raise ValueError("a recovery secret has 20 bytes")
    lines = []
    for number in range(LINES):
        part = secret[number * _LINE_BYTES :][:_LINE_BYTES]
        letters = _encode(part)
        word = _check_word(number, part, words)
        lines.append(f"{letters[:4]}-{letters[4:]} {word}")
    return lines


def parse_code(typed: str, words: Sequence[str]) -> Optional[bytes]:
    """The secret of a typed code; None when it has not a code's form.

    Case, dashes, spaces between the lines and their numbers don't matter.
    Raises AuthenticationFailed naming the line whose check word does not
    fit.
    """
    text = re.sub(r"(?<!\S)[1-4][.):]?\s+", " ", typed.strip().lower())
    if len(text) > _CODE_MAX:
        return None
    found = [match.groups() for match in _LINE.finditer(text)]
    rest = _LINE.sub("", text).strip()
    if rest or len(found) != LINES:
        return None
    secret = b""
    for number, (first, second, word) in enumerate(found):
        part = _decode((first + second).translate(_TAKEN_FOR))
        if part is None or word != _check_word(number, part, words):
            raise AuthenticationFailed(
                f"line {number + 1} of the recovery code is mistyped: its"
                " letters and its word don't belong together"
            )
        secret += part
    return secret


def _encode(part: bytes) -> str:
    bits = int.from_bytes(part, "big")
    return "".join(_LETTERS[(bits >> at) & 31] for at in range(35, -1, -5))


def _decode(letters: str) -> Optional[bytes]:
    bits = 0
    for letter in letters:
        value = _LETTERS.find(letter)
        if value < 0:
            return None
        bits = bits << 5 | value
    return bits.to_bytes(_LINE_BYTES, "big")


def _check_word(number: int, part: bytes, words: Sequence[str]) -> str:
    digest = hashlib.sha256(b"wyng-1-check" + bytes((number,)) + part).digest()
    return words[int.from_bytes(digest[:8], "big") % len(words)]
