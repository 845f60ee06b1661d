# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""The adapter to qubesadmin: the only module that imports it.

Owns how a question is asked; decides nothing. Most is asked by the Admin API's
own methods (core-admin's qubes/api/admin.py), because the client's objects
make a call of each attribute and some are not there in older versions.
"""

import os
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import qubesadmin
import qubesadmin.exc

from wyng_dom0.errors import NotFound, QubesError
from wyng_dom0.names import one_line
from wyng_dom0.qubes.facade import (
    ADMIN_QUBE,
    Feed,
    NewQube,
    Property,
    Qube,
    QubePool,
    QubeVolume,
)

_ABSENT = (
    qubesadmin.exc.QubesVMNotFoundError,
    qubesadmin.exc.QubesLabelNotFoundError,
    KeyError,
)
_ESCAPES = {"\\\\": "\\", "\\n": "\n"}


class QubesAdmin:
    """See facade.Admin."""

    def __init__(self) -> None:
        with _translated("Qubes OS"):
            self._app = qubesadmin.Qubes()
        self._pools: dict[str, QubePool] = {}

    def _ask(
        self, qube: str, method: str, argument: str = "", payload: str = ""
    ) -> str:
        with _translated(qube):
            # The client puts them, as they are, into one line of words.
            if not (_is_word(qube) and _is_word(argument)):
                raise ValueError("that can be no argument of the Admin API")
            answer: bytes = self._app.qubesd_call(
                qube, method, argument or None, payload.encode() or None
            )
        return answer.decode("utf-8", "replace")

    def qubes(self) -> list[Qube]:
        """See Admin."""
        rows = self._ask(ADMIN_QUBE, "admin.vm.List").splitlines()
        found = [_qube(row) for row in rows]
        return sorted(
            (each for each in found if each.name != ADMIN_QUBE),
            key=lambda each: each.name,
        )

    def is_included(self, qube: str) -> bool:
        """See Admin."""
        said = self._ask(qube, "admin.vm.property.Get", "include_in_backups")
        return said.split(" ", 2)[2] == "True"

    def has_tag(self, qube: str, tag: str) -> bool:
        """See Admin."""
        return self._ask(qube, "admin.vm.tag.Get", tag) == "1"

    def volume(self, qube: str, name: str) -> QubeVolume:
        """See Admin."""
        said = _values(self._ask(qube, "admin.vm.volume.Info", name))
        return QubeVolume(
            qube=qube,
            name=name,
            pool=said["pool"],
            vid=said["vid"],
            size=int(said["size"]),
            save_on_stop=said["save_on_stop"] == "True",
            revisions_to_keep=int(said["revisions_to_keep"]),
        )

    def revisions(self, qube: str, volume: str) -> list[str]:
        """See Admin."""
        method = "admin.vm.volume.ListSnapshots"
        return self._ask(qube, method, volume).splitlines()

    def pool(self, name: str) -> QubePool:
        """See Admin."""
        if name not in self._pools:
            said = _values(self._ask(ADMIN_QUBE, "admin.pool.Info", name))
            self._pools[name] = QubePool(name, said.pop("driver"), said)
        return self._pools[name]

    def pools(self) -> list[str]:
        """See Admin."""
        return self._ask(ADMIN_QUBE, "admin.pool.List").splitlines()

    def free_bytes(self, pool: str) -> int | None:
        """See Admin."""
        said = _values(self._ask(ADMIN_QUBE, "admin.pool.UsageDetails", pool))
        try:
            return int(said["data_size"]) - int(said["data_usage"])
        except KeyError:
            return None

    def size_bytes(self, pool: str) -> int | None:
        """See Admin."""
        said = _values(self._ask(ADMIN_QUBE, "admin.pool.UsageDetails", pool))
        return int(said["data_size"]) if "data_size" in said else None

    def labels(self) -> list[str]:
        """See Admin."""
        return self._ask(ADMIN_QUBE, "admin.label.List").splitlines()

    def label_color(self, name: str) -> str:
        """See Admin."""
        return self._ask(ADMIN_QUBE, "admin.label.Get", name)

    def default(self, name: str) -> str:
        """See Admin."""
        said = self._ask(ADMIN_QUBE, "admin.property.Get", name)
        return said.split(" ", 2)[2]

    def properties(self, qube: str) -> list[Property]:
        """See Admin."""
        rows = self._ask(qube, "admin.vm.property.GetAll").splitlines()
        return [_property(row) for row in rows]

    def set_property(self, qube: str, name: str, value: str) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.property.Set", name, value)

    def reset_property(self, qube: str, name: str) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.property.Reset", name)

    def features(self, qube: str) -> dict[str, str]:
        """See Admin."""
        names = self._ask(qube, "admin.vm.feature.List").splitlines()
        method = "admin.vm.feature.Get"
        return {each: self._ask(qube, method, each) for each in names}

    def feature(self, qube: str, name: str) -> str | None:
        """See Admin."""
        names = self._ask(qube, "admin.vm.feature.List").splitlines()
        if name not in names:
            return None
        return self._ask(qube, "admin.vm.feature.Get", name)

    def set_feature(self, qube: str, name: str, value: str) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.feature.Set", name, value)

    def remove_feature(self, qube: str, name: str) -> None:
        """See Admin."""
        if self.feature(qube, name) is not None:
            self._ask(qube, "admin.vm.feature.Remove", name)

    def tags(self, qube: str) -> list[str]:
        """See Admin."""
        return self._ask(qube, "admin.vm.tag.List").splitlines()

    def add_tag(self, qube: str, tag: str) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.tag.Set", tag)

    def remove_tag(self, qube: str, tag: str) -> None:
        """See Admin."""
        if self.has_tag(qube, tag):
            self._ask(qube, "admin.vm.tag.Remove", tag)

    def firewall(self, qube: str) -> list[str]:
        """See Admin."""
        return self._ask(qube, "admin.vm.firewall.Get").splitlines()

    def set_firewall(self, qube: str, rules: Sequence[str]) -> None:
        """See Admin."""
        text = "".join(f"{rule}\n" for rule in rules)
        self._ask(qube, "admin.vm.firewall.Set", "", text)

    def device_classes(self) -> list[str]:
        """See Admin."""
        return self._ask(ADMIN_QUBE, "admin.deviceclass.List").splitlines()

    def assigned(self, qube: str, klass: str) -> list[tuple[str, str]]:
        """See Admin."""
        rows = self._ask(qube, f"admin.vm.device.{klass}.Assigned")
        parts = [row.partition(" ") for row in rows.splitlines()]
        return [(device, how) for device, _, how in parts]

    def assign(self, qube: str, klass: str, device: str, how: str) -> None:
        """See Admin."""
        self._ask(qube, f"admin.vm.device.{klass}.Assign", device, how)

    def unassign(self, qube: str, klass: str, device: str) -> None:
        """See Admin."""
        self._ask(qube, f"admin.vm.device.{klass}.Unassign", device)

    def notes(self, qube: str) -> str:
        """See Admin; notes came with Qubes 4.3."""
        try:
            return self._ask(qube, "admin.vm.notes.Get")
        except _Unanswered:
            return ""

    def set_notes(self, qube: str, text: str) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.notes.Set", "", text)

    def create(self, new: NewQube) -> None:
        """See Admin."""
        with _translated(new.name):
            self._app.add_new_vm(
                new.klass,
                new.name,
                new.label,
                new.template,
                pools=dict(new.pools) or None,
            )

    def remove(self, qube: str) -> None:
        """See Admin."""
        with _translated(qube):
            del self._app.domains[qube]

    def resize(self, qube: str, volume: str, size: int) -> None:
        """See Admin."""
        self._ask(qube, "admin.vm.volume.Resize", volume, str(size))

    def import_volume(
        self, qube: str, volume: str, size: int, feed: Feed
    ) -> None:
        """See Admin; the client wants a real pipe and closes its end."""
        with _translated(qube):
            held = self._app.domains[qube].volumes[volume]
        reading, writing = os.pipe()
        feeder = _Feeder(feed, writing)
        feeder.start()
        try:
            # A feeder waits for ever at a pipe that stays open unread.
            with (
                _translated(qube),
                os.fdopen(reading, "rb", buffering=0) as stream,
            ):
                held.import_data_with_size(stream, size)
        except (QubesError, NotFound):
            # A reader that went away is no fault of the feeder's.
            feeder.finish()
            if feeder.error and not isinstance(feeder.error, BrokenPipeError):
                raise feeder.error from None
            raise
        feeder.finish()
        if feeder.error is not None:
            raise feeder.error


class _Feeder(threading.Thread):
    """Writes what a restore gives into a pipe that the client reads.

    An error closes the pipe early; then too few bytes have come, and qubesd
    throws away what it got.
    """

    def __init__(self, feed: Feed, fd: int) -> None:
        super().__init__(name="import", daemon=True)
        self._feed, self._fd = feed, fd
        self.error: BaseException | None = None

    def run(self) -> None:
        """Feed, then close."""
        try:
            self._feed(self._fd)
        except BaseException as error:  # noqa: BLE001
            # It goes on in the thread that waits.
            self.error = error
        finally:
            os.close(self._fd)

    def finish(self) -> None:
        """Wait for its end; it has one, for the other end is closed."""
        self.join()


class _Unanswered(QubesError):
    """qubesd has no such method, or does not let us."""


def _is_word(text: str) -> bool:
    """Can text be the argument of a call, and nothing behind it?"""
    return text.isascii() and not set(text) & {" ", "\n", "\0"}


def _qube(row: str) -> Qube:
    name, *rest = row.split(" ")
    said = dict(each.split("=", 1) for each in rest)
    return Qube(name, said["class"], said["state"], said.get("uuid", ""))


def _values(said: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in said.splitlines() if "=" in line)


def _property(row: str) -> Property:
    row = re.sub(r"\\\\|\\n", lambda found: _ESCAPES[found[0]], row)
    name, default, kind, value = row.split(" ", 3)
    return Property(
        name,
        kind.partition("=")[2],
        value,
        default == "default=True",
    )


@contextmanager
def _translated(about: str) -> Iterator[None]:
    """The client's errors as ours, each one sentence."""
    try:
        yield
    except qubesadmin.exc.QubesDaemonAccessError as error:
        raise _Unanswered(
            f"qubesd did not answer a question about {about}:"
            f" {one_line(str(error))}",
            about=about,
        ) from None
    except _ABSENT as error:
        raise NotFound(one_line(str(error)), about=about) from None
    except (qubesadmin.exc.QubesException, OSError, ValueError) as error:
        raise QubesError(
            f"{about}: {one_line(str(error))}", about=about
        ) from None


def is_dom0() -> bool:
    """True where qubesd runs; the client in qubes calls it by qrexec."""
    return bool(qubesadmin.Qubes.qubesd_connection_type == "socket")


def open_admin() -> QubesAdmin:
    """The Admin API of this machine; QubesError when qubesd is not there."""
    return QubesAdmin()
