from __future__ import annotations

import json
from collections import defaultdict

import pytest

from benchmarks.lives import STEPS, Life, by_life, share_out


@pytest.mark.parametrize("clients", [1, 4])
def test_each_client_lives_whole_lives_in_their_order(clients: int) -> None:
    lives = [Life({"public_id": f"L{number}"}) for number in range(8)]

    requests = share_out(lives, "token", clients)

    for first in range(clients):
        steps = defaultdict(list)
        for request in requests[first::clients]:
            steps[request.path].append(json.loads(request.body or b"")["action"])
        assert len(steps) == 8 // clients
        assert all(taken == [step.value for step in STEPS] for taken in steps.values())
    assert len({request.headers["Idempotency-Key"] for request in requests}) == len(requests) == 8 * len(STEPS)


def test_latencies_are_parted_into_lives() -> None:
    assert list(by_life([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])) == [(1.0, 2.0, 3.0), (4.0, 5.0, 6.0)]
