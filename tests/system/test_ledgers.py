# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Ledgers say too much at times and too little never.

After whatever happens, what is sent next restores bit for bit; and where
nothing was lost on the way, no more is read than what changed.
"""

import os
import shutil
import time
from typing import Callable, Iterator

import pytest
from pytest_mock import MockerFixture

from system.host import CHUNK, NAME, SIZE, Host, hosted, pending
from system.machine import Machine
from system.test_concurrency import stopped
from wyng_common.messages import Capability
from wyng_dom0.cli import main as cli
from wyng_dom0.commands.access import opened
from wyng_dom0.commands.context import Context
from wyng_dom0.commands.reports import Said
from wyng_dom0.engine import publish
from wyng_dom0.engine.prune import PrunePlan, carry_out
from wyng_dom0.engine.retention import Verdict, VolumeVerdicts
from wyng_dom0.engine.volume_upload import VolumeUpload
from wyng_dom0.snapshots.driver import PoolUsage
from wyng_dom0.state import locks
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import Base, VolumeState


@pytest.fixture
def host() -> Iterator[Host]:
    """Both archives have the volume, and it changed since."""
    with hosted() as made:
        for each in ("a", "b"):
            made.send(each).check()
        made.read_bytes()
        made.write(3)
        yield made


def test_send_reads_the_changed_chunks_and_nothing_else(host: Host) -> None:
    host.write(7)
    host.send("a").check()
    assert host.read_bytes() == 2 * CHUNK
    host.expect_sent("a")
    host.send("a").check()
    assert host.read_bytes() == 0


def test_two_archives_in_rotation_never_read_everything(host: Host) -> None:
    for turn in range(1, 5):
        for each in ("a", "b"):
            host.write(turn, seed=turn)
            host.send(each).check()
            host.expect_sent(each)
            assert host.read_bytes() <= 4 * CHUNK
    assert len(host.snapshots()) == 1


def test_monitor_keeps_changes_for_every_archive(host: Host) -> None:
    for turn in range(3):
        host.write(turn, seed=turn)
        shutil.move(host.archive("a"), host.machine.root / "away")
        host.monitor().check()
        shutil.move(host.machine.root / "away", host.archive("a"))
    assert len(host.snapshots()) == 1
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
        assert host.read_bytes() == 4 * CHUNK


def test_monitor_passes_over_what_was_never_sent(host: Host) -> None:
    (host.machine.images / "other.img").write_bytes(b"new")
    ended = host.machine.wyng("--json", "--all", "monitor").check()
    (told,) = ended.events("volume-skipped")
    assert told["volume"] == "other.img" and "never sent" in told["why"]
    assert [e["volume"] for e in ended.events("volume-done")] == [NAME]


@pytest.mark.parametrize("stop", ["read", "committed"])
def test_monitor_and_another_send_work_during_a_long_send(
    host: Host, stop: str
) -> None:
    holder, name = {
        "read": (VolumeUpload, "upload"),
        "committed": (publish, "_commit"),
    }[stop]
    with stopped(lambda: host.start("a", "send"), holder, name) as (
        sending,
        gate,
    ):
        seen = host.path.read_bytes()
        read = set(host.snapshots())
        host.write(5, seed=1)
        host.monitor().check()
        host.write(6, seed=2)
        host.send("b").check()
        host.expect_sent("b")
        # The changes of chunk 3 are undone: in no comparison from now on.
        host.path.write_bytes(seen)
        host.monitor().check()
        if stop == "read":
            assert read <= set(host.snapshots()), "it was being read"
        gate.open()
        sending.wait().check()
    assert host.newest("a") == seen
    host.read_bytes()
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
        assert host.read_bytes() <= 4 * CHUNK
    assert len(host.snapshots()) == 1


def test_second_send_to_one_archive_is_busy(host: Host) -> None:
    with stopped(lambda: host.start("a", "send"), publish, "_commit") as (
        sending,
        gate,
    ):
        assert "in use" in host.send("a").check(5).err
        gate.open()
        sending.wait().check()


def in_process(host: Host, archive: str, act: Callable[..., None]) -> None:
    """Let a command's process do something else with the open archive."""

    def instead(context: Context) -> None:
        with opened(context, Capability.PRUNE) as (_, found):
            act(found)
        context.report(Said("done", "", {}))

    before = cli.run_command
    cli.run_command = instead
    try:
        host.machine.wyng(f"--archive={archive}", "list").check()
    finally:
        cli.run_command = before


