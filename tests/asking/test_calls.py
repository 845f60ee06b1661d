# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls of wyng.Restore: whatever comes, one byte goes back and little stays.

The real scripts as processes; `sudo` and `systemctl` are stood in for.
"""

import os
import signal
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

import pytest

from asking.hostile import arguments
from asking.rig import Rig, logged
from qrexec_stand_in.qubes import ROOT
from wyng_common.ids import ArchiveId
from wyng_dom0.state.last_send import note_send

LONG = os.environ.get("WYNG_TEST_LONG") == "1"
ANSWER = b"."
ASK = "wyng.Restore+work"


def test_call_that_was_allowed_files_one_request(allowed: Rig) -> None:
    with allowed.client("backup", ASK + "+20261101-120000") as call:
        out, _ = call.communicate(timeout=60)
    assert (call.returncode, out) == (0, ANSWER)
    allowed.dom0.settle()
    (request,) = allowed.asked()
    assert (request.qube, request.session) == ("work", "20261101-120000")
    assert (request.caller, request.state) == ("backup", "pending")
    assert allowed.words() == ["allowed", "asked"]
    (row,) = allowed.said("requests", "requests", "list")["requests"]
    assert (row["archive"], row["vm"]) == ("laptop", "backup")
    assert allowed.said("status", "status")["requests"] == 1


def test_policy_refuses_before_anything_is_allowed(rig: Rig) -> None:
    for caller in ("backup", "work"):
        with rig.client(caller, ASK) as call:
            out, _ = call.communicate(timeout=60)
        assert (call.returncode, out) == (126, b"")
    assert rig.dom0.lines("sudo") == []


def test_only_the_qube_that_was_allowed_passes_the_policy(allowed: Rig) -> None:
    for caller in ("other", "work"):
        with allowed.client(caller, ASK) as call:
            call.communicate(timeout=60)
        assert call.returncode == 126
    allowed.run("requests", "block", "backup")
    with allowed.client("backup", ASK) as call:
        call.communicate(timeout=60)
    assert call.returncode == 126 and allowed.dom0.lines("sudo") == []


# Behind the policy: what our own side says when it lets somebody through.


def state_of(rig: Rig) -> "set[str]":
    root = rig.machine.root.parent
    return {
        str(path.relative_to(root))
        for path in root.rglob("*")
        if "/locks/" not in str(path)
    }


@pytest.mark.parametrize("service", ["wyng.Restore", "wyng.Ready"])
def test_hostile_arguments_file_nothing_and_get_the_same(
    allowed: Rig, service: str
) -> None:
    """As processes; see test_deciding for all of them."""
    allowed.dom0.do_not_wait()
    allowed.dom0.decide_by(heeds=False)
    allowed.dom0.call("backup", "wyng.Ready+nothing")
    before = state_of(allowed)
    count = 200 if LONG or service == "wyng.Restore" else 24
    calls = [f"{service}+{each}" for each in arguments(count)]
    with ThreadPoolExecutor(4) as pool:
        answers = set(
            pool.map(lambda each: allowed.dom0.call("backup", each), calls)
        )
    assert answers == {ANSWER}
    assert allowed.asked() == [] and allowed.dom0.lines("told") == []
    # `slept` and `sudo` are the stand-ins' own.
    assert state_of(allowed) - before == set()
    assert set(allowed.dom0.lines("slept")) == {"2"}
    assert "$(" not in logged(allowed)
    assert set(allowed.words()) == {"allowed", "refused"}


def test_everybody_gets_the_same_after_the_same_time(allowed: Rig) -> None:
    """What waits and what decides are two processes, whatever is decided."""
    kinds = {
        "known": ("backup", ASK),
        "unknown": ("backup", "wyng.Restore+never-seen"),
        "refused": ("backup", "wyng.Restore+a/b"),
        "no destination": ("work", ASK),
        "another archive": ("other", ASK),
    }
    took: "dict[str, list[float]]" = {each: [] for each in kinds}

    def call(kind: str) -> None:
        began = time.monotonic()
        with allowed.dom0.start(*kinds[kind]) as script:
            assert script.communicate(timeout=60) == (ANSWER, b"")
        took[kind].append(time.monotonic() - began)

    for _ in range(3):
        with ThreadPoolExecutor(len(kinds)) as pool:
            list(pool.map(call, kinds))
        allowed.dom0.settle()
    medians = [statistics.median(each) for each in took.values()]
    assert min(medians) >= 2
    # A decision that delayed an answer would show here; load does, a little.
    assert max(medians) - min(medians) < 1


def test_answer_waits_for_no_decision(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    held = allowed.dom0.root / "held"
    os.mkfifo(held)
    allowed.dom0.program("sudo", f"#!/bin/sh\nread line <{held}\n")
    with allowed.dom0.start("backup", ASK) as script:
        # Nobody has written to the pipe: sudo still waits.
        assert script.communicate(timeout=60) == (ANSWER, b"")
    held.write_text("go\n")


def test_answer_is_the_same_where_sudo_fails(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    allowed.dom0.program("sudo", "#!/bin/sh\necho no >&2; exit 1\n")
    with allowed.dom0.start("backup", ASK) as script:
        assert script.communicate(timeout=60) == (ANSWER, b"")
    assert script.returncode == 0


def test_hundred_calls_at_once_file_one_request(allowed: Rig) -> None:
    scripts = [allowed.dom0.start("backup", ASK) for _ in range(100)]
    outs = [each.communicate(timeout=60)[0] for each in scripts]
    assert outs == [ANSWER] * 100
    allowed.dom0.settle()
    assert len(allowed.asked()) == 1
    said = allowed.words()
    assert said.count("asked") == 1 and said.count("limited") <= 1
    # The free ones and no more were decided about.
    assert said.count("refused") <= 7


def test_caller_that_is_killed_changes_nothing(allowed: Rig) -> None:
    """Its request is filed all the same, whole, and once."""
    script = allowed.dom0.start("backup", ASK)
    assert script.stdin and script.stdout and script.stderr
    for stream in (script.stdin, script.stdout, script.stderr):
        stream.close()
    script.send_signal(signal.SIGKILL)
    script.wait(60)
    with allowed.client("backup", ASK) as call:
        call.kill()
    allowed.dom0.call("backup", ASK)
    assert len(allowed.asked()) == 1


def test_nothing_is_read_from_the_caller(allowed: Rig) -> None:
    """A GiB of zeros: as much as a pipe holds leaves its writer."""
    with allowed.dom0.start("backup", ASK) as script:
        assert script.stdin
        written = 0
        piece = bytes(1 << 16)
        try:
            while written < 1 << 30:
                written += os.write(script.stdin.fileno(), piece)
        except BrokenPipeError:
            pass
        assert written <= 1 << 20
        assert script.stdout is not None
        assert script.stdout.read() == ANSWER


@pytest.mark.parametrize("caller", ["work", "other"])
def test_qube_that_was_never_allowed_files_nothing(
    allowed: Rig, caller: str
) -> None:
    """Even where the user's own policy lets it through."""
    allowed.dom0.do_not_wait()
    assert allowed.dom0.call(caller, ASK) == ANSWER
    assert allowed.dom0.call(caller, "wyng.Ready+laptop") == ANSWER
    assert allowed.asked() == [] and allowed.dom0.lines("told") == []
    entries = [each for each in allowed.log() if each["what"] == "refused"]
    assert [each["vm"] for each in entries] == [caller] * 2


