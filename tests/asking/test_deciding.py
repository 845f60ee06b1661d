# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules behind a call, in this process, at times of its own."""

import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from asking.hostile import arguments
from asking.rig import NOW, Rig
from wyng_common.ids import ArchiveId
from wyng_dom0.engine import asking
from wyng_dom0.runs import timers
from wyng_dom0.services import decide as entry
from wyng_dom0.services.deciding import Call, decide
from wyng_dom0.state import grants, paces, request_log, requests
from wyng_dom0.state.grants import Grant
from wyng_dom0.state.last_send import note_send
from wyng_dom0.state.ledgers import path_in
from wyng_dom0.state.paces import FREE, LONGEST_WAIT, Pace, read_pace
from wyng_dom0.state.places import Places
from wyng_dom0.state.volumes import state_of

LAPTOP, FAR = (ArchiveId(bytes([each] * 16)) for each in (1, 2))


@pytest.fixture
def known(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    """`backup` may ask; systemd is told nothing, which `started` notes."""
    monkeypatch.setenv("QUBES_STAND_IN", str(rig.system.root))
    grant(rig)
    return rig


def grant(
    rig: Rig, archive: ArchiveId = LAPTOP, by_itself: bool = False
) -> None:
    uuid = rig.system.qube("backup")["uuid"]
    new = Grant(archive, "backup", uuid, by_itself, NOW)
    asking.allow(rig.places, [new], NOW)


def ask(
    rig: Rig,
    argument: str,
    at: datetime = NOW,
    service: str = "restore",
    caller: str = "backup",
) -> str:
    """What the log says of it."""
    before = len(request_log.read_log(rig.places))
    decide(Call(rig.places, caller, at), service, argument)
    entries = request_log.read_log(rig.places)[before:]
    return " ".join(f"{each.what} {each.why}".strip() for each in entries)


@pytest.mark.parametrize("service", ["restore", "ready"])
def test_200_hostile_arguments_are_refused_each(
    known: Rig, monkeypatch: pytest.MonkeyPatch, service: str
) -> None:
    monkeypatch.setattr(paces, "FREE", 1000)
    started: "list[str]" = []
    monkeypatch.setattr(timers, "start_send", started.append)
    for argument in arguments(200):
        said = ask(known, argument[: entry.ARGUMENT_MAX], service=service)
        assert said.startswith("refused "), (argument, said)
        assert said.isascii() and said.isprintable()
    assert known.asked() == [] and started == []


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("restore",),
        ("restore", "backup"),
        ("Restore", "backup", "work"),
        ("restore", "dom0", "work"),
        ("restore", "../backup", "work"),
        ("restore", "", "work"),
        ("restore", "b" * 300, "work"),
        ("restore", "backup", "work", "more"),
    ],
)
def test_caller_that_can_be_none_changes_nothing(
    known: Rig, words: "tuple[str, ...]", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "_bound", lambda: None)
    before = request_log.read_log(known.places)
    assert entry.main(words, known.places) == 1
    assert request_log.read_log(known.places) == before


def test_state_that_allows_nobody_is_not_written_to(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entry, "_bound", lambda: None)
    assert entry.main(("restore", "backup", "work"), rig.places) == 0
    assert not (rig.places.root / "requests").exists()
    assert not (rig.places.root / "locks").exists()


def test_what_waits_is_not_replaced_by_a_later_call(known: Rig) -> None:
    assert ask(known, "work+20261101-120000") == "asked"
    said = ask(known, "work+20261102-120000")
    assert said == "refused a request for work waits already"
    assert [each.session for each in known.asked()] == ["20261101-120000"]


def test_time_that_does_not_exist_is_no_session(known: Rig) -> None:
    assert ask(known, "work+20261399-120000").startswith("refused ")
    assert known.asked() == []


def test_only_so_many_wait_at_once(
    known: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paces, "FREE", 1000)
    for number in range(requests.MOST):
        assert ask(known, f"q{number}") == "asked"
    assert ask(known, "one-more") == "refused 16 requests wait already"
    assert len(known.asked()) == requests.MOST


def test_request_is_gone_after_a_week(known: Rig) -> None:
    ask(known, "work")
    late = NOW + requests.LIVES
    assert len(asking.pending(known.places, late - timedelta(seconds=1))) == 1
    assert asking.pending(known.places, late) == []
    assert request_log.read_log(known.places)[-1].what == "expired"
    # By a clock that was set back far, too.
    ask(known, "work", late)
    assert asking.pending(known.places, NOW - timedelta(days=1)) == []
    assert ask(known, "work", late) == "asked"


def test_archive_that_has_the_qube_is_asked_for(known: Rig) -> None:
    """Of several in one qube; else the first."""
    known.define("second", "qubes://backup/second", 3)
    second = ArchiveId(bytes([3] * 16))
    grant(known, second)
    state = state_of(known.places, "qubes", "web:private")
    state.make()
    path_in(state.folder, second).write_bytes(b"")
    ask(known, "web")
    ask(known, "work")
    found = {each.qube: each.archive for each in known.asked()}
    assert found == {"web": second, "work": LAPTOP}


