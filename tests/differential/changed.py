"""A signed request changed on the way: it is nobody's, unless it still says the same."""

from __future__ import annotations

import random

from tests.differential.orders import ACCESS_KEY
from tests.fuzz.essence import essence
from tests.mutations import places


async def tried_everywhere(request, judge, *, seed):
    """Change the request in one place after the other; return the kinds of places there were.

    Each verdict is held to what the request then says.
    """
    chance = random.Random(seed)
    kinds = set()
    for what, same, make in places(request):
        changed = make(chance)
        if changed == request:
            continue
        kinds.add(what.partition(":")[0])
        accepted = await judge(changed) == ACCESS_KEY
        # Of a path that is normalised a letter may be changed that does not count.
        assert accepted is same or (accepted and essence(changed) == essence(request)), (what, changed)
    return kinds
