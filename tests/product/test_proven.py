# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What was read back whole is kept as proven, and nothing else is."""

import json
import os
from pathlib import Path
from typing import Any, Dict, List

import pytest

from product.machine import DATA, Machine

CHUNK = 128 << 10


def listed(machine: Machine, *words: str) -> Dict[str, Any]:
    (found,) = machine.objects(*words, "list")
    return {each["name"]: each for each in found["volumes"]}


def session(machine: Machine, volume: str) -> Dict[str, Any]:
    (found,) = machine.objects("list", volume)
    newest: Dict[str, Any] = found["sessions"][-1]
    return newest


def verified(machine: Machine, *words: str) -> List[str]:
    said = machine.objects("verify", *words)
    return [each["volume"] for each in said if each.get("kind") == "verify"]


def left(machine: Machine, *words: str) -> List[str]:
    said = machine.objects("verify", *words)
    (found,) = [each for each in said if each.get("kind") == "verify-left"]
    return list(found["volumes"])


def notes(machine: Machine) -> List[Path]:
    return sorted((machine.state / "proven").rglob("*.json"))


@pytest.fixture
def two(kept: Machine) -> Machine:
    """Two volumes, each with one session."""
    kept.write("b", os.urandom(5 * CHUNK))
    kept.run("send", "b")
    return kept


def test_verified_session_is_shown_as_proven(kept: Machine) -> None:
    assert session(kept, "a")["proven"] is None
    assert listed(kept)["a"]["proven_session"] == ""
    kept.run("verify")
    shown = session(kept, "a")
    assert shown["proven"] and shown["proven_by"] == "verify"
    assert listed(kept)["a"]["proven_session"] == shown["session"]
    assert "PROVEN" in kept.run("list") and "PROVEN" in kept.run("list", "a")


def test_newer_session_is_not_proven_by_an_older_one(kept: Machine) -> None:
    kept.run("verify")
    proven = session(kept, "a")["session"]
    kept.write("a", DATA + b"more")
    kept.run("send")
    assert session(kept, "a")["proven"] is None
    assert listed(kept)["a"]["proven_session"] == proven


def test_proof_is_none_of_a_session_with_another_root(kept: Machine) -> None:
    kept.run("verify")
    (path,) = notes(kept)
    known = json.loads(path.read_bytes())
    known["sessions"][0]["root"] = "00" * 32
    path.write_text(json.dumps(known))
    assert session(kept, "a")["proven"] is None
    assert listed(kept)["a"]["proven"] is None
    path.write_text("{nonsense")
    assert session(kept, "a")["proven"] is None


def test_only_what_was_not_proven_for_long_is_read(two: Machine) -> None:
    assert verified(two, "b") == ["b"]
    assert verified(two, "--older-than=30d") == ["a"]
    assert verified(two, "--older-than=30d") == []
    assert verified(two) == ["a", "b"]


def test_least_recently_proven_is_read_first(two: Machine) -> None:
    two.run("verify", "a")
    two.run("verify", "b")
    assert verified(two, "--older-than=0h") == ["a", "b"]
    two.run("verify", "a")
    assert verified(two, "--older-than=0h") == ["b", "a"]


def test_sample_proves_nothing_and_is_noted(kept: Machine) -> None:
    kept.run("verify", "--sample=50%")
    shown = session(kept, "a")
    assert shown["proven"] is None and shown["sampled"]
    kept.run("verify")
    assert session(kept, "a")["sampled"] and session(kept, "a")["proven"]


def test_sample_of_little_reads_little(kept: Machine) -> None:
    kept.write("big", os.urandom(200 * CHUNK))
    kept.run("send", "big")
    said = kept.objects("verify", "--sample=10%", "big")
    (found,) = [each for each in said if each.get("kind") == "verify"]
    assert found["sampled"] and 0 < found["bytes"] < 100 * CHUNK


def test_proofs_of_pruned_sessions_and_deleted_volumes_go(
    kept: Machine,
) -> None:
    kept.run("verify")
    old = session(kept, "a")["session"]
    kept.write("a", b"new")
    kept.run("send")
    kept.run("prune", f"--session={old}", "a")
    (path,) = notes(kept)
    assert json.loads(path.read_bytes())["sessions"] == []
    kept.run("verify")
    kept.run("delete", "a", "--force", "-u")
    assert notes(kept) == []


def test_damaged_session_is_proven_no_longer(kept: Machine) -> None:
    kept.run("verify")
    packs = sorted(
        (kept.backup / "a" / "packs").rglob("*.pack"),
        key=lambda path: path.stat().st_size,
    )
    with open(packs[-1], "r+b") as file:
        file.seek(1000)
        file.write(b"rot")
    kept.fails_among(4, "verify")
    assert session(kept, "a")["proven"] is None


def test_archive_named_by_its_url_keeps_no_proof(kept: Machine) -> None:
    state = kept.root / "elsewhere"
    done = kept.bare(f"--meta-dir={state}", f"--from={kept.dest()}", "verify")
    assert done.returncode == 0, done.stderr
    assert not list(state.rglob("*.json"))


@pytest.mark.parametrize(
    "word",
    ["--max-time=0h", "--max-time=soon", "--sample=0%", "--sample=101"]
    + ["--older-than=5", "--sample=x"],
)
def test_nonsense_changes_nothing(kept: Machine, word: str) -> None:
    kept.fails(9, word, "verify")
    assert notes(kept) == []
