# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
"""Volumes of qubes, and images of file-reflink pools on a disk.

What happens to files is that of core-admin's qubes/storage/reflink.py:

    VID.img              the committed state
    VID-dirty.img        that of a running qube
    VID.img.N@TIMEZ      revisions
    VID-import.img       half written by an import

A pool of another driver has volumes, and whoever makes it makes their data.
"""

import fcntl
import os
import time
from pathlib import Path
from typing import Any, Dict, List

from qubesadmin import exc

State = Dict[str, Any]
_FICLONE = 0x40049409
_FOLDERS = {"TemplateVM": "vm-templates"}
SIZES = {"root": 10 << 30, "private": 2 << 30, "volatile": 10 << 30}


def create(state: State, qube: str, name: str, pool: str) -> State:
    """A volume with the flags that qubes/vm/{appvm,templatevm}.py give it."""
    vm = state["vms"][qube]
    templated = vm["class"] in ("AppVM", "DispVM")
    saved = name == "private" or (name == "root" and not templated)
    vm["volumes"][name] = volume = {
        "pool": pool,
        "vid": _vid(state, qube, name, pool),
        "size": SIZES[name],
        "rw": True,
        "save_on_stop": saved,
        "snap_on_start": name == "root" and templated,
        "revisions_to_keep": state["pools"][pool].get("revisions_to_keep", 1),
        "importing": False,
    }
    if saved and is_reflink(state, volume):
        path = image(state, volume)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.truncate(path, volume["size"])
    return volume


def _vid(state: State, qube: str, name: str, pool: str) -> str:
    config = state["pools"][pool]
    if config["driver"] == "lvm_thin":
        return f"{config['volume_group']}/vm-{qube}-{name}"
    folder = _FOLDERS.get(state["vms"][qube]["class"], "appvms")
    return f"{folder}/{qube}/{name}"


def is_reflink(state: State, volume: State) -> bool:
    return bool(state["pools"][volume["pool"]]["driver"] == "file-reflink")


def image(state: State, volume: State, suffix: str = "") -> Path:
    """The file of a volume; suffix as "-dirty"."""
    folder = Path(state["pools"][volume["pool"]]["dir_path"])
    return folder / f"{volume['vid']}{suffix}.img"


def _of(state: State, dest: str, arg: str) -> State:
    found = state["vms"][dest]["volumes"].get(arg)
    if found is None:
        raise exc.QubesDaemonAccessError("Got empty response from qubesd.")
    volume: State = found
    return volume


