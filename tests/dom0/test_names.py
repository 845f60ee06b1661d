# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Names: what is let in, what is refused and how it is shown."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wyng_dom0 import names
from wyng_dom0.errors import BadInput


@pytest.mark.parametrize(
    "name",
    [
        "disk1.img",
        "sub/disk2.img",
        "work:private",
        "@tag:x",
        "-leading dash",
        "Größe/日本",
        "a" * 4000,
        ".hidden",
    ],
)
def test_good_volume_name_is_kept(name: str) -> None:
    assert names.check_volume_name(name) == name


@pytest.mark.parametrize(
    "name, rule",
    [
        ("", "empty"),
        ("/etc/passwd", "begins with '/'"),
        ("a//b", "empty part"),
        ("a/", "empty part"),
        (".", "'.' or '..'"),
        ("a/../b", "'.' or '..'"),
        ("a/./b", "'.' or '..'"),
        ("..", "'.' or '..'"),
        ("a\nb", "control"),
        ("a\x00b", "control"),
        ("a\x1b[31m", "control"),
        ("a\x7f", "control"),
        ("a\x9b", "control"),
        ("a\u2028b", "line separator"),
        ("a\udcffb", "UTF-8"),
        ("a" * 4001, "4001 bytes"),
        ("ä" * 2001, "4002 bytes"),
        (".disk1.img.wyng-partial-0a", "files of our own"),
    ],
)
def test_bad_volume_name_is_refused_by_its_rule(name: str, rule: str) -> None:
    with pytest.raises(BadInput) as caught:
        names.check_volume_name(name)
    assert rule in str(caught.value)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


@given(st.text())
def test_checked_or_refused_never_dangerous(name: str) -> None:
    try:
        kept = names.check_volume_name(name)
    except BadInput as error:
        assert str(error).isprintable()
        return
    assert kept == name and "\n" not in kept
    assert not any(p in ("", ".", "..") for p in kept.split("/"))


@given(st.text())
def test_quoted_name_is_printable(name: str) -> None:
    assert names.quote(name).isprintable()
    names.quote(name).encode("utf-8")


@pytest.mark.parametrize("name", ["a", "laptop", "x.1_2-3+4", "A" * 64])
def test_good_archive_name_is_kept(name: str) -> None:
    assert names.check_archive_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-a", ".a", "a/b", "a b", "ä", "a\n", "A" * 65, "../x"]
)
def test_bad_archive_name_is_refused(name: str) -> None:
    with pytest.raises(BadInput):
        names.check_archive_name(name)


def test_tag_is_lowered_and_cut() -> None:
    assert names.check_tag("Client") == "client"
    assert names.check_tag("x" * 30) == "x" * 25


@pytest.mark.parametrize("tag", ["", "a b", "a,b", "a=b", "^a", "ALL", "a\n"])
def test_bad_tag_is_refused(tag: str) -> None:
    with pytest.raises(BadInput):
        names.check_tag(tag)


def test_description_has_a_bound() -> None:
    assert names.check_description("x" * 100)
    for bad in ("x" * 101, "a\nb"):
        with pytest.raises(BadInput):
            names.check_description(bad)


def test_session_name_goes_both_ways() -> None:
    moment = datetime(2026, 11, 23, 10, 15, 0)
    assert names.format_session(moment) == "20261123-101500"
    assert names.parse_session("20261123-101500") == moment


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "20261301-000000",
        "20261123-101560",
        "20261123 101500",
        "20261123-101500\n",
        "٢٠٢٦١١٢٣-١٠١٥٠٠",
        "^",
        "^a b",
        "",
        "20261123-101500,20261123-101500",
        "newest,newest,newest",
    ],
)
def test_bad_session_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        names.parse_session_range(text)


def test_session_specs_are_told_apart() -> None:
    first, last = names.SessionName("20261101-000000"), names.Newest()
    assert names.parse_session_range("20261101-000000,newest") == (
        names.SessionRange(first, last)
    )
    assert names.parse_session_spec("^all") == names.SessionTag("all")
    assert names.parse_session_spec("^Work") == names.SessionTag("work")