def delete_newest(host: Host, archive: str) -> None:
    """As no command does: take the newest session out."""

    def act(found: object) -> None:
        page = found.page_named(NAME)  # type: ignore[attr-defined]
        verdict = Verdict(page.newest, keep=False, why="for this test")
        plan = PrunePlan((page,), (VolumeVerdicts(NAME, (verdict,)),))
        carry_out(found, plan, time.time_ns())  # type: ignore[arg-type]

    in_process(host, archive, act)


def test_deleted_newest_session_is_sent_again(host: Host) -> None:
    host.send("a").check()
    host.write(8)
    delete_newest(host, "a")
    host.read_bytes()
    host.send("a").check()
    host.expect_sent("a")
    # What the lost session had brought, and what changed since.
    assert host.read_bytes() == 2 * CHUNK


def test_newest_session_deleted_elsewhere(host: Host) -> None:
    host.send("a").check()
    shutil.move(host.machine.state / "volumes", host.machine.root / "kept")
    delete_newest(host, "a")
    shutil.rmtree(host.machine.state / "volumes", ignore_errors=True)
    shutil.move(host.machine.root / "kept", host.machine.state / "volumes")
    host.write(8)
    host.read_bytes()
    host.send("a").check()
    host.expect_sent("a")
    assert host.read_bytes() >= SIZE


def test_archive_rolled_back(host: Host) -> None:
    copy = host.machine.root / "copy"
    shutil.copytree(host.archive("a"), copy)
    host.send("a").check()
    shutil.rmtree(host.archive("a"))
    shutil.copytree(copy, host.archive("a"))
    host.machine.wyng(
        *("--json", "--archive=a", "--force-allow-rollback", "send"),
        stdin=b"a\n",
        terminal=True,
    ).check()
    host.expect_sent("a")


def test_another_host_sent_the_volume(host: Host) -> None:
    """With other contents, and one chunk as it was before ours changed."""
    original = host.path.read_bytes()
    host.send("a").check()
    other = Machine(host.machine.root / "other")
    shutil.copytree(host.machine.state, other.state)
    (other.images / NAME).write_bytes(original[: SIZE // 2])
    other.wyng(
        *("--archive=a", f"--local={other.images}", "send", NAME)
    ).check()
    host.write(1)
    host.send("a").check()
    host.expect_sent("a")


@pytest.mark.parametrize("size", [SIZE - 5 * CHUNK, 4 * CHUNK, 0])
def test_volume_cut_off_and_grown_again(host: Host, size: int) -> None:
    """What was cut off is zeros afterwards, in every archive."""
    os.truncate(host.path, size)
    host.send("b").check()
    host.expect_sent("b")
    host.monitor().check()
    os.truncate(host.path, SIZE + 3 * CHUNK + 1)
    host.monitor().check()
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)


def test_grown_volume_is_read_where_it_grew(host: Host) -> None:
    os.truncate(host.path, SIZE + 1)
    host.send("a").check()
    host.expect_sent("a")
    os.truncate(host.path, 300 * CHUNK)
    host.write(299)
    host.read_bytes()
    host.send("a").check()
    host.expect_sent("a")
    assert host.read_bytes() <= 3 * CHUNK


def test_lost_base_is_noticed(host: Host) -> None:
    for each in host.snapshots():
        each.unlink()
    host.monitor().check()
    host.write(9)
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
        assert host.read_bytes() >= SIZE - CHUNK


@pytest.mark.parametrize("lost", ["base.json", "volume.json", "ledger"])
@pytest.mark.parametrize("how", ["gone", "damaged"])
def test_lost_state_costs_time_and_nothing_else(
    host: Host, lost: str, how: str
) -> None:
    for path in host.state.folder.iterdir():
        if path.name.endswith(lost):
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.unlink()
            if how == "damaged":
                path.write_bytes(data)
    host.monitor().check()
    host.write(9)
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)


