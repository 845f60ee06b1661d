# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The store's configuration: what it says, and every fault refuses all."""

from pathlib import Path
from typing import Set

import pytest

from wyng_common.messages import Capability
from wyng_store.admission import Call, admit, admit_ssh
from wyng_store.configuration import (
    Configuration,
    load_configuration,
    parse_configuration,
)
from wyng_store.errors import BadInput, ConfigFault, Outside, Refused

GET, PUT, PRUNE = Capability.GET, Capability.PUT, Capability.PRUNE
VERIFY, INIT = Capability.VERIFY, Capability.INIT
TEXT = """
; the archives of this qube
[store]
roots = /mnt
    {home}/wyng
[archive laptop]
directory = {home}/wyng/laptop
callers = dom0: prune init
    monitor: verify
quota = 2G
delete_delay = 30
[ssh backup.example]
callers = dom0: put
"""


def parse(text: str, home: Path = Path("/home/user")) -> Configuration:
    return parse_configuration([("a.conf", text)], home)


def test_archive_has_its_directory_quota_and_delay() -> None:
    found = parse(TEXT.format(home="/home/user"))
    section = found.archive("laptop")
    assert section.directory == Path("/home/user/wyng/laptop")
    assert section.policy.quota == 2 << 30
    assert section.policy.delete_delay == 30 * 24 * 3600
    assert found.roots == (Path("/mnt"), Path("/home/user/wyng"))
    assert found.archive("other").directory == Path("/home/user/wyng/other")


def test_without_a_file_dom0_may_do_all_and_nobody_else(tmp_path: Path) -> None:
    found = load_configuration([tmp_path / "none"], tmp_path)
    for capability in Capability:
        place = admit(found, Call("dom0", "a"), capability)(b"")
        assert place.layout.root == tmp_path / "wyng" / "a"
        assert place.granted == {capability}
        with pytest.raises(Refused):
            admit(found, Call("work", "a"), capability)


def test_later_file_goes_before_option_by_option(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    first.write_text("[archive a]\ndirectory = /mnt/a\nquota = 1K\n")
    second.write_text("[archive a]\nquota = 2K\n")
    found = load_configuration([first, second], tmp_path).archive("a")
    assert (found.directory, found.policy.quota) == (Path("/mnt/a"), 2048)


@pytest.mark.parametrize(
    "text",
    [
        "directory = /a\n",
        "[archive]\ndirectory = /a\n",
        "[archive a/b]\ndirectory = /a\n",
        "[archive a]\n",
        "[archive a]\ndirectory = a\n",
        "[archive a]\ndirectory = /a/../b\n",
        "[archive a]\ndirectory = /a\ncallers = work\n",
        "[archive a]\ndirectory = /a\ncallers = work: all\n",
        "[archive a]\ndirectory = /a\ncallers = a b: put\n",
        "[archive a]\ndirectory = /a\ncallers = w: put\n    w: get\n",
        "[archive a]\ndirectory = /a\nquota = much\n",
        "[archive a]\ndirectory = /a\nquota = -1\n",
        "[archive a]\ndirectory = /a\ndelete_delay = 1.5\n",
        "[archive a]\ndirectory = /a\ncaller = dom0: get\n",
        "[archive a]\ndirectory = /a\n[archive a]\ndirectory = /b\n",
        "[store]\nany_host = true\n",
        "[store x]\nany_host = yes\n",
        "[stores]\nroots = /a\n",
        "[ssh u@h]\ncallers = dom0: get\n",
        "[ssh -h]\ncallers = dom0: get\n",
        "[archive a\n",
        "\0",
    ],
)
def test_fault_refuses_everything(text: str) -> None:
    with pytest.raises(ConfigFault):
        parse(text)


def test_file_without_bounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "c").write_bytes(b"#" * 70_000)
    with pytest.raises(ConfigFault):
        load_configuration([tmp_path / "c"], tmp_path)


@pytest.mark.parametrize(
    "caller, may",
    [
        ("dom0", {GET, PUT, PRUNE, INIT}),
        ("monitor", {VERIFY}),
        ("work", set()),
        ("", set()),
        ("@adminvm", set()),
        ("Domain-0", set()),
        ("dom0\n", set()),
    ],
)
def test_callers_may_do_what_their_line_says(
    tmp_path: Path, caller: str, may: Set[Capability]
) -> None:
    found = parse(TEXT.format(home=tmp_path), tmp_path)
    for capability in Capability:
        call = Call(caller, "laptop")
        if capability in may:
            assert admit(found, call, capability)(b"").granted == {capability}
        else:
            with pytest.raises(Refused):
                admit(found, call, capability)


@pytest.mark.parametrize("name", ["a/b", "..", "x" * 300, "-a", "a+b", "a b"])
def test_argument_that_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput):
        admit(parse("", tmp_path), Call("dom0", name), INIT)


def test_paths_are_for_dom0_and_below_the_roots(tmp_path: Path) -> None:
    found = parse(TEXT.format(home=tmp_path), tmp_path)
    with pytest.raises(Refused):
        admit(found, Call("monitor", ""), VERIFY)
    resolve = admit(found, Call("dom0", ""), INIT)
    wyng = tmp_path / "wyng"
    wyng.mkdir()
    assert resolve(bytes(wyng / "x")).layout.root == wyng / "x"
    (wyng / "link").symlink_to("/etc")
    for path in (
        *(b"", b"/", b"relative", b"/etc/x", bytes(wyng), b"/mnt/../etc/x"),
        *(bytes(wyng / "link"), bytes(wyng / "link" / "x"), b"/mnt/a\0b"),
    ):
        with pytest.raises(Outside):
            resolve(path)


def test_path_of_an_archive_with_a_section_obeys_it(tmp_path: Path) -> None:
    found = parse(TEXT.format(home=tmp_path), tmp_path)
    path = bytes(tmp_path / "wyng" / "laptop")
    place = admit(found, Call("dom0", ""), PRUNE)(path)
    assert place.policy.quota == 2 << 30
    with pytest.raises(Refused):
        admit(found, Call("dom0", ""), VERIFY)(path)


def test_hosts_are_capped_and_others_refused(tmp_path: Path) -> None:
    found = parse(TEXT.format(home=tmp_path), tmp_path)
    host, allowed = admit_ssh(found, Call("dom0", "joe+backup.example+22"))
    assert (host.host, host.user, host.port) == ("backup.example", "joe", 22)
    assert allowed == {GET, PUT}
    for call in (
        Call("work", "joe+backup.example+22"),
        Call("dom0", "joe+other+"),
    ):
        with pytest.raises(Refused):
            admit_ssh(found, call)
    for argument in ("", "h", "-l+h+", "+-h+", "+h+0", "+h+1+2", "a b+h+"):
        with pytest.raises(BadInput):
            admit_ssh(found, Call("dom0", argument))


def test_any_host_is_for_dom0_alone() -> None:
    found = parse("[store]\nany_host = yes\n")
    assert admit_ssh(found, Call("dom0", "+h+"))[1] == set(Capability)
    with pytest.raises(Refused):
        admit_ssh(found, Call("work", "+h+"))
