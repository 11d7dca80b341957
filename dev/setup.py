"""Make a checkout able to run: Debian packages, the virtual environment, the front end."""

from dev import frontend, locks, packages, venv
from dev.places import VAR, require_writable


def ensure(
    *,
    development: bool = False,
    browser: bool = False,
    server: bool = True,
    front: bool = False,
    load: bool = False,
    production: bool = False,
) -> None:
    """Install what is missing and say what; quick when nothing is.

    `development`: also what the checks and the tests need; `browser`: also a browser; `server`: also PostgreSQL;
    `front`: also the front end; `load`: also what the map is measured with under load;
    `production`: also what backups need.
    """
    require_writable(VAR)
    with locks.held(VAR / "setup.lock", busy="Waiting for another set-up of this checkout", wait=True):
        packages.ensure(server=server, browser=browser, load=load, production=production)
        venv.ensure(development=development)
        if front:
            frontend.ensure()
