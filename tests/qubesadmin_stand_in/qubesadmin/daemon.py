# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""What qubesd does, over a folder: QUBES_STAND_IN names it.

    state.json    everything qubesd keeps in qubes.xml
    calls         one line for each Admin API call: METHOD DEST ARG
    pools/NAME/   images of a file-reflink pool

Processes share it by a lock; a call is whole or has not been. Methods are
those of core-admin's qubes/api/admin.py, named in each docstring.
"""

import contextlib
import fcntl
import json
import os
import re
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, Tuple

from qubesadmin import exc, properties, volumes

State = Dict[str, Any]
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_.-]{0,30}")
_RESERVED = ("dom0", "Domain-0", "none", "default")


def folder() -> Path:
    """Where the stand-in's qubesd keeps all it has."""
    try:
        return Path(os.environ["QUBES_STAND_IN"])
    except KeyError:
        raise exc.QubesDaemonCommunicationError(
            "Failed to connect to qubesd service: %s", "no such file"
        ) from None


@contextlib.contextmanager
def opened() -> Iterator[State]:
    """The state, for one process at a time; written when nothing failed."""
    path = folder() / "state.json"
    with open(folder() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = path.read_text()
        state: State = json.loads(text)
        yield state
        if (after := json.dumps(state, indent=1)) != text:
            fresh = path.with_suffix(".new")
            fresh.write_text(after)
            fresh.replace(path)


def call(dest: str, method: str, arg: str = "", payload: bytes = b"") -> bytes:
    """One Admin API call; raises what the client would.

    A request is at most 64 KiB (qubes/api/__init__.py, QubesDaemonProtocol).
    """
    with open(folder() / "calls", "a") as log:
        log.write(f"{method} {dest} {arg}\n")
    if len(payload) + len(arg) + len(method) > 65536:
        raise exc.QubesDaemonAccessError("Got empty response from qubesd.")
    run, arg = _method(method, arg)
    with opened() as state:
        if method.startswith("admin.vm.") and dest != "dom0":
            if dest not in state["vms"]:
                raise exc.QubesVMNotFoundError("No such domain: %s", dest)
        return run(state, dest, arg, payload).encode()


def _method(method: str, arg: str) -> Tuple[Callable[..., str], str]:
    """Methods whose name ends in a class get it in front of the argument."""
    for prefix in ("admin.vm.Create.", "admin.vm.CreateInPool."):
        if method.startswith(prefix):
            return _METHODS[prefix], f"{method[len(prefix):]} {arg}"
    parts = method.split(".")
    if method.startswith("admin.vm.device."):
        return _METHODS[f"admin.vm.device.{parts[4]}"], f"{parts[3]} {arg}"
    if method not in _METHODS:
        raise exc.QubesDaemonAccessError("Got empty response from qubesd.")
    return _METHODS[method], arg


def _vm_list(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_list: name, class, power state and uuid, sorted."""
    names = sorted(state["vms"]) if dest == "dom0" else [dest]
    return "".join(
        f"{name} class={vm['class']} state={vm['state']} uuid={vm['uuid']}\n"
        for name, vm in ((name, state["vms"][name]) for name in names)
    )


def _state_of(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_current_state."""
    found = state["vms"][dest]["state"]
    return f"mem=0 mem_static_max=0 cputime=0 power_state={found}"


def _create(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_vm_create: what is wrong with a name, label, template or pool."""
    klass, _, template = arg.partition(" ")
    given = dict(word.split("=", 1) for word in payload.decode().split(" "))
    name, label = given["name"], given["label"]
    bad = name in _RESERVED or name.endswith("-dm")
    if not _NAME.fullmatch(name) or bad:
        raise exc.QubesValueError("VM name is invalid")
    if name in state["vms"]:
        raise exc.QubesVMAlreadyExistsError("Qube already exists: %s", name)
    if template and template not in state["vms"]:
        raise exc.QubesVMNotFoundError("No such domain: %s", template)
    if label not in state["labels"]:
        raise exc.QubesLabelNotFoundError("No such label: %s", label)
    pools = {
        key.partition(":")[2]: pool
        for key, pool in given.items()
        if key.startswith("pool")
    }
    for pool in pools.values():
        if pool not in state["pools"]:
            raise exc.QubesPoolNotFoundError("No such pool: %s", pool)
    state["vms"][name] = vm = new_vm(klass, label)
    if template:
        vm["properties"]["template"] = template
    # core-admin's ext of that name: every qube that is made by a call.
    vm["tags"].append("created-by-dom0")
    default = pools.get("", state["defaults"]["default_pool"])
    for each in ("root", "private", "volatile"):
        volumes.create(state, name, each, pools.get(each, default))
    return ""


def new_vm(klass: str, label: str) -> State:
    """A qube as qubes.xml has it, without volumes."""
    return {
        "class": klass,
        "uuid": str(uuid.uuid4()),
        "state": "Halted",
        "properties": {"label": label},
        "features": {},
        "tags": [],
        "firewall": ["action=accept"],
        "devices": {},
        "notes": "",
        "volumes": {},
    }


def _remove(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_remove: halted, and nobody's template or netvm."""
    vm = state["vms"][dest]
    if vm["state"] != "Halted":
        raise exc.QubesVMNotHaltedError("Domain is not powered off: %s", dest)
    for name, other in state["vms"].items():
        if dest in other["properties"].values():
            raise exc.QubesVMError("Domain is in use: %s by %s", dest, name)
    for each in list(vm["volumes"]):
        volumes.remove(state, dest, each)
    del state["vms"][dest]
    return ""


def _start(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_start; a qube that is being restored doesn't start.

    qubes/ext/backup_restore.py on domain-pre-start.
    """
    vm = state["vms"][dest]
    if "backup-restore-in-progress" in vm["tags"]:
        raise exc.QubesVMError("Restore of this domain in progress: %s", dest)
    if vm["state"] != "Halted":
        raise exc.QubesVMNotHaltedError("Domain is not powered off: %s", dest)
    volumes.start(state, dest)
    vm["state"] = "Running"
    return ""


def _shutdown(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_shutdown, and what storage/reflink.py does when it is down."""
    vm = state["vms"][dest]
    if vm["state"] == "Halted":
        raise exc.QubesVMNotRunningError("Domain is powered off: %s", dest)
    volumes.stop(state, dest)
    vm["state"] = "Halted"
    return ""


def _pause(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_pause."""
    state["vms"][dest]["state"] = "Paused"
    return ""


def _feature_list(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_feature_list."""
    return _lines(state["vms"][dest]["features"])


def _feature_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_feature_get."""
    try:
        return str(state["vms"][dest]["features"][arg])
    except KeyError:
        raise exc.QubesFeatureNotFoundError(
            "Feature not set: %s", arg
        ) from None


def _feature_set(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_feature_set: the value is ASCII."""
    if not payload.isascii():
        raise exc.QubesDaemonAccessError("Got empty response from qubesd.")
    state["vms"][dest]["features"][arg] = payload.decode()
    return ""


def _feature_remove(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_feature_remove."""
    if state["vms"][dest]["features"].pop(arg, None) is None:
        raise exc.QubesFeatureNotFoundError("Feature not set: %s", arg)
    return ""


def _tag_list(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_tag_list."""
    return _lines(sorted(state["vms"][dest]["tags"]))


def _tag_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_tag_get."""
    return "1" if arg in state["vms"][dest]["tags"] else "0"


def _tag_set(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_tag_set: letters, digits, - and _ (qubes/vm/__init__.py, Tags)."""
    if not re.fullmatch("[A-Za-z0-9_-]+", arg):
        raise exc.QubesValueError("Invalid tag: %s", arg)
    if arg not in state["vms"][dest]["tags"]:
        state["vms"][dest]["tags"].append(arg)
    return ""


def _tag_remove(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_tag_remove."""
    if arg not in state["vms"][dest]["tags"]:
        raise exc.QubesTagNotFoundError("Tag not set: %s", arg)
    state["vms"][dest]["tags"].remove(arg)
    return ""


def _firewall_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_firewall_get: one rule a line."""
    return _lines(state["vms"][dest]["firewall"])


def _firewall_set(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_firewall_set: each rule has an action (qubes/firewall.py, Rule)."""
    rules = payload.decode().splitlines()
    if any("action=" not in rule for rule in rules):
        raise exc.QubesValueError("missing action=")
    state["vms"][dest]["firewall"] = rules
    return ""


def _assigned(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_device_list: what is assigned, a line for each device.

    Each tells whose it is (device_protocol.py, DeviceAssignment.serialize),
    as it was said when it was assigned.
    """
    found = state["vms"][dest]["devices"].get(arg.split(" ")[0], {})
    rows = ""
    for device, rest in found.items():
        told = (
            "" if "frontend_domain=" in rest else f" frontend_domain='{dest}'"
        )
        rows += f"{device} {rest}{told}\n"
    return rows


def _assign(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_device_assign: BACKEND+PORT+ID as the argument."""
    klass, _, device = arg.partition(" ")
    if device.split("+")[0] not in state["vms"]:
        raise exc.QubesVMNotFoundError("No such domain: %s", device)
    found = state["vms"][dest]["devices"].setdefault(klass, {})
    found[device] = payload.decode()
    return ""


def _unassign(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_device_unassign."""
    klass, _, device = arg.partition(" ")
    state["vms"][dest]["devices"].get(klass, {}).pop(device, None)
    return ""


def _notes_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_notes_get."""
    return str(state["vms"][dest]["notes"])


def _notes_set(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_notes_set: at most 256,000 bytes, no control characters."""
    if len(payload) > 256000:
        raise exc.QubesDaemonAccessError("Got empty response from qubesd.")
    text = payload.decode()
    state["vms"][dest]["notes"] = "".join(
        c if c.isprintable() or c in "\t\n" else "_" for c in text
    )
    return ""


def _pool_list(state: State, dest: str, arg: str, payload: bytes) -> str:
    """pool_list."""
    return _lines(state["pools"])


def _pool_info(state: State, dest: str, arg: str, payload: bytes) -> str:
    """pool_info: the configuration, then size and usage."""
    if arg not in state["pools"]:
        raise exc.QubesPoolNotFoundError("No such pool: %s", arg)
    config = {"name": arg, **state["pools"][arg]}
    return "".join(f"{key}={config[key]}\n" for key in sorted(config))


def _pool_usage(state: State, dest: str, arg: str, payload: bytes) -> str:
    """pool_usage: data_size and data_usage, where the driver knows."""
    pool = state["pools"][arg]
    if "dir_path" not in pool:
        return ""
    found = os.statvfs(pool["dir_path"])
    size = pool.get("pretend_size", found.f_blocks * found.f_frsize)
    used = size - pool.get("pretend_free", found.f_bavail * found.f_frsize)
    return f"data_size={size}\ndata_usage={used}\n"


def _label_list(state: State, dest: str, arg: str, payload: bytes) -> str:
    """label_list."""
    return _lines(state["labels"])


def _label_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """label_get: the colour; qubes/app.py makes the labels with theirs."""
    if arg not in state["labels"]:
        raise exc.QubesValueError("Got empty response from qubesd.")
    return {"red": "0xcc0000", "blue": "0x3465a4"}.get(arg, "0x000000")


def _global_get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """property_get, of what qubes/app.py calls defaults."""
    if arg not in state["defaults"]:
        raise exc.QubesNoSuchPropertyError("Invalid property: %s", arg)
    kind = "str" if arg == "default_pool" else "vm"
    return f"default=False type={kind} {state['defaults'][arg] or ''}"


def _classes(state: State, dest: str, arg: str, payload: bytes) -> str:
    """deviceclass_list."""
    return "block\nmic\npci\nusb\n"


def _lines(words: Any) -> str:
    return "".join(f"{word}\n" for word in words)


_METHODS: Dict[str, Callable[[State, str, str, bytes], str]] = {
    "admin.vm.List": _vm_list,
    "admin.vm.CurrentState": _state_of,
    "admin.vm.Create.": _create,
    "admin.vm.CreateInPool.": _create,
    "admin.vm.Remove": _remove,
    "admin.vm.Start": _start,
    "admin.vm.Shutdown": _shutdown,
    "admin.vm.Kill": _shutdown,
    "admin.vm.Pause": _pause,
    "admin.vm.property.List": properties.names,
    "admin.vm.property.Get": properties.get,
    "admin.vm.property.GetAll": properties.get_all,
    "admin.vm.property.Set": properties.change,
    "admin.vm.property.Reset": properties.reset,
    "admin.vm.feature.List": _feature_list,
    "admin.vm.feature.Get": _feature_get,
    "admin.vm.feature.Set": _feature_set,
    "admin.vm.feature.Remove": _feature_remove,
    "admin.vm.tag.List": _tag_list,
    "admin.vm.tag.Get": _tag_get,
    "admin.vm.tag.Set": _tag_set,
    "admin.vm.tag.Remove": _tag_remove,
    "admin.vm.firewall.Get": _firewall_get,
    "admin.vm.firewall.Set": _firewall_set,
    "admin.vm.device.Assigned": _assigned,
    "admin.vm.device.Assign": _assign,
    "admin.vm.device.Unassign": _unassign,
    "admin.vm.notes.Get": _notes_get,
    "admin.vm.notes.Set": _notes_set,
    "admin.vm.volume.List": volumes.names,
    "admin.vm.volume.Info": volumes.info,
    "admin.vm.volume.ListSnapshots": volumes.revisions,
    "admin.vm.volume.Resize": volumes.resize,
    "admin.vm.volume.Revert": volumes.revert,
    "admin.vm.volume.Clear": volumes.clear,
    "admin.vm.volume.Set.revisions_to_keep": volumes.keep_revisions,
    "admin.pool.List": _pool_list,
    "admin.pool.Info": _pool_info,
    "admin.pool.UsageDetails": _pool_usage,
    "admin.label.List": _label_list,
    "admin.label.Get": _label_get,
    "admin.property.Get": _global_get,
    "admin.deviceclass.List": _classes,
}


def import_begin(
    dest: str, volume: str, size: "int | None"
) -> "tuple[int, Path]":
    """internal.vm.volume.ImportBegin (qubes/api/internal.py): size and path.

    The qube must be halted. Until import_end it can't be started.
    """
    word = "ImportWithSize" if size is not None else "Import"
    with open(folder() / "calls", "a") as log:
        log.write(f"admin.vm.volume.{word} {dest} {volume}\n")
    with opened() as state:
        if dest not in state["vms"]:
            raise exc.QubesVMNotFoundError("No such domain: %s", dest)
        if state["vms"][dest]["state"] != "Halted":
            raise exc.QubesVMNotHaltedError("Not halted: %s", dest)
        return volumes.import_begin(state, dest, volume, size)


def import_end(dest: str, volume: str, error: str) -> None:
    """internal.vm.volume.ImportEnd: commit, or throw it away with an error."""
    with opened() as state:
        volumes.import_end(state, dest, volume, not error)
    if error:
        raise exc.QubesException("Data import failed: %s", error)


def now_stamp() -> str:
    """As in names of revisions: an ISO time in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + "Z"
