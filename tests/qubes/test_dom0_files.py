# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""dom0's own files are backed up, and come back beside what is there."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest

from dom0.files.rig import grow
from qubes.dom0 import Dom0
from qubes.own_files import OwnFiles, events
from wyng_dom0.files.restored import MARK


@pytest.fixture
def own(dom0: Dom0) -> OwnFiles:
    """A home and settings, nothing sent yet."""
    own = OwnFiles(dom0)
    (own.home / "notes.txt").write_text("mine\n")
    (own.home / ".cache").mkdir()
    (own.home / ".cache" / "junk").write_bytes(b"junk")
    (own.etc / "qubes-rpc").mkdir()
    (own.etc / "qubes" / "policy.d" / "30-user.policy").write_text(
        "* * @anyvm @anyvm deny\n"
    )
    (own.etc / "fstab").write_text("/dev/x / ext4\n")
    (own.etc / "shadow").write_text("root:secret\n")
    (own.srv / "salt").mkdir()
    (own.srv / "salt" / "top.sls").write_text("base: {}\n")
    return own


def listed(tar: Path) -> "set[str]":
    done = subprocess.run(
        ["tar", "-tf", tar], check=True, capture_output=True, text=True
    )
    return set(done.stdout.splitlines())


def test_both_volumes_are_sent_and_unchanged_when_nothing_changed(
    own: OwnFiles,
) -> None:
    done = own.sent("dom0")
    assert [e["volume"] for e in done] == ["dom0:config", "dom0:home"]
    assert all(e["changed"] and not e["point_in_time"] for e in done)
    again = own.sent("dom0")
    assert [(e["changed"], e["sent_bytes"]) for e in again] == [(False, 0)] * 2
    (own.home / "notes.txt").write_text("mine, changed\n")
    assert [e["changed"] for e in own.sent("dom0")] == [False, True]


def test_tar_of_them_has_what_it_should_and_no_more(
    own: OwnFiles, tmp_path: Path
) -> None:
    own.sent("dom0")
    for name in ("home", "config"):
        target = tmp_path / f"{name}.tar"
        own.run(f"--save-to={target}", "receive", f"dom0:{name}")
    assert listed(tmp_path / "home.tar") == {"notes.txt"}
    assert listed(tmp_path / "config.tar") == {
        "etc/fstab",
        "etc/qubes/",
        "etc/qubes/policy.d/",
        "etc/qubes/policy.d/30-user.policy",
        "etc/qubes-rpc/",
        "packages.txt",
        "srv/salt/",
        "srv/salt/top.sls",
    }


def test_caches_are_sent_where_asked(own: OwnFiles, tmp_path: Path) -> None:
    own.sent("dom0:home", "--with-caches")
    own.run(f"--save-to={tmp_path}/a.tar", "receive", "dom0:home")
    assert ".cache/junk" in listed(tmp_path / "a.tar")


def test_own_state_is_never_in_it(own: OwnFiles, tmp_path: Path) -> None:
    state = own.home / "state"
    own.machine.state.rename(state)
    own.machine.state = Path("/home/user/state")
    own.sent("dom0:home")
    own.run(f"--save-to={tmp_path}/a.tar", "receive", "dom0:home")
    assert listed(tmp_path / "a.tar") == {"notes.txt"}


def test_all_means_dom0_where_qubes_includes_it(own: OwnFiles) -> None:
    def names(*words: str) -> "list[str]":
        found = [e["volume"] for e in own.sent("--all", "--dry-run", *words)]
        return [each for each in found if each.startswith("dom0")]

    assert names() == []
    own.include()
    assert names() == ["dom0:config", "dom0:home"]
    assert names("--exclude=dom0") == []
    assert names("--exclude=dom0:home") == ["dom0:config"]
    assert own.sent("dom0:home")[0]["session"]
    # What the archive knows is what a send without names is about.
    assert [e["volume"] for e in own.sent()] == ["dom0:home"]


def test_other_volumes_of_dom0_there_are_none(own: OwnFiles) -> None:
    said = own.fails(6, "send", "dom0:private")
    assert said == (
        "dom0 has no volume 'dom0:private': it has dom0:home and dom0:config"
    )


def test_sends_of_qubes_and_of_dom0_are_one_session(own: OwnFiles) -> None:
    done = own.sent("work", "dom0")
    assert len({e["session"] for e in done}) == 1 and len(done) == 3
    assert "backup_timestamp" not in own.dom0.system.qube("dom0")["properties"]


def test_limit_is_one_clear_error(own: OwnFiles) -> None:
    for number in range(30):
        (own.home / f"f{number}").write_bytes(b"x" * 5000)
    said = own.fails(1, "send", "dom0:home", "--files-limit=1G,20")
    assert said == (
        "'dom0:home' has more than 20 files: allow more with --files-limit, or"
        " leave it out with --exclude=dom0:home"
    )
    said = own.fails(1, "send", "dom0:home", "--files-limit=100K")
    assert "more than 102400 bytes" in said
    said = own.fails(9, "send", "dom0:home", "--files-limit=many")
    assert "--files-limit takes a size" in said


