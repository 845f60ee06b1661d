# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules as people write them, and which set counts."""

import pytest

from wyng_dom0.errors import BadInput
from wyng_dom0.rules import (
    ApDays,
    Rules,
    parse_apdays,
    parse_book,
    parse_duration,
    parse_rules,
    parse_size,
)


def test_wyngs_default_counts_where_none_is_given() -> None:
    assert ApDays() == parse_apdays("0:62:1:2")
    assert parse_book({}, {}, None).rules_for("a", "v") == Rules()


@pytest.mark.parametrize(
    "text",
    ["", "1:2:3", "1:2:3:4:5", "0:0:0:1", "0:0:1:0", "a:1:1:1", "-1:2:1:1"],
)
def test_apdays_that_can_not_be_meant(text: str) -> None:
    with pytest.raises(BadInput):
        parse_apdays(text)


@pytest.mark.parametrize(
    "text, seconds",
    [("36h", 129600), ("30d", 2592000), ("1w", 604800), ("1y1m", 34300800)],
)
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "30", "d", "1.5d", "-1d", "1 d", "1s"])
def test_durations_that_can_not_be_meant(text: str) -> None:
    with pytest.raises(BadInput, match="--keep-within"):
        parse_duration(text)


def test_sizes_are_binary() -> None:
    assert parse_size("500M") == 500 << 20
    assert parse_size("20g") == parse_size("20GiB") == 20 << 30
    assert parse_size("7") == 7
    for text in ("", "G", "1.5G", "-1", "1X", "9" * 99):
        with pytest.raises(BadInput, match="--min-free-space"):
            parse_size(text)


def test_counts_and_tags() -> None:
    rules = parse_rules({"keep-last": "3", "keep-tag": ["^Work", "all"]})
    assert rules == Rules(last=3, tags=("work", "all"))
    for text in ("x", "-1", "1.5", "99999999", ""):
        with pytest.raises(BadInput, match="--keep-daily"):
            parse_rules({"keep-daily": text})


def test_what_goes_and_what_stays_contradict() -> None:
    with pytest.raises(BadInput, match="contradict"):
        parse_rules({"apdays": "0:1:1:1", "keep-last": "3"})
    assert parse_rules({"apdays": "0:1:1:1", "keep-tag": ["x"]}) is not None


NESTED = {
    "laptop": {
        "keep-daily": 14,
        "volumes": {
            "scratch*": {"keep-last": 3},
            "a": {"apdays": "1:0:1:1", "keep-tag": "x"},
        },
    },
    "other": {"volumes": {"b": {"keep-last": 1}}},
}


def test_most_particular_set_counts_whole() -> None:
    book = parse_book({}, {"keep-yearly": "2"}, NESTED)
    assert book.rules_for("laptop", "scratch1") == Rules(last=3)
    assert book.rules_for("laptop", "b") == Rules(daily=14)
    assert book.rules_for("laptop", "a") == Rules(
        apdays=ApDays(1, 0, 1, 1), tags=("x",)
    )
    assert book.rules_for("other", "a") == Rules(yearly=2)
    assert book.rules_for("third", "a") == Rules(yearly=2)
    typed = parse_book({"keep-last": "9"}, {"keep-yearly": "2"}, NESTED)
    assert typed.rules_for("laptop", "scratch1") == Rules(last=9)


@pytest.mark.parametrize(
    "nested",
    [
        "x",
        ["x"],
        {"a": 3},
        {"../a": {}},
        {"a": {"keep-sometimes": 3}},
        {"a": {"keep-last": "x"}},
        {"a": {"keep-last": True}},
        {"a": {"keep-last": None}},
        {"a": {"keep-last": ["1", "2"]}},
        {"a": {"volumes": ["b"]}},
        {"a": {"volumes": {"b": 3}}},
        {"a": {1: 3}},
    ],
)
def test_nested_nonsense_is_one_sentence(nested: object) -> None:
    with pytest.raises(BadInput) as caught:
        parse_book({}, {}, nested)
    assert "\n" not in str(caught.value)
