# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Generated passphrases, and the judgement of own ones."""

import time

import pytest

from wyng_dom0.passphrases import (
    generate_passphrase,
    guessed_bits,
    seconds_to_guess,
)
from wyng_dom0.words import list_words

YEAR = 365 * 86400


def test_generated_passphrase_has_seven_words() -> None:
    words = list_words()
    assert len(words) == len(set(words)) == 7776
    assert all(w.isascii() and w.islower() and " " not in w for w in words)
    made = generate_passphrase().split(" ")
    assert len(made) == 7 and set(made) <= set(words)
    assert generate_passphrase() != generate_passphrase()


def test_generated_passphrase_is_judged_near_what_it_is() -> None:
    for _ in range(20):
        assert 70 < guessed_bits(generate_passphrase()) < 7 * 13 + 6 * 0.5 + 1


@pytest.mark.parametrize(
    "weak",
    ["", "a", "password", "Password1", "qwertyuiop", "12345678", "aaaaaaaaaaaa"]
    + ["hello2024", "drowssap"[::-1] * 6, "Summer1999", "letmein letmein"]
    + ["correct horse battery staple", "abcdefghijklmnop", "hunter2"],
)
def test_what_people_choose_is_weak(weak: str) -> None:
    assert guessed_bits(weak) < 33
    assert seconds_to_guess(guessed_bits(weak)) < 86400


@pytest.mark.parametrize("more", ["x", " ", "7", "password", "ß", "\0"])
def test_longer_is_never_weaker(more: str) -> None:
    for text in ("", "harbor", "tr0ub4dor&3", "a b c"):
        assert guessed_bits(text + more) >= guessed_bits(text)


def test_random_characters_are_strong() -> None:
    assert guessed_bits("v#9Kq!xZ2m&Lr8Tw") > 60
    assert seconds_to_guess(guessed_bits("v#9Kq!xZ2m&Lr8Tw")) > 1000 * YEAR


def test_judging_takes_no_time_whatever_was_typed() -> None:
    begun = time.monotonic()
    for text in ("ab" * 100_000, "\U0001f600" * 10_000, "z y " * 50_000):
        guessed_bits(text)
    assert time.monotonic() - begun < 20
    assert seconds_to_guess(1e9) > YEAR