def test_refused_calls_count_as_well(known: Rig) -> None:
    for _ in range(FREE):
        assert ask(known, "").startswith("refused ")
    assert ask(known, "work").startswith("limited ")
    assert ask(known, "work") == ""
    assert known.asked() == []


def test_log_says_as_elsewhere_until_when_nothing_is_heard(known: Rig) -> None:
    at = NOW + timedelta(microseconds=235616)
    for _ in range(FREE):
        ask(known, "", at)
    assert re.fullmatch(
        r".* until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+0000",
        ask(known, "", at + timedelta(seconds=1)),
    )


def test_qubes_that_nobody_allowed_share_one_pace(known: Rig) -> None:
    for number in range(FREE):
        assert ask(known, "work", caller=f"v{number}").startswith("refused ")
    assert ask(known, "work", caller="another").startswith("limited ")
    # And cost one that was allowed nothing.
    assert ask(known, "work") == "asked"


def test_wait_doubles_up_to_a_day_and_is_forgiven(known: Rig) -> None:
    at = NOW
    waits = []
    for _ in range(FREE + 20):
        ask(known, "", at)
        until = read_pace(known.places, "backup").until(at)
        waits.append(until - at if until else timedelta(0))
        at = until or at
    minutes = [each.total_seconds() / 60 for each in waits]
    assert minutes[: FREE - 1] == [0] * (FREE - 1)
    assert minutes[FREE - 1 : FREE + 5] == [1, 2, 4, 8, 16, 32]
    assert waits == sorted(waits) and waits[-4:] == [LONGEST_WAIT] * 4
    # Whoever was quiet for long begins anew.
    assert ask(known, "work", at + timedelta(days=2)) == "asked"
    assert read_pace(known.places, "backup").strikes == 1


def test_clock_that_was_wrong_shuts_nobody_out() -> None:
    pace = Pace(FREE + 5, NOW + timedelta(days=3000))
    assert pace.until(NOW) is None
    assert pace.after_call(NOW).last == NOW


@pytest.mark.parametrize(
    "sent, starts",
    [(None, True), (23, False), (24, True), (500, True), (-5, True)],
)
def test_send_is_started_when_it_is_due(
    known: Rig,
    monkeypatch: pytest.MonkeyPatch,
    sent: "int | None",
    starts: bool,
) -> None:
    started: "list[str]" = []
    monkeypatch.setattr(timers, "start_send", started.append)
    if sent is not None:
        note_send(known.places, LAPTOP, NOW - timedelta(hours=sent))
    ask(known, "mine", service="ready")
    assert started == (["laptop"] if starts else [])


def test_archive_may_have_its_own_word_on_how_often(
    known: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: "list[str]" = []
    monkeypatch.setattr(timers, "start_send", started.append)
    note_send(known.places, LAPTOP, NOW - timedelta(hours=2))
    for every, count in (("3h", 0), ("1h", 1)):
        known.run("configure", f"every={every}")
        said = ask(known, "mine", service="ready")
        assert len(started) == count, said


def test_name_of_another_qubes_archive_starts_nothing(
    known: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: "list[str]" = []
    monkeypatch.setattr(timers, "start_send", started.append)
    for name in ("far", "theirs", "", "laptop.yaml", "../laptop"):
        assert ask(known, name, service="ready").startswith("refused ")
    assert started == []


def test_damaged_state_allows_nothing_and_stops_nothing(known: Rig) -> None:
    ask(known, "work")
    places = known.places
    (path,) = places.requests_pending.iterdir()
    for data in (b"", b"[]", b"{", b'{"asked": 1}', b"\xff" * 99, b"[" * 9999):
        path.write_bytes(data)
        assert known.asked() == []
        places.request_log.write_bytes(data)
        assert request_log.read_log(places) == []
        places.pace("backup").write_bytes(data)
        assert read_pace(places, "backup") == Pace()
    assert ask(known, "work") == "asked"
    places.grant(LAPTOP).write_bytes(b"{}")
    assert grants.list_grants(places) == []
    assert ask(known, "web").startswith("refused ")


def test_log_is_bounded(known: Rig) -> None:
    path = known.places.request_log
    for what, most in (("x", request_log.MOST), ("\N{SNOWMAN}", 400)):
        entry = request_log.Entry(NOW, "refused", why=what * 9999)
        request_log.note(known.places, entry)
        path.write_bytes(path.read_bytes().splitlines()[-1] + b"\n" * 1)
        path.write_bytes(path.read_bytes() * 600)
        request_log.note(known.places, request_log.Entry(NOW, "asked"))
        entries = request_log.read_log(known.places)
        assert 100 < len(entries) <= most
        assert entries[-1].what == "asked"
        assert path.stat().st_size <= request_log.SIZE_MAX


def test_archive_that_is_forgotten_takes_its_requests_along(
    known: Rig,
) -> None:
    ask(known, "work")
    asking.forget_archive(known.places, LAPTOP)
    assert known.asked() == [] and grants.list_grants(known.places) == []
    assert list(known.policy()) == ["80-wyng.policy"]


def test_places_of_the_system_are_where_qrexec_looks() -> None:
    system = Places(Path("/var/lib/qvm-wyng"))
    assert str(system.policy) == ("/etc/qubes/policy.d/40-wyng-requests.policy")
    assert not system.policy_is_ours
