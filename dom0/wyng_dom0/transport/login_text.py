# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Text where a store's first answer should be: something prints at login.

Pure. What is shown of it is bounded and printable ASCII.
"""

# Neither begins text, and the first answer and the loader begin so.
_BEGINNINGS = (b"\0", b"\1", b"WYNGLOAD")
_READ_MAX = 400
_SHOWN_MAX = 80


def login_text(untrusted: bytes) -> str | None:
    """A sentence about what stands before the first answer; None where that
    is no text."""
    untrusted = untrusted[:_READ_MAX]
    for each in _BEGINNINGS:
        untrusted = untrusted.partition(each)[0]
    words = b" ".join(untrusted.split()).decode("latin-1")
    shown = "".join(
        each if each.isascii() and each.isprintable() else "?" for each in words
    )
    if not words or shown.count("?") > len(words) // 2:
        return None
    return (
        f'it said "{shown[:_SHOWN_MAX]}" in place of an answer: something'
        " there prints at login (~/.profile, ~/.bashrc) or when the store is"
        " started, and must be silent or write to standard error"
    )
