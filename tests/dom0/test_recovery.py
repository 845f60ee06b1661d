# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""A recovery code survives paper, and says which line was copied wrongly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_dom0.errors import AuthenticationFailed
from wyng_dom0.seal.recovery import format_code, new_secret, parse_code
from wyng_dom0.words import list_words

WORDS = list_words()
SECRET = bytes(range(100, 120))
LINES = format_code(SECRET, WORDS)


@given(st.binary(min_size=20, max_size=20))
def test_typed_code_gives_its_secret(secret: bytes) -> None:
    lines = format_code(secret, WORDS)
    assert parse_code("\n".join(lines), WORDS) == secret
    assert parse_code(" ".join(lines), WORDS) == secret


def test_case_dashes_and_numbers_do_not_matter() -> None:
    typed = " ".join(
        f"{at + 1}. {line.upper().replace('-', '', 1)}"
        for at, line in enumerate(LINES)
    )
    assert parse_code(typed, WORDS) == SECRET


def test_letters_taken_for_others_are_understood() -> None:
    lines = format_code(bytes((0, 0x44, 0x21, 0x08, 0x42)) * 4, WORDS)
    assert any("0" in line and "1" in line for line in lines)
    swapped = [
        line[:9].replace("0", "o").replace("1", "l") + line[9:]
        for line in lines
    ]
    assert parse_code("\n".join(swapped), WORDS) is not None


@pytest.mark.parametrize("number", range(4))
def test_mistyped_line_is_named(number: int) -> None:
    lines = list(LINES)
    wrong = "0" if lines[number][0] != "0" else "2"
    lines[number] = wrong + lines[number][1:]
    with pytest.raises(AuthenticationFailed, match=f"line {number + 1} "):
        parse_code("\n".join(lines), WORDS)


def test_lines_in_another_order_are_noticed() -> None:
    with pytest.raises(AuthenticationFailed, match="line 1 "):
        parse_code("\n".join(LINES[::-1]), WORDS)


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "correct horse battery staple",
        "\n".join(LINES[:3]),
        "\n".join([*LINES, LINES[0]]),
        "x" * 100_000,
        "\n".join(LINES) + " more",
    ],
)
def test_passphrase_is_not_taken_for_a_code(typed: str) -> None:
    assert parse_code(typed, WORDS) is None


def test_secrets_are_fresh() -> None:
    assert len({new_secret() for _ in range(8)}) == 8