def test_what_is_left_out_is_told_once(own: OwnFiles) -> None:
    os.mkfifo(own.home / "pipe")
    out = own.run("--json", "send", "dom0:home")
    (notice,) = events(out, "notice")
    assert notice["text"] == (
        "'dom0:home': sockets, pipes and devices are left out: 'pipe'"
    )


def test_home_comes_back_beside_and_nothing_is_touched(
    own: OwnFiles,
) -> None:
    grow(own.home / "odd")
    own.sent("dom0:home")
    (own.home / "notes.txt").write_text("newer\n")
    (own.home / "new").touch()
    (own.home / "odd" / "empty").unlink()
    before = sorted(os.listdir(own.home))
    report = own.report("receive", "dom0:home")
    target = own.there(report["target"])
    assert target.parent == own.home
    assert target.name == f"home-restored-{report['session']}"
    seen = os.stat(target)
    assert (stat.S_IMODE(seen.st_mode), seen.st_uid) == (0o700, 1000)
    assert (target / "notes.txt").read_text() == "mine\n"
    assert (own.home / "notes.txt").read_text() == "newer\n"
    assert sorted(os.listdir(own.home)) == sorted([*before, target.name])
    for name in ("big", "sparse", "new\nline", "\udcff\udcfe", "n" * 255):
        there = target / "odd" / name
        assert there.read_bytes() == (own.home / "odd" / name).read_bytes()
        assert os.stat(there).st_uid == 1000
    assert report["missing"] == ["odd/empty"] and report["missing_count"] == 1
    assert report["new"] == ["new"]
    rows = {row["path"]: row["what"] for row in report["differing"]}
    assert rows["notes.txt"] == "content"
    assert [row["path"] for row in report["left_out"]] == ["odd/out"]
    again = own.report("receive", "dom0:home")
    assert again["target"] == f"{report['target']}-2"


def test_settings_come_back_with_texts_and_packages_compared(
    own: OwnFiles,
) -> None:
    own.sent("dom0:config")
    policy = own.etc / "qubes" / "policy.d" / "30-user.policy"
    policy.write_text("* * @anyvm @anyvm allow\n")
    (own.etc / "fstab").unlink()
    (own.etc / "crypttab").write_text("x\n")
    own.install("xen 4.20-1 x86_64")
    report = own.report("receive", "dom0:config")
    assert report["missing"] == ["etc/fstab"]
    assert report["new"] == ["etc/crypttab"]
    assert report["packages_missing"] == ["bash"]
    (row,) = [r for r in report["differing"] if "policy" in r["path"]]
    assert row["diff"].splitlines()[-2:] == [
        "-* * @anyvm @anyvm deny",
        "+* * @anyvm @anyvm allow",
    ]
    target = own.there(report["target"])
    assert (target / "etc" / "fstab").read_text() == "/dev/x / ext4\n"
    assert "xen 4.19-2 x86_64" in (target / "packages.txt").read_text()
    out = own.run("receive", "dom0:config")
    assert "-* * @anyvm @anyvm deny" in out and "  'bash'" in out


def test_diff_compares_files_with_what_is_there(own: OwnFiles) -> None:
    own.sent("dom0")
    report = own.report("diff", "dom0:config")
    assert report["differing"] == [] and report["target"] == ""
    assert "Nothing differs" in own.run("diff", "dom0:home")
    (own.home / "notes.txt").write_text("changed\n")
    out = own.run("diff", "dom0:home", code=2)
    assert "'notes.txt': content" in out
    assert "leave --quick" in own.fails(9, "diff", "--quick", "dom0:home")
    first, *_ = own.machine.sessions("dom0:home")
    own.sent("dom0:home")
    own.run("diff", f"--session={first},newest", "dom0:home", code=2)
    own.run("diff", "dom0:home")


def test_owners_come_back_only_where_asked(own: OwnFiles) -> None:
    os.chown(own.home / "notes.txt", 4321, 4322)
    own.sent("dom0:home")
    for words, uid in ((("receive",), 1000), (("--owners", "receive"), 4321)):
        report = own.report(*words, "dom0:home")
        found = own.there(report["target"]) / "notes.txt"
        assert os.stat(found).st_uid == uid


def test_other_hosts_unpack_verify_and_list(
    own: OwnFiles, tmp_path: Path
) -> None:
    own.sent("dom0")
    gone = {"QUBES_STAND_IN": ""}
    machine = own.machine

    def run(*words: str) -> str:
        return machine.run(*words, env=gone)

    assert "dom0:config" in run("list")
    run("verify", "dom0")
    out = run("--json", f"--save-to={tmp_path}", "receive", "dom0")
    reports = [json.loads(line) for line in out.splitlines()]
    targets = [Path(e["target"]) for e in reports if e.get("kind") == "files"]
    assert len(targets) == 2
    for target in targets:
        assert target.parent == tmp_path
        assert stat.S_IMODE(os.stat(target).st_mode) == 0o700
    assert (targets[1] / "notes.txt").read_text() == "mine\n"


