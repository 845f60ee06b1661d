# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""arch-init says what can't be changed afterwards, when it matters."""

import os

import pytest

from product.machine import Machine

HINT = "--chunk-factor=3 or 4"


@pytest.mark.parametrize(
    "size, words, is_told",
    [
        (100 * 10**9, (), False),
        (100 * 10**9 + 1, (), True),
        (200 * 10**9, ("--chunk-factor=2",), False),
    ],
)
def test_large_volumes_are_told_of_unless_chosen_for(
    machine: Machine, size: int, words: "tuple[str, ...]", is_told: bool
) -> None:
    machine.write("small.img", b"x")
    os.truncate(machine.write("large.img", b""), size)
    said = machine.run(
        f"--local={machine.images}",
        f"--dest={machine.dest()}",
        *("arch-init", "--encrypt=off", *words),
    )
    assert (HINT in said) is is_told
    assert ("large.img" in said) is is_told
