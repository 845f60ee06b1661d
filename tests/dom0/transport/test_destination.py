# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""URLs: one meaning each, and nothing in them that a program could act on."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wyng_common.hosts import SshHost
from wyng_common.messages import Capability
from wyng_dom0.errors import BadInput
from wyng_dom0.transport.destination import Destination, parse_destination
from wyng_dom0.transport.endings import bootstrap_ending, ending
from wyng_dom0.transport.programs import service_of
from wyng_dom0.transport.reach import parse_hours, parse_rate, parse_seconds

GOOD = {
    "internal:/mnt//a/./b/": Destination("internal", "/mnt/a/b"),
    "file:/mnt/a": Destination("internal", "/mnt/a"),
    "ssh://h/p": Destination("ssh", "/p", host=SshHost("h")),
    "ssh://u@h.x:22/p q": Destination(
        "ssh", "/p q", host=SshHost("h.x", "u", 22)
    ),
    "ssh://[::1]:22/p": Destination("ssh", "/p", host=SshHost("::1", "", 22)),
    "qubes://vm/a": Destination("qubes", "", "vm", "a"),
    "qubes://vm//a/": Destination("qubes", "", "vm", "a"),
    "qubes://my-vm_2.x/mnt/a": Destination("qubes", "/mnt/a", "my-vm_2.x"),
    "qubes-ssh://vm:u@h:1/p": Destination(
        "qubes-ssh", "/p", "vm", host=SshHost("h", "u", 1)
    ),
}


@pytest.mark.parametrize("url", GOOD)
def test_url_means_one_place(url: str) -> None:
    found = parse_destination(url)
    assert found == GOOD[url]
    assert parse_destination(found.url) == found


BAD = [
    "",
    "/mnt/a",
    "internal:mnt",
    "internal:/a/../b",
    "ssh:/h/p",
    "ssh://h",
    "ssh://h/",
    "ssh://h:/p",
    "ssh://h:65536/p",
    "ssh://h:+1/p",
    "ssh://@h/p",
    "ssh://-h/p",
    "ssh://u:p@h/p",
    "ssh://h\n/p",
    "ssh://h/a\nb",
    "ssh://[::1/p",
    "ssh://[::1]22/p",
    "ssh://h/" + "x" * 4001,
    "qubes://vm/a/../b",
    "qubes://v m/a",
    "qubes://" + "v" * 32 + "/a",
    "qubes://vm/" + "a" * 65,
    "qubes-ssh://vm/p",
    "qubes-ssh://:h/p",
    "qubes-ssh://vm:u@h+x/p",
    "s3://bucket/a",
]


@pytest.mark.parametrize("url", BAD)
def test_url_that_can_be_misread_is_refused(url: str) -> None:
    with pytest.raises(BadInput):
        parse_destination(url)


@given(st.text(max_size=60), st.sampled_from(["ssh", "qubes", "qubes-ssh"]))
@example("-oProxyCommand=x/p", "ssh")
@example("vm:-x/p", "qubes-ssh")
def test_no_word_made_of_a_url_looks_like_an_option(
    text: str, scheme: str
) -> None:
    try:
        found = parse_destination(f"{scheme}://{text}")
    except BadInput:
        return
    words = [found.vm, found.archive]
    if found.host is not None:
        words += [found.host.host, found.host.user]
    for word in filter(None, words):
        assert word[0].isascii() and word[0] not in "-+ "
        assert word.isprintable() and not set(word) & set("/+;&|'\"`$ ")
    if scheme != "ssh":
        service = service_of(found, Capability.GET)
        assert len(service) <= 255
    assert not found.path or found.path.startswith("/")


def test_subdir_goes_below_a_path_only() -> None:
    assert parse_destination("ssh://h/p", "x/y").path == "/p/x/y"
    for url, subdir in (("ssh://h/p", "../x"), ("qubes://vm/a", "x")):
        with pytest.raises(BadInput):
            parse_destination(url, subdir)


@pytest.mark.parametrize(
    "text, value", [("8K", 8192), ("500K", 512000), ("2M", 2 << 20)]
)
def test_rate_is_bytes_a_second(text: str, value: int) -> None:
    assert parse_rate(text) == value


@pytest.mark.parametrize(
    "text", ["", "0", "8191", "1k", "-1", "1.5M", "9" * 20]
)
def test_rate_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(BadInput):
        parse_rate(text)


@pytest.mark.parametrize("text", ["", "x", "-1", "0", "0.0", "nan", "1e9"])
def test_time_that_is_none_is_refused(text: str) -> None:
    for parse in (parse_seconds, parse_hours):
        with pytest.raises(BadInput):
            parse(text)


ENDINGS = [
    ("ssh://h/p", 127, "", "wyng-store is not installed"),
    ("ssh://h/p", 255, "x: Connection refused", "refuses connections"),
    ("ssh://h/p", 255, "\x1b[2J", "the connection broke"),
    ("ssh://h/p", 0, "", "ended early without an error"),
    ("qubes://v/a", 126, "", "not allowed"),
    ("qubes://v/a", 127, "", "no such service"),
    ("qubes://v/a", 255, "", "the stream to the qube v was lost"),
    ("qubes://v/a", 125, "qrexec-client[1]: connect /x", "is not running"),
    ("qubes://v/a", 125, "", "qrexec failed"),
    ("qubes://v/a", 137, "", "by signal 9"),
    ("qubes://v/a", -9, "", "qrexec was killed on this machine by signal 9"),
    ("qubes-ssh://v:h/p", -15, "", "qrexec was killed on this machine"),
    ("ssh://h/p", -9, "", "ssh was killed on this machine by signal 9"),
    ("internal:/p", -9, "", "the store was killed on this machine"),
    ("qubes://v/a", 9, "", "configuration has a fault"),
    ("qubes-ssh://v:h/p", 255, "Permission denied", "does not let us in"),
]


@pytest.mark.parametrize("url, code, words, part", ENDINGS)
def test_each_way_to_end_has_a_sentence(
    url: str, code: int, words: str, part: str
) -> None:
    error = ending(parse_destination(url), code, words)
    assert error is not None and part in str(error)
    assert words not in str(error) or not words


@pytest.mark.parametrize(
    "code, part",
    [(127, "no python3"), (93, "older than 3.9"), (94, "not arrive whole")],
)
def test_each_way_a_loader_ends_has_a_sentence(code: int, part: str) -> None:
    error = bootstrap_ending(parse_destination("ssh://h/p"), code, "")
    assert part in str(error)
