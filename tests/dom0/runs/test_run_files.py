# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What runs now is known by locks, and what dead runs left goes."""

import os
import subprocess
import sys
from datetime import datetime, timezone
from pathlib import Path

import pytest

from wyng_dom0.errors import BadInput, NotFound
from wyng_dom0.runs import run_files
from wyng_dom0.runs.run_files import begin, find_run, list_runs
from wyng_dom0.state.places import Places

NOW = datetime(2026, 11, 25, 10, 15, tzinfo=timezone.utc)
KILLED = """
import os, pathlib, signal, sys
from datetime import datetime, timezone
from wyng_dom0.runs import run_files
from wyng_dom0.state.places import Places
places = Places(pathlib.Path(sys.argv[1]))
made = run_files.begin(places, "send", "laptop", datetime.now(timezone.utc))
run_files.socket_of(places, made.facts.run).touch()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path / "state")


def kill_one(places: Places) -> None:
    subprocess.run(
        [sys.executable, "-c", KILLED, str(places.root)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )


def test_run_is_listed_from_its_beginning_to_its_end(places: Places) -> None:
    assert list_runs(places) == []
    made = begin(places, "send", "laptop", NOW)
    made.change(volumes=("a", "b"), paused=True)
    (found,) = list_runs(places)
    assert found == made.facts
    assert (found.command, found.archive) == ("send", "laptop")
    assert found.pid == os.getpid() and found.started == NOW
    assert found.volumes == ("a", "b") and found.paused
    made.end()
    assert list_runs(places) == [] and os.listdir(places.runs) == []


def test_run_file_is_for_its_user_alone(places: Places) -> None:
    made = begin(places, "send", "", NOW)
    path = run_files.file_of(places, made.facts.run)
    assert path.stat().st_mode & 0o777 == 0o600
    assert places.runs.stat().st_mode & 0o777 == 0o700
    made.change(paused=True)
    assert path.stat().st_mode & 0o777 == 0o600
    made.end()


def test_killed_run_is_not_listed_and_the_next_removes_it(
    places: Places,
) -> None:
    kill_one(places)
    assert len(os.listdir(places.runs)) == 2
    assert list_runs(places) == []
    assert len(os.listdir(places.runs)) == 2
    made = begin(places, "verify", "", NOW)
    assert os.listdir(places.runs) == [f"{made.facts.run}.json"]
    made.end()


def test_living_run_is_left_alone_by_the_next(places: Places) -> None:
    first = begin(places, "send", "", NOW)
    second = begin(places, "send", "", NOW)
    assert {each.run for each in list_runs(places)} == {
        first.facts.run,
        second.facts.run,
    }
    first.end()
    second.end()


def test_process_id_alone_makes_no_living_run(places: Places) -> None:
    kill_one(places)
    (path,) = places.runs.glob("*.json")
    text = path.read_text()
    fields = text.split('"pid": ')
    own = f'{fields[0]}"pid": {os.getpid()},{fields[1].split(",", 1)[1]}'
    path.write_text(own)
    assert list_runs(places) == []


def test_run_is_found_by_what_its_name_begins_with(places: Places) -> None:
    with pytest.raises(NotFound, match="nothing is running"):
        find_run(places, "")
    send = begin(places, "send", "", NOW)
    assert find_run(places, "") == send.facts
    verify = begin(places, "verify", "", NOW)
    assert find_run(places, "verify") == verify.facts
    assert find_run(places, send.facts.run) == send.facts
    with pytest.raises(BadInput, match="2 runs are meant: name one"):
        find_run(places, "")
    with pytest.raises(NotFound, match="no run 'prune': .*status shows"):
        find_run(places, "prune")
    send.end()
    verify.end()


def test_damaged_run_file_of_a_dead_run_is_removed(places: Places) -> None:
    kill_one(places)
    (path,) = places.runs.glob("*.json")
    path.write_bytes(b"\xff{")
    assert list_runs(places) == []
    begin(places, "send", "", NOW).end()
    assert os.listdir(places.runs) == []
