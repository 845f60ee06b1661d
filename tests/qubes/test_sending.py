# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Qubes are backed up by their names, in the state that was asked for."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from qubesadmin import daemon

from qubes.dom0 import Dom0

MIB = 1 << 20


def test_names_tags_and_all_mean_the_volumes_that_survive(dom0: Dom0) -> None:
    assert dom0.sent("work") == ["work:private"]
    assert dom0.sent("alone") == ["alone:private", "alone:root"]
    assert dom0.sent("alone:root") == ["alone:root"]
    assert dom0.sent("@tag:client") == ["work:private"]
    assert dom0.sent("--all", "--exclude=alone", "--exclude=fedora") == [
        "sys-firewall:private",
        "work:private",
    ]
    assert dom0.fails(6, "send", "nobody") == "there is no qube 'nobody'"
    said = dom0.fails(6, "send", "@tag:none")
    assert said == "no qube has the tag 'none'"
    assert "is no volume of a qube" in dom0.fails(9, "send", ":private")


def test_what_keeps_no_volume_is_not_taken_for_everything(dom0: Dom0) -> None:
    dom0.sent("work")
    dom0.system.add("disp1", "DispVM")
    volumes = dom0.system.qube("disp1")["volumes"]
    volumes["private"]["save_on_stop"] = False
    dom0.system.change("disp1", volumes=volumes)
    dom0.system.add("far")
    dom0.system.change("far", volumes={}, **{"class": "RemoteVM"})
    for name in ("disp1", "far"):
        assert "keeps no volume" in dom0.fails(6, "send", name)
    assert "work:private" in dom0.sent("--all", "--exclude=fedora")


def test_qube_that_is_removed_meanwhile_is_left_out(dom0: Dom0) -> None:
    from wyng_dom0.qubes.admin import open_admin
    from wyng_dom0.sources.qubes import QubesSource

    source = QubesSource(open_admin(), [], "auto", print)
    assert source.exists("alone:root")
    daemon.call("work", "admin.vm.Remove")
    assert "alone:root" in source.list_volumes()
    assert "work:private" not in source.list_volumes()


def test_live_state_is_what_a_running_qube_wrote(dom0: Dom0) -> None:
    dom0.sent("work")
    dom0.system.start("work")
    dom0.system.write("work", b"work while it")
    dom0.sent("--state=auto", "work")
    assert dom0.restored("work:private")[:13] == b"work while it"
    dom0.sent("--state=clean", "work")
    assert dom0.restored("work:private")[:13] == b"work at first"
    dom0.system.stop("work")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work while it"
    assert dom0.states("work:private") == ["clean", "live", "clean", "clean"]


def test_paused_qube_runs(dom0: Dom0) -> None:
    dom0.system.start("work")
    dom0.system.write("work", b"work, paused!")
    dom0.system.change("work", state="Paused")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, paused!"


def test_what_a_crash_left_dirty_is_live(dom0: Dom0) -> None:
    """The power state says halted, and qubesd has not committed it yet."""
    dom0.system.start("work")
    dom0.system.write("work", b"work, crashed")
    dom0.system.change("work", state="Halted")
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, crashed"
    assert dom0.states("work:private") == ["live"]


def test_qube_without_revisions_has_no_clean_state_while_it_runs(
    dom0: Dom0,
) -> None:
    volumes = dom0.system.qube("work")["volumes"]
    volumes["private"]["revisions_to_keep"] = -1
    dom0.system.change("work", volumes=volumes)
    dom0.system.start("work")
    dom0.system.write("work", b"work, no back")
    said = dom0.fails(1, "send", "--state=clean", "work")
    assert "has no clean state while work runs" in said
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work, no back"
    assert dom0.states("work:private") == ["live"]


def test_half_written_import_is_not_what_is_backed_up(dom0: Dom0) -> None:
    daemon.import_begin("work", "private", None)
    dom0.sent("work")
    assert dom0.restored("work:private")[:13] == b"work at first"