def test_blind_comparison_sets_everything(host: Host) -> None:
    host.driver.blind = True
    ended = host.monitor().check()
    assert "can't be told" in ended.events("warning")[0]["text"]
    host.driver.blind = False
    assert [everything for _, everything in pending(host)] == [True, True]
    host.send("a").check()
    host.expect_sent("a")


def test_other_driver_means_everything(host: Host) -> None:
    """The same name, snapshotted otherwise: the base says nothing of it."""
    host.driver.name = "other"
    host.send("a").check()
    assert host.read_bytes() >= SIZE
    host.expect_sent("a")


def test_plain_reading_forgets_the_base(host: Host) -> None:
    host.driver.keeps = False
    host.send("a").check()
    host.expect_sent("a")
    assert host.state.base() is None
    host.driver.keeps = True
    host.write(2)
    for each in ("b", "a"):
        host.send(each).check()
        host.expect_sent(each)


def test_dry_run_leaves_everything_as_it_was(host: Host) -> None:
    def kept() -> "dict[str, bytes]":
        folder = host.state.folder
        return {p.name: p.read_bytes() for p in folder.iterdir()}

    before, snapshots = kept(), host.snapshots()
    words = ("--json", "--archive=a", "--dry-run", "send")
    done = host.machine.wyng(*words).check().events("volume-done")
    assert done[0]["changed_bytes"] == CHUNK
    assert (kept(), host.snapshots()) == (before, snapshots)
    assert host.read_bytes() == CHUNK
    host.send("a").check()
    host.expect_sent("a")


def test_unchanged_volume_is_read_from_the_base_it_has(host: Host) -> None:
    host.write(3)
    host.monitor().check()
    before = host.snapshots()
    host.monitor().check()
    assert host.snapshots() == before
    # What the archive lacks lies in the base.
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)
    assert host.snapshots() == before


def test_remap_reads_all_and_leaves_the_ledger_right(host: Host) -> None:
    words = ("--json", "--archive=a", "--remap", "send")
    before = host.snapshots()
    host.machine.wyng(*words).check()
    assert host.read_bytes() >= SIZE
    # Of the volume, not of what was thought to be the same.
    assert host.snapshots() != before
    host.expect_sent("a")
    host.write(2)
    host.send("a").check()
    assert host.read_bytes() == CHUNK
    host.expect_sent("a")


def test_strays_are_taken_away_and_bases_stay(host: Host) -> None:
    (base,) = host.snapshots()
    stray = base.with_name(base.name[:-16] + "0" * 16)
    stray.write_bytes(b"left by a crash")
    host.monitor().check()
    assert stray not in host.snapshots()
    assert len(host.snapshots()) == 1
    host.send("a").check()
    assert host.read_bytes() == CHUNK


def test_snapshot_open_elsewhere_is_dropped_another_time(host: Host) -> None:
    (base,) = host.snapshots()
    host.driver.in_use.append(base.name[-16:])
    host.monitor().check()
    assert base in host.snapshots()
    host.driver.in_use.clear()
    host.monitor().check()
    assert base not in host.snapshots()


def full(part: float, metadata: float = 0.0) -> Callable[[str], PoolUsage]:
    """A pool that is so full."""
    return lambda pool: PoolUsage(pool, 1 << 30, part, metadata)


@pytest.mark.parametrize("usage", [full(0.9), full(0.1, 0.85)])
def test_guard_gives_bases_up_and_takes_none(
    host: Host, usage: Callable[[str], PoolUsage]
) -> None:
    """Every archive's ledger says everything then."""
    host.driver.usage_of = usage
    ended = host.monitor().check(1, 2)
    assert "was given up" in ended.events("warning")[0]["text"]
    assert host.snapshots() == []
    assert host.state.base() is None
    assert [everything for _, everything in pending(host)] == [True, True]
    host.driver.usage_of = full(0.5)
    host.write(1)
    for each in ("a", "b"):
        host.send(each).check()
        host.expect_sent(each)


