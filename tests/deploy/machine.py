"""A machine of its own for a test: systemd as process 1 over a copy of this machine's files that is thrown away.

The files are an overlay on a tmpfs over the root folder, so nothing that is installed or written inside stays. Process,
mount, network, host name and IPC namespaces are its own: its loopback has no port of ours. Needs root.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Self

from dev import processes

PATIENCE = 120.0  # seconds; ends a test that hangs, decides nothing

# Arguments: the folder of the overlay. Prepares what systemd expects of a container (systemd.io/CONTAINER_INTERFACE).
_BOOT = r"""
set -eu
mount --make-rprivate / 2>/dev/null || true  # in a chroot / is no mount; whoever made that one has seen to it
mount -t tmpfs -o mode=755,size=4g tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
mknod -m 666 dev/null c 1 3; mknod -m 666 dev/zero c 1 5; mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8; mknod -m 666 dev/urandom c 1 9; mknod -m 666 dev/tty c 5 0
mkdir dev/pts dev/shm run/old
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ln -s pts/ptmx dev/ptmx; ln -s /proc/self/fd dev/fd
hostname town
# Out of a chroot, where there is one: user namespaces are refused in it.
exec 9<.
exec nsenter --mount=/proc/self/ns/mnt sh -euc '
    cd /proc/self/fd/9
    pivot_root . run/old
    cd /
    umount -l /run/old
    exec 9<&-
    exec env -i container=lxc PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
        /lib/systemd/systemd --unit=basic.target --log-target=null --show-status=0
'
"""
_UNSHARE = (
    "unshare",
    "--mount",
    "--propagation=unchanged",
    "--pid",
    "--net",
    "--uts",
    "--ipc",
    "--cgroup",
    "--fork",
    "--kill-child",
)


class Machine:
    """Boot at ``with``; what runs in it is killed at the end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._outside: subprocess.Popen[bytes] | None = None
        self._init = 0

    def __enter__(self) -> Self:
        """Boot, and wait until systemd answers."""
        self._outside = subprocess.Popen([*_UNSHARE, "sh", "-c", _BOOT, "sh", str(self._folder)])
        assert processes.wait_until(self._find_init, PATIENCE), "the machine did not boot"
        assert processes.wait_until(self._answers, PATIENCE), "systemd does not answer"
        return self

    def __exit__(self, *_: object) -> None:
        """Kill process 1 of the machine, and with it all others."""
        assert self._outside is not None
        self._outside.kill()
        self._outside.wait()

    def run(self, *command: str, text: str = "", fine: bool = True) -> str:
        """Run a command in the machine as root and return what it printed; it must succeed unless ``fine`` is False."""
        inside = ["nsenter", "--target", str(self._init), "--mount", "--pid", "--net", "--uts", "--ipc", "--cgroup"]
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        done = subprocess.run(
            [*inside, "--", "env", "-i", f"PATH={path}", "HOME=/root", "LANG=C.UTF-8", *command],
            input=text, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not fine or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def _find_init(self) -> bool:
        assert self._outside is not None
        assert self._outside.poll() is None, "the machine ended while it booted"
        children = Path(f"/proc/{self._outside.pid}/task/{self._outside.pid}/children").read_text().split()
        if not children:
            return False
        self._init = int(children[0])
        return os.path.realpath(f"/proc/{self._init}/exe").endswith("/systemd")

    def _answers(self) -> bool:
        return "basic.target" in self.run("systemctl", "list-units", "--state=active", "basic.target", fine=False)
