from __future__ import annotations

import socket

from dev.service import ask


def test_a_service_that_does_not_listen_is_told_in_plain_words() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        said = ask(f"http://127.0.0.1:{unused.getsockname()[1]}/readyz")

    assert said == "no answer (Connection refused)"
