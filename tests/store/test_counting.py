# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Random lives of an archive against a plain dict."""

import random
from collections import Counter
from pathlib import Path
from typing import Dict, List, Tuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from store.client import Blob, tree
from store.local import Writer, check, counts, directory
from wyng_common.ids import BlobId
from wyng_store import counting

PAYLOADS = [b"payload %d" % n for n in range(8)]
ACTIONS = ["commit", "commit", "release", "crash", "rebuild", "forget"]
Step = Tuple[str, int]


class Model:
    """Sessions by sequence, and what they must hold alive."""

    def __init__(self) -> None:
        self.sessions: Dict[int, List[Blob]] = {}
        self.sequence = 0

    def counts(self) -> Dict[bytes, int]:
        held: Counter[bytes] = Counter()
        blobs: Dict[BlobId, Blob] = {}
        for session in self.sessions.values():
            held[session[-1].id] += 1
            blobs.update((blob.id, blob) for blob in session)
        for blob in blobs.values():
            held.update(blob.children)
        return dict(held)


def _session(seed: int) -> List[Blob]:
    chosen = random.Random(seed).sample(PAYLOADS, 1 + seed % 4)
    return tree(chosen, b"%d" % (seed % 5))


def _commit(root: Path, model: Model, seed: int, releases: bool) -> None:
    blobs = _session(seed)
    ranges: Tuple[Tuple[int, int], ...] = ()
    if releases and model.sequence:
        first = 1 + seed % model.sequence
        ranges = ((first, min(first + seed % 3, model.sequence)),)
    with Writer(root) as writer:
        writer.put(blobs)
        writer.commit(blobs[-1].id, ranges)
    model.sequence += 1
    for a, b in ranges:
        for sequence in range(a, b + 1):
            model.sessions.pop(sequence, None)
    model.sessions[model.sequence] = blobs


def _act(root: Path, model: Model, step: Step) -> None:
    action, seed = step
    if action in ("commit", "release"):
        _commit(root, model, seed, action == "release")
    elif action == "crash":
        with Writer(root) as writer:
            writer.put(_session(seed))
    elif action == "rebuild":
        with Writer(root) as writer:
            writer.archive.rebuild()
    else:
        (root / "index.db").unlink(missing_ok=True)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
@given(
    st.lists(
        st.tuples(st.sampled_from(ACTIONS), st.integers(0, 999)),
        max_size=14,
    )
)
def test_counts_are_those_of_a_plain_model(steps: List[Step]) -> None:
    with directory() as root:
        model = Model()
        for step in steps:
            _act(root, model, step)
        assert counts(root) == model.counts()
        assert check(root).is_whole and check(root).counts_agreed


@pytest.mark.parametrize("cache", [0, 3])
def test_counts_do_not_depend_on_the_cache(
    cache: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "_CACHE_MAX", cache)
    with directory() as root:
        model = Model()
        for seed in range(12):
            _commit(root, model, seed, seed > 3)
            assert counts(root) == model.counts()
        assert check(root).counts_agreed