def test_caller_gets_at_its_own_archive_alone(rig: Rig) -> None:
    for name in ("backup", "other"):
        rig.run("requests", "allow", name)
    rig.dom0.do_not_wait()
    rig.dom0.call("other", ASK)
    (request,) = rig.asked()
    assert request.archive == bytes([2] * 16)
    for name in ("laptop", "mine"):
        assert rig.dom0.call("other", f"wyng.Ready+{name}") == ANSWER
    assert rig.dom0.lines("told") == []


def test_qube_made_anew_under_the_name_is_refused(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    uuid = "00000000-0000-4000-8000-000000000000"
    allowed.system.change("backup", uuid=uuid)
    assert allowed.dom0.call("backup", ASK) == ANSWER
    assert allowed.asked() == []
    assert "another qube than" in allowed.log()[-1]["why"]
    said = allowed.said("requests", "requests", "list")["problems"]
    assert len(said) == 1 and "requests allow backup" in said[0]
    allowed.run("requests", "allow", "backup")
    allowed.dom0.call("backup", ASK)
    assert len(allowed.asked()) == 1


def test_archive_that_moved_away_is_not_the_qubes_any_more(
    allowed: Rig,
) -> None:
    allowed.dom0.do_not_wait()
    (allowed.places.definition("laptop")).unlink()
    allowed.define("laptop", "qubes://work/mine", 1)
    allowed.dom0.call("backup", ASK)
    assert allowed.asked() == []
    (said,) = allowed.said("requests", "requests", "list")["problems"]
    assert "the archive laptop" in said and "lies elsewhere" in said


def test_archive_made_anew_is_refused_and_told_until_it_is_allowed(
    allowed: Rig,
) -> None:
    """Under the same name, in the same qube."""
    allowed.dom0.do_not_wait()
    (allowed.places.definition("laptop")).unlink()
    allowed.define("laptop", "qubes://backup/mine", 9)
    allowed.dom0.call("backup", ASK)
    assert allowed.asked() == []
    (said,) = allowed.said("requests", "requests", "list")["problems"]
    assert "01" * 16 in said and "not known here any more" in said
    assert "requests allow backup" in said and "requests block backup" in said
    allowed.run("requests", "allow", "backup")
    report = allowed.said("requests", "requests", "list")
    assert report["problems"] == []
    assert [each["archive"] for each in report["allowed"]] == ["laptop"]
    allowed.dom0.call("backup", ASK)
    (request,) = allowed.asked()
    assert request.archive == bytes([9] * 16)


def test_damaged_definition_takes_back_nothing(allowed: Rig) -> None:
    """What it was of may well lie where it lay."""
    allowed.define("second", "qubes://backup/second", 3)
    path = allowed.places.definition("laptop")
    whole = path.read_bytes()
    path.write_bytes(b"damaged")
    allowed.run("--archive=second", "requests", "allow", "backup")
    assert allowed.said("requests", "requests", "list")["problems"] == []
    path.write_bytes(whole)
    report = allowed.said("requests", "requests", "list")
    assert len(report["allowed"]) == 2


# wyng.Ready


def test_send_that_is_due_is_started(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    # By the name it has in the qube, and by dom0's.
    for name in ("mine", "laptop"):
        assert allowed.dom0.call("backup", f"wyng.Ready+{name}") == ANSWER
    unit = "qvm-wyng-send@laptop.service"
    assert allowed.dom0.lines("told") == [f"start --no-block -- {unit}"] * 2


def test_send_that_is_not_due_is_not_started(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    sent = datetime.now(timezone.utc)
    note_send(allowed.places, ArchiveId(bytes([1] * 16)), sent)
    assert allowed.dom0.call("backup", "wyng.Ready+mine") == ANSWER
    assert allowed.dom0.lines("told") == []
    assert allowed.log()[-1]["why"] == "no send is due"


def test_what_may_run_by_itself_is_started_by_systemd(rig: Rig) -> None:
    rig.run("requests", "allow", "backup", "--by-itself")
    rig.dom0.do_not_wait()
    rig.dom0.call("backup", ASK)
    assert rig.dom0.lines("told") == [
        "start --no-block -- qvm-wyng-requests.service"
    ]


def test_calls_that_come_too_fast_are_not_heard(allowed: Rig) -> None:
    allowed.dom0.do_not_wait()
    for number in range(10):
        assert allowed.dom0.call("backup", f"wyng.Restore+q{number}") == ANSWER
    assert len(allowed.asked()) == 8
    assert allowed.words().count("limited") == 1
    (row,) = allowed.said("requests", "requests", "list")["allowed"]
    assert row["limited_until"] is not None


def test_scripts_are_two_lines_and_nothing_of_the_caller_is_a_command() -> None:
    for script in (ROOT / "qubes-rpc" / "dom0").iterdir():
        verb = script.name.removeprefix("wyng.").lower()
        wanted = f"#!/bin/sh\nexec /usr/libexec/qvm-wyng/answer {verb}\n"
        assert script.read_text() == wanted
        assert os.access(script, os.X_OK)
    done = subprocess.run(
        ["sh", "-n", ROOT / "dom0" / "libexec" / "answer"], check=False
    )
    assert done.returncode == 0
