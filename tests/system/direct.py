# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine against a store that is a thread: for thousands of quick runs.

Everything of the product runs as it is, over real pipes; only no process is
started. What a store raises that it does not expect is kept and raised.
"""

import os
import threading
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Dict, Iterator, List, Optional

from system.machine import Machine, sha256
from wyng_common.errors import WyngError
from wyng_common.messages import Capability
from wyng_dom0.commands import access
from wyng_dom0.commands.context import Context, Options
from wyng_dom0.engine.content import SessionContent
from wyng_dom0.engine.opened import Access, open_archive
from wyng_dom0.engine.restore import How, Restore
from wyng_dom0.engine.verify import verify_session
from wyng_dom0.events import Event, Warning_
from wyng_dom0.state.places import Places
from wyng_dom0.transport import remote_store
from wyng_dom0.transport.destination import Destination
from wyng_store.archive import open_for_reading
from wyng_store.layout import Layout
from wyng_store.recovering import open_for_writing
from wyng_store.scrubbing import Scrubbed, scrub
from wyng_store.serve import serve

Digests = Dict["tuple[str, str]", str]
SECONDS = 60.0


class ThreadStore:
    """What start_store gives, of a store in a thread."""

    # Errors that no store may end with.
    unexpected: List[BaseException] = []

    def __init__(self, destination: Destination, capability: Capability):
        theirs_in, self.questions = os.pipe()
        self.answers, theirs_out = os.pipe()
        self._words = ""
        self._thread = threading.Thread(
            target=self._serve,
            args=(theirs_in, theirs_out, destination, capability),
            daemon=True,
        )
        self._open = True
        self._thread.start()

    def _serve(
        self, fd_in: int, fd_out: int, to: Destination, capability: Capability
    ) -> None:
        try:
            serve(fd_in, fd_out, Layout(Path(to.path)), frozenset({capability}))
        except (WyngError, OSError) as error:
            self._words = f" (it said: {error})"
        except BaseException as error:  # noqa: BLE001
            ThreadStore.unexpected.append(error)
        finally:
            os.close(fd_out)
            os.close(fd_in)

    def last_words(self) -> str:
        return self._words

    def cause(self) -> None:
        """A thread has no exit code."""

    def kill(self) -> None:
        self.close_questions()

    def close_questions(self) -> None:
        if self._open:
            os.close(self.questions)
        self._open = False

    def end(self) -> int:
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the store hangs"
        return 0

    def close_answers(self) -> None:
        os.close(self.answers)


@contextmanager
def threaded_stores() -> Iterator[None]:
    """Stores are threads while the block runs, and none may fail oddly."""
    before = remote_store.start_store
    remote_store.start_store = ThreadStore  # type: ignore
    ThreadStore.unexpected.clear()
    try:
        yield
    finally:
        remote_store.start_store = before


def access_to(machine: Machine) -> Access:
    """The machine's archive with its key, as the commands find it."""
    context = Context(
        options=Options(command="list"),
        places=Places(machine.state),
        listener=lambda event: None,
        now=datetime.now(timezone.utc),
        prompts=None,  # type: ignore[arg-type]
        report=lambda report: None,
        hold_key=lambda archive, key, minutes: None,
    )
    return access._choose(context).access


class Outcome:
    """What listing, verifying and restoring gave: sessions that restored,
    and our own errors and warnings, in words."""

    def __init__(self) -> None:
        self.restored: Digests = {}
        self.errors: List[str] = []
        self.warnings: List[str] = []

    def hear(self, event: Event) -> None:
        """Keep warnings."""
        if isinstance(event, Warning_):
            self.warnings.append(event.text)


def restore_all(to: Access, target: Path, verify: bool = False) -> Outcome:
    """Restore every session; errors of ours are kept, others are raised."""
    outcome = Outcome()
    try:
        with open_archive(to, Capability.GET, outcome.hear) as archive:
            outcome.errors += archive.damaged.values()
            for page in archive.pages_named(()):
                for session in archive.sessions(page):
                    content = SessionContent(archive, page, session)
                    if verify:
                        verdict = verify_session(content, outcome.hear)
                        outcome.errors += verdict.errors
                    places = Places(target.parent / "state")
                    try:
                        Restore(content, outcome.hear, places).run(
                            target, How.WHOLE
                        )
                    except WyngError as error:
                        assert not target.exists(), "half a restore is left"
                        outcome.errors.append(str(error))
                        continue
                    key = (page.name, session.name)
                    outcome.restored[key] = sha256(target.read_bytes())
                    target.unlink()
    except WyngError as error:
        outcome.errors.append(str(error))
    assert not ThreadStore.unexpected, ThreadStore.unexpected
    return outcome


class RecordingStore(ThreadStore):
    """Keeps what was asked, so that it can be asked again."""

    asked = b""

    def _serve(
        self, fd_in: int, fd_out: int, to: Destination, capability: Capability
    ) -> None:
        theirs_in, ours = os.pipe()
        pump = threading.Thread(target=_pump, args=(fd_in, ours), daemon=True)
        pump.start()
        super()._serve(theirs_in, fd_out, to, capability)
        pump.join()


def _pump(source: int, sink: int) -> None:
    while data := os.read(source, 1 << 20):
        RecordingStore.asked += data
        os.write(sink, data)
    os.close(source)
    os.close(sink)


def record(to: Access, target: Path) -> "tuple[bytes, Outcome]":
    """All that restoring everything asks of the store, and its outcome."""
    RecordingStore.asked = b""
    before = remote_store.start_store
    remote_store.start_store = RecordingStore  # type: ignore
    try:
        outcome = restore_all(to, target)
    finally:
        remote_store.start_store = before
    return RecordingStore.asked, outcome


def replay(questions: bytes, root: Path) -> bytes:
    """What the store answers to recorded questions, in this thread.

    dom0 acts on answers and nothing else: where they are the same as ever,
    so is what it restores.
    """
    fds = [os.memfd_create("questions"), os.memfd_create("answers")]
    try:
        os.write(fds[0], questions)
        os.lseek(fds[0], 0, os.SEEK_SET)
        try:
            serve(*fds, Layout(root), frozenset({Capability.GET}))
        except WyngError as error:
            return str(error).encode()
        return os.pread(fds[1], os.fstat(fds[1]).st_size, 0)
    finally:
        for fd in fds:
            os.close(fd)


def check(root: Path) -> Optional[Scrubbed]:
    """`wyng-store check --digests`; None when it can't even open it."""
    try:
        archive = open_for_reading(Layout(root))
        try:
            return scrub(archive, digests=True, counts=True)
        finally:
            archive.close()
    except WyngError:
        return None


def scrub_and_heal(root: Path) -> Optional[Scrubbed]:
    """`wyng-store scrub`; None when it can't even open it."""
    try:
        archive = open_for_writing(Layout(root))
        try:
            return scrub(archive, digests=True, counts=True)
        finally:
            archive.close()
    except WyngError:
        return None