def test_shutdown_between_choice_and_clone_is_followed(
    dom0: Dom0, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The dirty image is renamed after it was seen and before it is opened."""
    from wyng_dom0.snapshots import qube_states
    from wyng_dom0.snapshots.driver import VolumeAt
    from wyng_dom0.snapshots.qube_states import QubeFileDriver
    from wyng_dom0.snapshots.reflink import ReflinkDriver

    system = dom0.system
    system.start("work")
    system.write("work", b"work, stopped")
    place = str(system.committed("work"))
    volume = VolumeAt("work:private", place, str(system.pool))
    real, left = qube_states.image_of, [1]

    def renamed_after(volume: VolumeAt) -> str:
        found = real(volume)
        if left:
            left.pop()
            system.stop("work")
        return found

    monkeypatch.setattr(qube_states, "image_of", renamed_after)
    ref = QubeFileDriver(ReflinkDriver()).take(volume)
    assert Path(ref.place).read_bytes()[:13] == b"work, stopped"


def test_old_clean_state_is_warned_of(dom0: Dom0) -> None:
    dom0.system.start("work")
    os.utime(dom0.system.committed("work"), (0, 86400 * 365.0))
    out = dom0.run("--json", "send", "--state=clean", "work")
    assert "work runs: the clean state of its volume 'private' is" in out


def test_pools_without_snapshots_want_their_qubes_halted(dom0: Dom0) -> None:
    other = dom0.system.root / "old"
    (other / "appvms" / "old").mkdir(parents=True)
    dom0.system.add_pool("old", "file", dir_path=str(other))
    dom0.system.add_pool("odd", "callback", dir_path=str(other))
    dom0.system.add("old", pool="old")
    dom0.system.add("odd", pool="odd")
    (other / "appvms" / "old" / "private.img").write_bytes(b"o" * MIB)
    assert dom0.sent("old") == ["old:private"]
    assert dom0.states("old:private") == ["clean"]
    dom0.system.change("old", state="Running")
    assert "takes no snapshots of ours" in dom0.fails(1, "send", "old")
    said = dom0.fails(1, "send", "odd")
    assert "of the kind 'callback'" in said


@pytest.fixture
def zvol(tmp_path: Path) -> Iterator[Path]:
    """/dev/zvol/FOLDER/vm-far-private, a link to a device as udev makes it."""
    image = tmp_path / "zvol"
    image.write_bytes(b"on zfs" + bytes(MIB - 6))
    folder = Path("/dev/zvol", f"test-{os.getpid()}")
    folder.mkdir(parents=True)
    words = ["losetup", "--find", "--show", str(image)]
    device = subprocess.check_output(words, text=True, timeout=60).strip()
    try:
        (folder / "vm-far-private").symlink_to(device)
        yield folder
    finally:
        subprocess.run(["losetup", "--detach", device], timeout=60)
        shutil.rmtree(folder)
        with suppress(OSError):
            folder.parent.rmdir()


def test_one_send_takes_qubes_of_several_kinds_of_pools(
    dom0: Dom0, zvol: Path
) -> None:
    """Images of two kinds, which can be cloned, and a zfs device by path."""
    system = dom0.system
    other = system.root / "old"
    (other / "appvms" / "old").mkdir(parents=True)
    system.add_pool("old", "file", dir_path=str(other))
    system.add_pool("z", "zfs", container=zvol.name)
    system.add("old", pool="old")
    (other / "appvms" / "old" / "private.img").write_bytes(b"o" * MIB)
    system.add("far", pool="z")
    volumes = system.qube("far")["volumes"]
    volumes["private"]["vid"] = f"{zvol.name}/vm-far-private"
    system.change("far", volumes=volumes)
    system.start("work")
    system.write("work", b"work is running")
    volumes = ["far:private", "old:private", "work:private"]
    assert dom0.sent("work", "old", "far") == volumes
    assert dom0.restored("far:private") == b"on zfs" + bytes(MIB - 6)
    assert dom0.restored("old:private") == b"o" * MIB
    assert dom0.restored("work:private")[:15] == b"work is running"
    listed = [dom0.states(each) for each in volumes]
    assert listed == [["not-still"], ["clean"], ["live"]]
    system.change("far", state="Running")
    said = dom0.fails(1, "send", "far")
    assert "takes no snapshots of ours: shut it down" in said


def test_pool_may_lie_behind_a_link(dom0: Dom0) -> None:
    link = dom0.system.root / "link"
    (dom0.system.root / "elsewhere").mkdir()
    link.symlink_to("elsewhere")
    dom0.system.add_pool("far", "file-reflink", dir_path=str(link))
    dom0.system.add("far", pool="far", private=b"far at first")
    dom0.sent("far")
    assert dom0.restored("far:private")[:12] == b"far at first"
    dom0.system.start("far")
    dom0.system.write("far", b"far while it")
    dom0.sent("far")
    assert dom0.restored("far:private")[:12] == b"far while it"
    assert dom0.states("far:private") == ["clean", "live"]


SETTINGS = (
    *("property.GetAll", "feature.List", "feature.Get", "tag.List"),
    *("firewall.Get", "notes.Get", "Assigned"),
)


def test_at_most_five_calls_a_qube_and_thirty_for_settings(
    dom0: Dom0,
) -> None:
    for number in range(5):
        dom0.system.add(f"q{number}", private=b"%d" % number)
    dom0.sent("--all")
    dom0.system.forget_calls()
    dom0.sent("--all")
    found = [line.split()[:2] for line in dom0.system.calls()]
    calls = [qube for method, qube in found if not method.endswith(SETTINGS)]
    more = [qube for method, qube in found if method.endswith(SETTINGS)]
    assert more
    for qube in set(calls) - {"dom0"}:
        assert calls.count(qube) <= 5, qube
        assert more.count(qube) <= 30, qube
    # Asked of dom0: all qubes, a pool, and whether it is in backups itself.
    assert calls.count("dom0") <= 4


def test_qubes_notes_when_it_was_backed_up(dom0: Dom0) -> None:
    dom0.sent("work")
    found = dom0.system.qube("work")
    assert found["properties"]["backup_timestamp"] > 1_700_000_000
    assert found["features"]["wyng.last.default"][:2] == "20"
    dom0.sent("alone:root")
    assert "backup_timestamp" not in dom0.system.qube("alone")["properties"]
    dom0.sent("alone:root", "alone:private")
    assert "backup_timestamp" in dom0.system.qube("alone")["properties"]
    dom0.run("send", "--dry-run", "vault")
    assert "backup_timestamp" not in dom0.system.qube("vault")["properties"]


def test_volume_of_a_qube_is_not_written_beside_qubesd(dom0: Dom0) -> None:
    dom0.sent("work")
    before = dom0.system.read("work")
    said = dom0.fails(1, "--force", "receive", "work:private")
    assert "belongs to a qube" in said
    assert dom0.system.read("work") == before


def test_what_reads_the_archive_needs_neither_qube_nor_qubesd(
    dom0: Dom0,
) -> None:
    dom0.sent("work", "alone")
    wanted = dom0.system.read("work")
    dom0.system.forget_calls()
    dom0.run("list")
    assert dom0.system.calls() == []
    with daemon.opened() as state:
        del state["vms"]["work"]
    gone = {"QUBES_STAND_IN": ""}
    for env in (dom0.env, {**dom0.env, **gone}):
        out = dom0.machine.run("list", "work:private", env=env)
        assert "clean" in out
        dom0.machine.run("verify", "work", env=env)
        dom0.machine.run("list", env=env)
    assert dom0.restored("work:private") == wanted


def test_qube_that_qubesd_does_not_answer_for_leaves_others_alone(
    dom0: Dom0,
) -> None:
    dom0.sent("work", "alone")
    with daemon.opened() as state:
        del state["vms"]["work"]["volumes"]["private"]
    said = dom0.machine.bare(
        f"--meta-dir={dom0.machine.state}", "send", env=dom0.env
    )
    assert said.returncode == 2
    assert "qubesd did not answer" in said.stderr
    assert "alone:root" in said.stdout


def test_room_is_made_for_all_volumes_of_a_new_qube(dom0: Dom0) -> None:
    """Its size counts, though only its name is given."""
    dom0.sent("work")
    dom0.system.write("work", b"work, changed")
    dom0.sent("work")
    dom0.system.add("large", size=1 << 43)
    dom0.run("--autoprune=on", "--keep-last=1", "--force", "send", "large")
    assert len(dom0.states("work:private")) == 1