def names(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_list."""
    return "".join(f"{each}\n" for each in state["vms"][dest]["volumes"])


def info(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_info: one KEY=VALUE a line."""
    volume = _of(state, dest, arg)
    shown = {
        "pool": volume["pool"],
        "vid": volume["vid"],
        "size": volume["size"],
        "usage": 0,
        "rw": volume["rw"],
        "source": "",
        "path": "",
        "save_on_stop": volume["save_on_stop"],
        "snap_on_start": volume["snap_on_start"],
        "revisions_to_keep": volume["revisions_to_keep"],
        "ephemeral": False,
        "is_outdated": False,
    }
    return "".join(f"{key}={value}\n" for key, value in shown.items())


def _found_revisions(state: State, volume: State) -> List[str]:
    path = image(state, volume)
    found = path.parent.glob(path.name + ".*@*")
    numbered = [each.name[len(path.name) + 1 :] for each in found]
    return sorted(numbered, key=lambda each: int(each.split("@")[0]))


def revisions(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_listsnapshots: N@TIME, oldest first."""
    volume = _of(state, dest, arg)
    if not is_reflink(state, volume):
        return ""
    return "".join(f"{e}\n" for e in _found_revisions(state, volume))


def resize(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_resize."""
    volume = _of(state, dest, arg)
    volume["size"] = int(payload)
    if is_reflink(state, volume):
        os.truncate(image(state, volume), volume["size"])
    return ""


def revert(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_revert: a revision becomes the committed state."""
    volume, revision = _of(state, dest, arg), payload.decode()
    if revision not in _found_revisions(state, volume):
        raise exc.QubesVolumeRevisionNotFoundError("No revision %s", revision)
    path = image(state, volume)
    old = path.with_name(f"{path.name}.{revision}")
    _add_revision(state, volume)
    clone(old, path)
    volume["size"] = path.stat().st_size
    return ""


def clear(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_clear: no check that the qube is halted."""
    volume = _of(state, dest, arg)
    _add_revision(state, volume)
    path = image(state, volume)
    path.unlink()
    path.touch()
    os.truncate(path, volume["size"])
    return ""


def keep_revisions(state: State, dest: str, arg: str, payload: bytes) -> str:
    """vm_volume_set_revisions_to_keep."""
    _of(state, dest, arg)["revisions_to_keep"] = int(payload)
    return ""


def start(state: State, qube: str) -> None:
    """ReflinkVolume.start: the dirty image is a clone, or the image itself.

    A volume that is being imported doesn't start.
    """
    for volume in _saved(state, qube):
        if volume["importing"]:
            raise exc.StoragePoolException("Import operation in progress")
        if not is_reflink(state, volume):
            continue
        path, dirty = image(state, volume), image(state, volume, "-dirty")
        if volume["revisions_to_keep"] == -1:
            path.rename(dirty)
        else:
            clone(path, dirty)


def stop(state: State, qube: str) -> None:
    """ReflinkVolume.stop: the dirty image becomes the committed one."""
    for volume in _saved(state, qube):
        if is_reflink(state, volume):
            _commit(state, volume, image(state, volume, "-dirty"))


def _saved(state: State, qube: str) -> List[State]:
    found = state["vms"][qube]["volumes"].values()
    return [each for each in found if each["save_on_stop"]]


def _commit(state: State, volume: State, path: Path) -> None:
    """ReflinkVolume._commit: a revision, then one rename."""
    _add_revision(state, volume)
    path.rename(image(state, volume))


def _add_revision(state: State, volume: State) -> None:
    """_add_revision and _prune_revisions."""
    keep, path = volume["revisions_to_keep"], image(state, volume)
    if keep <= 0 or not path.exists():
        return
    found = _found_revisions(state, volume)
    number = int(found[-1].split("@")[0]) + 1 if found else 1
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    clone(path, path.with_name(f"{path.name}.{number}@{stamp}Z"))
    for each in _found_revisions(state, volume)[:-keep]:
        path.with_name(f"{path.name}.{each}").unlink()


def remove(state: State, qube: str, name: str) -> None:
    """ReflinkVolume.remove: all files of the volume, and its folder."""
    volume = state["vms"][qube]["volumes"].pop(name)
    if not is_reflink(state, volume):
        return
    path = image(state, volume)
    for each in [*path.parent.glob(f"{Path(volume['vid']).name}*.img*")]:
        each.unlink()
    if path.parent.exists() and not any(path.parent.iterdir()):
        path.parent.rmdir()


def import_begin(
    state: State, dest: str, arg: str, size: "int | None"
) -> "tuple[int, Path]":
    """ReflinkVolume.import_data: a new file beside the old one."""
    volume = _of(state, dest, arg)
    if volume["importing"]:
        raise exc.StoragePoolException("Import operation in progress")
    volume["importing"] = True
    path = image(state, volume, "-import")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    size = volume["size"] if size is None else size
    os.truncate(path, size)
    return size, path


def import_end(state: State, dest: str, arg: str, success: bool) -> None:
    """ReflinkVolume.import_data_end: commit it, or remove it."""
    volume = _of(state, dest, arg)
    path = image(state, volume, "-import")
    volume["importing"] = False
    if success:
        volume["size"] = path.stat().st_size
        _commit(state, volume, path)
    else:
        path.unlink()


def clone(source: Path, target: Path) -> None:
    """_copy_file: share the blocks, or copy where that can't be."""
    with open(source, "rb") as old, open(target, "wb") as new:
        try:
            fcntl.ioctl(new, _FICLONE, old.fileno())
        except OSError:
            os.truncate(target, source.stat().st_size)
            _copy_data(old.fileno(), new.fileno(), source.stat().st_size)


def _copy_data(old: int, new: int, size: int) -> None:
    at = 0
    while at < size:
        try:
            at = os.lseek(old, at, os.SEEK_DATA)
        except OSError:
            return
        data = os.pread(old, 1 << 20, at)
        os.pwrite(new, data, at)
        at += len(data)
