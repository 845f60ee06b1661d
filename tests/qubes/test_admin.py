# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The adapter asks and does what the facade promises, and says what failed."""

import os

import pytest

from qubesadmin_stand_in.qubes_system import QubesSystem
from wyng_dom0.errors import NotFound, QubesError
from wyng_dom0.qubes.admin import QubesAdmin, open_admin
from wyng_dom0.qubes.facade import NewQube, Property


@pytest.fixture
def admin(system: QubesSystem) -> QubesAdmin:
    system.add("work", private=b"old", size=4096, netvm="sys-firewall")
    return open_admin()


def test_qubes_are_listed_by_one_call(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    system.forget_calls()
    names = [each.name for each in admin.qubes()]
    assert names == ["fedora", "sys-firewall", "work"]
    assert system.calls() == ["admin.vm.List dom0 "]


def test_power_state_is_seen(system: QubesSystem, admin: QubesAdmin) -> None:
    system.start("work")
    states = {each.name: each.halted for each in admin.qubes()}
    assert states == {"fedora": True, "sys-firewall": True, "work": False}


def test_volume_is_one_call(system: QubesSystem, admin: QubesAdmin) -> None:
    system.forget_calls()
    volume = admin.volume("work", "private")
    assert (volume.vid, volume.size) == ("appvms/work/private", 4096)
    assert volume.save_on_stop and not admin.volume("work", "root").save_on_stop
    assert len(system.calls()) == 2


def test_properties_come_at_once_with_their_kinds(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    system.change("work", properties={"kernelopts": "a\\b\nc"})
    system.forget_calls()
    found = {each.name: each for each in admin.properties("work")}
    assert len(system.calls()) == 1
    assert found["kernelopts"].value == "a\\b\nc"
    assert found["memory"] == Property("memory", "int", "400", True)
    assert not found["kernelopts"].is_default


def test_settings_round_trip(system: QubesSystem, admin: QubesAdmin) -> None:
    admin.set_feature("work", "service.cups", "1")
    admin.add_tag("work", "client")
    admin.set_firewall("work", ["action=drop"])
    admin.assign("work", "block", "sys-firewall+sda+x", "mode='manual'")
    admin.set_notes("work", "mine\n")
    admin.set_property("work", "netvm", "")
    assert admin.features("work") == {"service.cups": "1"}
    assert admin.tags("work") == ["client"] and admin.has_tag("work", "client")
    assert admin.firewall("work") == ["action=drop"]
    # qubesd tells whose it is among the options.
    told = "mode='manual' frontend_domain='work'"
    assert admin.assigned("work", "block") == [("sys-firewall+sda+x", told)]
    admin.unassign("work", "block", "sys-firewall+sda+x")
    assert admin.assigned("work", "block") == []
    assert admin.notes("work") == "mine\n"
    assert system.qube("work")["properties"]["netvm"] == ""


def test_qube_is_made_in_the_pools_asked_for(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    other = system.root / "pools" / "other"
    other.mkdir()
    system.add_pool("other", "file-reflink", dir_path=str(other))
    admin.create(NewQube("new", "AppVM", "red", "fedora", {"private": "other"}))
    assert admin.volume("new", "private").pool == "other"
    admin.remove("new")
    assert "new" not in system.names()


def test_import_replaces_content_and_size_and_keeps_a_revision(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    def feed(fd: int) -> None:
        os.write(fd, b"n" * 8192)

    admin.import_volume("work", "private", 8192, feed)
    assert system.read("work") == b"n" * 8192
    assert len(admin.revisions("work", "private")) == 1


def test_feed_that_fails_leaves_the_old_content(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    def feed(fd: int) -> None:
        os.write(fd, b"n" * 4096)
        raise ValueError("half of it")

    before = system.read("work")
    with pytest.raises(ValueError, match="half of it"):
        admin.import_volume("work", "private", 8192, feed)
    assert system.read("work") == before
    assert not admin.revisions("work", "private")


@pytest.mark.parametrize("count", [0, 4095, 4097])
def test_wrong_number_of_bytes_leaves_the_old_content(
    system: QubesSystem, admin: QubesAdmin, count: int
) -> None:
    before = system.read("work")
    with pytest.raises(QubesError, match="import failed"):
        admin.import_volume(
            "work", "private", 4096, lambda fd: _write(fd, bytes(count))
        )
    assert system.read("work") == before


def test_running_qube_is_not_imported_to(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    system.start("work")
    with pytest.raises(QubesError, match="Not halted"):
        admin.import_volume("work", "private", 4096, lambda fd: None)


def test_feed_ends_when_nobody_reads_it(
    system: QubesSystem, admin: QubesAdmin
) -> None:
    with pytest.raises(NotFound):
        admin.import_volume(
            "nobody", "private", 1 << 20, lambda fd: _write(fd, bytes(1 << 20))
        )


@pytest.mark.parametrize(
    "argument",
    ["x dom0 name vault", "x\0", "x\n", "\N{SNOWMAN}", "x\0 dom0 name vault\0"],
)
def test_argument_is_never_more_than_one(
    system: QubesSystem, admin: QubesAdmin, argument: str
) -> None:
    """The client writes it into the line that also names the qube."""
    system.forget_calls()
    with pytest.raises(QubesError, match="no argument"):
        admin.set_feature("work", argument, "1")
    with pytest.raises(QubesError, match="no argument"):
        admin.add_tag(argument, "a")
    assert system.calls() == []


def test_what_is_not_there_is_said(admin: QubesAdmin) -> None:
    with pytest.raises(NotFound, match="No such domain: nobody"):
        admin.volume("nobody", "private")
    with pytest.raises(NotFound, match="No such label"):
        admin.create(NewQube("new", "AppVM", "pink"))
    with pytest.raises(QubesError, match="did not answer"):
        admin.volume("work", "none")


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
