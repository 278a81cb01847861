"""A load on a service whose callers notice everything."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.region import signed

if TYPE_CHECKING:
    from tests.region import Region

PEOPLE = ("admin", "alice", "bob")
"""Whom they ask about."""


class Load:
    """Callers that never ask twice: half of them keep their connections, half do not.

    Args:
        url: Whom they ask.
        region: Whose people they ask about.
        callers: How many they are.
        pause: Seconds each takes between two questions.

    Attributes:
        statuses: 200 for each yes, 0 for a no.
        failures: Everything else, that the service could not tell and said so included.
    """

    def __init__(self, url: str, region: Region, *, callers: int = 4, pause: float = 0.0) -> None:
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self._address = urlsplit(url)
        self._bodies = [json.dumps(signed(region.people[name])) for name in PEOPLE]
        self._headers = {"Authorization": f"Bearer {region.token}", "Content-Type": "application/json"}
        self._pause = pause
        self._enough = threading.Event()
        self._threads = [
            threading.Thread(target=self._ask, args=(number % 2 == 0,)) for number in range(callers)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.enough()
        for thread in self._threads:
            thread.join()

    def enough(self) -> None:
        """Let each finish what it has asked."""
        self._enough.set()

    def _ask(self, keeps: bool) -> None:
        connection, bodies = None, itertools.cycle(self._bodies)
        while not self._enough.wait(self._pause):
            if connection is None:
                connection = http.client.HTTPConnection(
                    self._address.hostname, self._address.port, timeout=10
                )
            try:
                connection.request("POST", "/v1/verify", next(bodies), self._headers)
                response = connection.getresponse()
                body = response.read()
                if response.status != HTTPStatus.OK:
                    self.failures.append(f"{response.status} {body[:200]!r}")
                    continue
                authenticated = json.loads(body)["authenticated"]
            except Exception as error:
                self.failures.append(repr(error))
                connection.close()
                connection = None
                continue
            self.statuses.append(response.status if authenticated else 0)
            if not keeps:
                connection.close()
            if connection.sock is None:
                connection = None
        if connection is not None:
            connection.close()
