# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What runs in the virtual machine: inside.sh FOLDER MINOR-VERSION-OF-PYTHON
set -eu
folder=$1
python=python3.$2

for module in dm-thin-pool dm-snapshot loop ext4; do
    modprobe "$module" || echo "no module $module"
done
mkdir -p /run/hot
mount -t tmpfs -o size=1800m,mode=755 hot /run/hot
tar -x -C /run/hot -f "$folder/hot.tar"
mkdir -p /run/hot/work /run/hot/lvm
# The tools of thin pools read past the cache, which tmpfs doesn't offer.
truncate -s 700M /run/hot/disk.img
mkfs.ext4 -q -F -O ^has_journal /run/hot/disk.img
mount -o loop /run/hot/disk.img /run/hot/work
cat >/run/hot/lvm/lvm.conf <<CONF
devices {
    use_devicesfile=0 filter=["a|^/dev/loop|","r|.*|"]
    obtain_device_list_from_udev=0 external_device_info_source="none"
    md_component_detection=0 multipath_component_detection=0
}
global { thin_check_executable="/run/hot/bin/thin_check" }
activation { udev_sync=0 udev_rules=0 monitoring=0 }
backup { backup=0 archive=0 }
CONF
cat >/run/hot/bin/qvm-wyng <<PROGRAM
#!/run/hot/bin/$python
import sys
from wyng_dom0.cli.main import main
sys.exit(main())
PROGRAM
cat >/run/hot/bin/wyng-store <<PROGRAM
#!/run/hot/bin/$python
import sys
from wyng_store.main import main
sys.exit(main())
PROGRAM
chmod +x /run/hot/bin/qvm-wyng /run/hot/bin/wyng-store
tree=/run/hot/tree
export PATH=/run/hot/bin:/usr/sbin:/usr/bin:/sbin:/bin
export LD_LIBRARY_PATH=/run/hot/lib LVM_SYSTEM_DIR=/run/hot/lvm
export PYTHONPATH=/run/hot/site:$tree/common:$tree/dom0:$tree/backupvm:$tree/tests
export TMPDIR=/run/hot/work HOME=/run/hot/work WYNG_IN_MACHINE=$folder
export LC_ALL=C.UTF-8 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
cd "$tree"
echo "MACHINE READY after $(cut -d ' ' -f 1 /proc/uptime) seconds"
"$python" -m machine.inside || echo "pytest ended with $?"
sync
echo "MACHINE DONE after $(cut -d ' ' -f 1 /proc/uptime) seconds"
