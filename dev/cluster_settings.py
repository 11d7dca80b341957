"""The settings of a private cluster, written anew at every start."""

from pathlib import Path

FILE = "private.conf"

COMMON = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] %u@%d ",
    "jit": "off",  # our queries are short: compiling them costs more than it saves
    "random_page_cost": "1.1",  # no spinning discs
    # Two cores, both wanted for other requests; and a container's /dev/shm may be too small for parallel work.
    "max_parallel_workers_per_gather": "0",
    "max_parallel_maintenance_workers": "0",
    "work_mem": "8MB",
}
DURABLE = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
}
PASSING = {
    "max_connections": "200",
    "shared_buffers": "128MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


def render(socket: Path, *, durable: bool) -> str:
    """Return the text of the settings file; `socket` is the folder of the socket.

    The setting of the folder is a list, so the path stands in double quotes inside of the single ones.
    """
    settings = {"unix_socket_directories": f'"{socket}"', **COMMON, **(DURABLE if durable else PASSING)}
    return "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items())


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