def test_options_of_qubes_are_refused(own: OwnFiles) -> None:
    own.sent("dom0", "work")
    for word in ("--as=x", "--overwrite", "--sparse", "--pool=x"):
        said = own.fails(9, "receive", "dom0:home", word)
        assert "means nothing to dom0's own files" in said
    said = own.fails(9, "receive", "dom0", "work")
    assert "by themselves" in said
    said = own.fails(9, "--owners", "receive", "work")
    assert "--owners is for dom0's own files" in said


def test_what_a_killed_restore_left_is_removed_by_the_next(
    own: OwnFiles,
) -> None:
    own.sent("dom0:home")
    left = own.home / f"{MARK}0123abcd"
    (left / "half").mkdir(parents=True)
    (left / "half" / "file").touch()
    theirs = own.home / f"{MARK}theirs"
    theirs.mkdir()
    os.chown(theirs, 1000, 1000)
    own.report("receive", "dom0:home")
    assert not left.exists() and theirs.exists()


def test_failed_restore_leaves_nothing(own: OwnFiles) -> None:
    own.sent("dom0:home")
    packs = own.machine.backup.rglob("*.pack")
    for pack in packs:
        data = bytearray(pack.read_bytes())
        for at in range(100, len(data), 50):
            data[at] ^= 1
        pack.write_bytes(bytes(data))
    before = sorted(os.listdir(own.home))
    own.bare("receive", "dom0:home")
    assert sorted(os.listdir(own.home)) == before


def test_archive_in_the_home_is_not_sent_into_itself(own: OwnFiles) -> None:
    dest = "--dest=internal:/home/user/archive"
    own.run("--archive=in", "--encrypt=off", dest, "--local=qubes", "arch-init")
    said = own.fails(9, "--archive=in", "send", "dom0:home")
    assert said == (
        "the archive lies in dom0:home and can't be backed up into itself:"
        " leave it out with --exclude=dom0:home"
    )
    own.run("--archive=in", "send", "dom0", "--exclude=dom0:home")


def test_one_file_takes_one_volume(own: OwnFiles, tmp_path: Path) -> None:
    own.sent("dom0")
    said = own.fails(9, f"--save-to={tmp_path}/a.tar", "receive", "dom0")
    assert "2 are meant: 'dom0:config', 'dom0:home'" in said
    said = own.fails(9, f"--save-to={tmp_path}/new/", "receive", "dom0")
    assert "is no folder to unpack into" in said
    assert os.listdir(tmp_path / "machine") and not (tmp_path / "new").exists()


def test_one_small_change_costs_little(own: OwnFiles) -> None:
    for number in range(500):
        path = own.home / f"d{number % 20}" / f"f{number}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(os.urandom(3000))
    (own.home / "large").write_bytes(os.urandom(8 << 20))
    first = own.sent("dom0:home")[0]["sent_bytes"]
    with open(own.home / "d3" / "f203", "ab") as file:
        file.write(os.urandom(3000))
    second = own.sent("dom0:home")[0]["sent_bytes"]
    assert second < first / 15, (first, second)


def test_volume_that_is_only_called_so_is_a_volume(dom0: Dom0) -> None:
    machine = dom0.machine
    machine.init("--encrypt=off", name="images")
    machine.write("dom0:home", b"an image" * 1000)
    machine.run("--archive=images", "send", "dom0:home")
    (machine.images / "dom0:home").unlink()
    machine.run("--archive=images", "receive", "dom0:home")
    assert (machine.images / "dom0:home").read_bytes() == b"an image" * 1000


def test_monitor_passes_over_what_is_read_whole(own: OwnFiles) -> None:
    own.sent("dom0")
    out = own.run("--json", "monitor", "dom0")
    whys = {each["why"] for each in events(out, "volume-skipped")}
    assert whys == {"a send reads all of it"}


def test_dom0_without_a_user_of_qubes_says_so(own: OwnFiles) -> None:
    (own.etc / "group").write_text("root:x:0:\n")
    said = own.fails(2, "send", "dom0")
    assert "failed: 'dom0:home' (dom0 has no user in the group" in said


def test_drill_proves_them(own: OwnFiles) -> None:
    own.sent("dom0")
    out = own.run("--json", "drill", "dom0:config", "dom0:home")
    assert [e["error"] for e in events(out, "volume-done")] == [None, None]


def test_choices_know_dom0(own: OwnFiles) -> None:
    own.run("include", "dom0")
    own.sent("dom0:home", "work")
    names = {"dom0:config", "dom0:home", "work:private"}
    assert {e["volume"] for e in own.sent()} == names
    own.run("exclude", "dom0")
    assert {e["volume"] for e in own.sent()} == {"work:private"}
    out = own.run("--json", "overview")
    rows = own.machine.parsed(out, "overview")["volumes"]
    assert {each["volume"]: each["size"] for each in rows}["dom0:home"] > 0


def test_dry_run_of_a_restore_unpacks_nothing(own: OwnFiles) -> None:
    own.sent("dom0:home")
    before = sorted(own.home.iterdir())
    said = own.run("--dry-run", "receive", "dom0:home")
    assert "Would unpack 'dom0:home'" in said and "'/home/user'" in said
    assert sorted(own.home.iterdir()) == before
