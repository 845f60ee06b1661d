# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Properties of qubes: their types, defaults and what may be set."""

import json
from typing import Any, Dict, Tuple

from qubesadmin import exc

State = Dict[str, Any]
_TEMPLATED = ("AppVM", "DispVM")
# Name -> type and default, from qubes/vm/qubesvm.py, appvm.py and net.py.
KINDS: Dict[str, Tuple[str, Any]] = {
    "name": ("str", None),
    "qid": ("int", 1),
    "uuid": ("str", None),
    "label": ("label", "red"),
    "icon": ("str", None),
    "template": ("vm", None),
    "template_for_dispvms": ("bool", False),
    "netvm": ("vm", None),
    "default_dispvm": ("vm", None),
    "provides_network": ("bool", False),
    "autostart": ("bool", False),
    "include_in_backups": ("bool", True),
    "installed_by_rpm": ("bool", False),
    "memory": ("int", 400),
    "maxmem": ("int", 4000),
    "vcpus": ("int", 2),
    "virt_mode": ("str", "pvh"),
    "kernel": ("str", "6.12.1-1"),
    "kernelopts": ("str", ""),
    "default_user": ("str", "user"),
    "guivm": ("vm", "dom0"),
    "audiovm": ("vm", "dom0"),
    "management_dispvm": ("vm", None),
    "debug": ("bool", False),
    "qrexec_timeout": ("int", 60),
    "shutdown_timeout": ("int", 60),
    "backup_timestamp": ("int", None),
    "mac": ("str", "00:16:3e:5e:6c:00"),
    "ip": ("str", "10.137.0.1"),
    "stubdom_mem": ("int", None),
    "dispid": ("int", None),
}
_FIXED = ("qid", "uuid", "dispid", "icon")


def _has(vm: State, name: str) -> bool:
    if name == "template":
        return vm["class"] in _TEMPLATED
    if name == "dispid":
        return vm["class"] == "DispVM"
    return name in KINDS


def names(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_property_list."""
    found = [each for each in KINDS if _has(state["vms"][dest], each)]
    return "".join(f"{each}\n" for each in sorted(found))


def get(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_property_get and _serialize_property."""
    vm = state["vms"][dest]
    if not _has(vm, arg):
        raise exc.QubesNoSuchPropertyError("Invalid property: %s", arg)
    kind, default = KINDS[arg]
    if arg in ("netvm", "default_dispvm", "template"):
        default = state["defaults"].get(
            f"default_{arg}".replace("default_default", "default"), default
        )
    own = {"name": dest, "uuid": vm["uuid"], "icon": _icon(vm)}
    value = own.get(arg)
    if value is None:
        value = vm["properties"].get(arg, default)
    given = ("name", "uuid")
    is_default = arg not in vm["properties"] and arg not in given
    return f"default={is_default} type={kind} {'' if value is None else value}"


def _icon(vm: State) -> str:
    """icon of qubes/vm/qubesvm.py, which no user can set."""
    kind = "servicevm" if vm["features"].get("servicevm") else "appvm"
    kind = {"TemplateVM": "templatevm", "DispVM": "dispvm"}.get(
        vm["class"], kind
    )
    return f"{kind}-{vm['properties'].get('label', 'red')}"


def get_all(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_property_get_all: a line for each, newlines and \\ escaped."""
    lines = []
    for name in names(state, dest, arg, payload).split():
        text = get(state, dest, name, b"")
        text = text.replace("\\", "\\\\").replace("\n", "\\n")
        lines.append(f"{name} {text}\n")
    return "".join(lines)


def change(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_property_set: types are checked, names of qubes and labels too."""
    vm = state["vms"][dest]
    if not _has(vm, arg) or arg in _FIXED:
        raise exc.QubesNoSuchPropertyError("Invalid property: %s", arg)
    text = payload.decode()
    if arg == "name":
        _rename(state, dest, text)
        return ""
    vm["properties"][arg] = _checked(state, arg, text)
    return ""


def _rename(state: State, old: str, new: str) -> None:
    if new in state["vms"]:
        raise exc.QubesVMAlreadyExistsError("Qube already exists: %s", new)
    state["vms"][new] = state["vms"].pop(old)


def _checked(state: State, arg: str, text: str) -> Any:
    kind = KINDS[arg][0]
    if kind == "vm":
        if text and text not in state["vms"]:
            raise exc.QubesVMNotFoundError("No such domain: %s", text)
        if arg == "template" and not text:
            raise exc.QubesPropertyValueError("a template is needed")
        return text
    if kind == "label" and text not in state["labels"]:
        raise exc.QubesLabelNotFoundError("No such label: %s", text)
    if kind == "bool":
        if text not in ("True", "False"):
            raise exc.QubesPropertyValueError("Invalid boolean: %s", text)
        return text == "True"
    if kind == "int":
        try:
            return int(json.loads(text))
        except ValueError:
            raise exc.QubesPropertyValueError(
                "Invalid number: %s", text
            ) from None
    if arg == "netvm" and text == "":
        return ""
    return text


def reset(state: State, dest: str, arg: str, payload: bytes) -> str:
    """_property_reset."""
    if not _has(state["vms"][dest], arg) or arg in ("name", *_FIXED):
        raise exc.QubesNoSuchPropertyError("Invalid property: %s", arg)
    state["vms"][dest]["properties"].pop(arg, None)
    return ""