def test_full_pool_is_read_as_it_is(host: Host) -> None:
    host.driver.usage_of = full(0.95)
    ended = host.send("a").check()
    assert "read as it is" in ended.err
    assert not ended.events("volume-done")[0]["point_in_time"]
    host.expect_sent("a")
    assert host.snapshots() == []


def test_guard_bounds_are_the_users(host: Host) -> None:
    host.driver.usage_of = full(0.6)
    host.machine.wyng("--guard-data=60", "monitor").check(1, 2)
    host.machine.wyng("--guard-data=61", "monitor").check()
    host.driver.usage_of = full(0.1, 0.5)
    host.machine.wyng("--guard-metadata=50%", "monitor").check(1, 2)
    host.machine.wyng("--guard-metadata=0", "monitor").check(9)


def test_delete_drops_what_was_kept(host: Host) -> None:
    words = ("--unattended", "--force", "delete", NAME)
    host.machine.wyng("--archive=a", *words).check()
    assert len(host.state.ledgers()) == 1
    assert len(host.snapshots()) == 1
    host.send("b").check()
    assert host.read_bytes() == CHUNK
    host.machine.wyng("--archive=b", *words).check()
    assert not list(host.state.folder.iterdir())
    assert host.snapshots() == []
    host.send("a").check()
    host.expect_sent("a")


def test_clean_wants_force_and_spares_other_archives(host: Host) -> None:
    words = ("--unattended", "--archive=a", "delete", "--clean")
    assert "--force" in host.machine.wyng(*words).check(1).err
    assert len(host.state.ledgers()) == 2
    host.machine.wyng(*words, "--force").check()
    assert len(host.state.ledgers()) == 1
    host.machine.wyng(*words, "--force", "--all").check()
    assert host.snapshots() == []
    assert host.state.ledgers() == []
    host.send("a").check()
    host.expect_sent("a")


def test_rename_takes_the_ledger_along(host: Host) -> None:
    host.machine.wyng(
        *("--unattended", "--archive=b", "--force", "delete", "--clean")
    ).check()
    host.machine.wyng("--archive=a", "rename", NAME, "new.img").check()
    host.path.rename(host.machine.images / "new.img")
    host.machine.wyng("--archive=a", "send", "new.img").check()
    assert host.read_bytes() == CHUNK
    assert len(host.snapshots()) == 1
    host.machine.wyng("--archive=a", "verify").check()


def test_base_is_no_stray_while_a_volume_is_renamed(
    host: Host, mocker: MockerFixture
) -> None:
    """It stands under the new name, then not under the old one any more."""
    real, places = VolumeState.keep_base, Places(host.machine.state)

    def watched(state: VolumeState, base: Base) -> None:
        real(state, base)
        with locks.alone_making(places) as alone:
            found.write_text("strays" if alone else "none")

    found = host.machine.out / "found"
    host.machine.wyng(
        *("--unattended", "--archive=b", "--force", "delete", "--clean")
    ).check()
    mocker.patch.object(VolumeState, "keep_base", watched)
    host.machine.wyng("--archive=a", "rename", NAME, "new.img").check()
    assert found.read_text() == "none"


def test_rename_that_others_don_t_follow_reads_all(host: Host) -> None:
    host.machine.wyng("--archive=a", "rename", NAME, "new.img").check()
    now = host.path.read_bytes()
    (host.machine.images / "new.img").write_bytes(now)
    host.machine.wyng("--archive=a", "send", "new.img").check()
    assert host.read_bytes() >= SIZE
    host.send("b").check()
    host.expect_sent("b")


def test_status_tells_what_is_kept(host: Host) -> None:
    host.monitor().check()
    (told,) = host.machine.wyng("--json", "status").check().objects
    (volume,) = told["volumes"]
    assert volume["present"] and volume["cost"] == SIZE
    assert [each["archive"] for each in volume["ledgers"]] == ["a", "b"]
    assert [each["changed"] for each in volume["ledgers"]] == [CHUNK, CHUNK]
    for each in host.snapshots():
        each.unlink()
    (told,) = host.machine.wyng("--json", "status").check().objects
    assert not told["volumes"][0]["present"]
    assert "gone" in host.machine.wyng("status").check().out
