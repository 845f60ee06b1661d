# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Arguments that are no QUBE[+SESSION] and no archive's name."""

import random


def hostile(seed: int) -> str:
    """Something that is no QUBE[+SESSION], as long as qrexec would take."""
    dice = random.Random(seed)
    pieces = ["work", "+", "..", "/", "-", "--", "\0", "\n", " ", "$(id)", ";"]
    pieces += ["20261101-120000", "99999999-999999", "é", "*", "%n", "-dm", "x"]
    kind = seed % 5
    if kind == 0:
        # Its first byte becomes an underscore on the way, with which no name
        # begins: else now and then all of it would be one.
        drawn = dice.choices(range(256), k=dice.randrange(1, 230))
        return bytes([0x80, *drawn]).decode("latin-1")
    if kind == 1:
        return "a" * dice.randrange(32, 240)
    if kind == 2:
        names = ["dom0", "Domain-0", "none", "default", "a-dm", "", "+", "++"]
        return dice.choice(names) + dice.choice(["", "+20261101-120000"])
    if kind == 3:
        return f"work+{dice.randrange(10**9)}"
    return "+" + "".join(dice.choices(pieces, k=dice.randrange(1, 12)))


def arguments(count: int) -> "list[str]":
    # os.execve takes no NUL; qrexec makes it an underscore, too.
    return [hostile(each).replace("\0", "_") for each in range(count)]
