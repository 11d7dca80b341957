"""The entry: `python3 -m dev VERB`."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  # this line exists to say so to an older Python
    sys.exit("dev: Python 3.11 or newer is needed; this is " + sys.version.split()[0])

from dev.verbs import main  # after the check, for an older Python cannot even read it

sys.exit(main(sys.argv[1:]))
