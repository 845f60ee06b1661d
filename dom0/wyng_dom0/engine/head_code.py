# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The head code: a few characters by which people compare an archive's age."""

from wyng_dom0.state.heads import Head

# No letters that look like digits, none that look like each other.
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"


def head_code(head: Head) -> str:
    """SEQUENCE-XXXX-XXXX: the commit's number and 40 bits of its hash."""
    bits = int.from_bytes(head.hash[:5], "big")
    letters = "".join(
        _LETTERS[(bits >> shift) & 31] for shift in range(35, -1, -5)
    )
    return f"{head.sequence}-{letters[:4]}-{letters[4:]}"
