"""Make a checkout able to run: Debian packages, then the virtual environment."""

from dev import locks, packages, venv
from dev.places import VAR, require_writable


def ensure(*, development: bool = False, browser: bool = False, server: bool = True) -> None:
    """Install what is missing and say what; quick when nothing is.

    `development`: also what the checks and the tests need; `browser`: also a browser; `server`: also PostgreSQL.
    """
    require_writable(VAR)
    with locks.held(VAR / "setup.lock", busy="Waiting for another set-up of this checkout", wait=True):
        packages.ensure(server=server, browser=browser)
        venv.ensure(development=development)
