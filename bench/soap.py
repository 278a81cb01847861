"""What a signed SOAP message costs: taken apart and proven, in microseconds of CPU, beside signxml.

``python -m bench.soap [--rounds 9] [--messages 300]``: the two are measured in turn, so that the ratio holds whatever
else the machine does; the lowest round is the figure.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from typing import TYPE_CHECKING

from authsvc.errors import AuthError
from authsvc.signing import wssecurity
from tests import soap
from tests.attacks.hostile_soap import ATTACKS, Caught
from tests.properties.second_opinion import second_opinion

if TYPE_CHECKING:
    from collections.abc import Callable


def messages(at: float) -> dict[str, bytes]:
    """Sign messages of the sizes that matter: a usual one, one with 16 KiB of user data, one of 500 instances."""
    instances = "".join(f"<item><instanceId>i-{number:08x}</instanceId></item>" for number in range(500))
    bodies = {
        "usual": _run_instances("QUJD" * 64),
        "user data": _run_instances("QUJD" * 4096),
        "500 instances": f'<DescribeInstances xmlns="{soap.EC2}"><instancesSet>{instances}</instancesSet></DescribeInstances>',
    }
    return {name: soap.message(soap.signer(), at, body=body) for name, body in bodies.items()}


def _run_instances(user_data: str) -> str:
    """Write a RunInstances as clients do."""
    fields = {
        "imageId": "ami-1a2b3c4d",
        "minCount": "1",
        "maxCount": "2",
        "keyName": "alice",
        "userData": user_data,
    }
    fields |= {"addressingType": "public", "instanceType": "m1.small", "kernelId": "aki-1a2b3c4d"}
    groups = "".join(f"<item><groupId>sg-{number:08x}</groupId></item>" for number in range(4))
    rest = "".join(f"<{name}>{value}</{name}>" for name, value in fields.items())
    return f'<RunInstances xmlns="{soap.EC2}">{rest}<groupSet>{groups}</groupSet></RunInstances>'


def ours(raw: bytes) -> None:
    """Read and prove."""
    wssecurity.prove(wssecurity.read(raw), soap.signer().der)


def theirs(raw: bytes) -> None:
    """Verify by signxml, without any gate in front."""
    second_opinion(raw, soap.signer().der)


def cost(work: Callable[[bytes], None], raw: bytes, times: int) -> float:
    """Return CPU microseconds for one."""
    began = time.process_time()
    for _ in range(times):
        work(raw)
    return (time.process_time() - began) / times * 1e6


def main() -> None:
    """Run and print a table, and the dearest of the hostile messages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--messages", type=int, default=300)
    options = parser.parse_args()
    print(f"{'message':15}{'bytes':>8}{'authsvc':>10}{'signxml':>10}{'ratio':>8}   (µs CPU, lowest round)")
    for name, raw in messages(time.time()).items():
        rounds = [
            (cost(ours, raw, options.messages), cost(theirs, raw, max(1, options.messages // 4)))
            for _ in range(options.rounds)
        ]
        own, other = (min(each) for each in zip(*rounds, strict=True))
        print(f"{name:15}{len(raw):8}{own:10.0f}{other:10.0f}{other / own:8.1f}")
    dearest, name = max(
        (min(cost(refused, raw, 1) for _ in range(5)), name) for name, raw in hostile().items()
    )
    print(f"of the hostile messages {name!r} costs most: {dearest / 1000:.1f} ms until it is refused")


def hostile() -> dict[str, bytes]:
    """Make every hostile message that the tests send."""
    now, user = time.time(), soap.signer()
    caught = Caught(user, soap.signer("mallory", number=3), now, soap.message(user, now))
    return {name: make(caught) for name, make in ATTACKS.items()}


def refused(raw: bytes) -> None:
    """Read what may not be readable."""
    with contextlib.suppress(AuthError):
        wssecurity.read(raw)


if __name__ == "__main__":
    main()
