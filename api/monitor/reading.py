"""Reading a log and its witnesses over HTTP: addresses come from the monitor's own policy, answers from strangers.

Of every answer no more is taken than its kind can be long. Redirects are not followed: whoever moved says so to people.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import httpx

from consent.ledger import submission
from consent.ledger.entry import MAX_BYTES
from consent.ledger.monitor.reading import Reader
from consent.ledger.note import MAX_NOTE_BYTES
from consent.ledger.policy import Policy
from consent.ledger.tiles import WIDTH, Tile, entries_path
from consent.ledger.tree import HASH_BYTES

WITHIN_S: Final = 10.0
_BUNDLE_BYTES: Final = WIDTH * (MAX_BYTES + 2)


class HttpReader(Reader):
    """One log at `address`, read with an auditor's key, and the witnesses of a policy that have an address."""

    def __init__(self, client: httpx.Client, origin: str, address: str, policy: Policy, auditor: str) -> None:
        self._client, self.origin, self._address, self._policy = client, origin, address, policy
        self._auditor = {"Authorization": f"Bearer {auditor}"} if auditor else {}

    def head(self) -> bytes:
        return self._get(f"{self._address}/checkpoint", MAX_NOTE_BYTES)

    def tile(self, wanted: Tile) -> bytes:
        return self._get(f"{self._address}/{wanted.path}", WIDTH * HASH_BYTES)

    def entries(self, n: int, width: int) -> bytes:
        return self._get(f"{self._address}/{entries_path(n, width)}", _BUNDLE_BYTES, self._auditor)

    def witnessed(self) -> Sequence[bytes]:
        found: list[bytes] = []
        for url in {one.url.rstrip("/") for one in self._policy.witnesses if one.url}:
            with suppress(OSError):  # one that is away, or has never seen this log, says nothing against it
                found.append(self._get(url + submission.reading_path(self.origin), MAX_NOTE_BYTES))
        return found

    def _get(self, url: str, most: int, headers: Mapping[str, str] | None = None) -> bytes:
        try:
            with self._client.stream("GET", url, headers=dict(headers or {})) as answer:
                if answer.status_code != httpx.codes.OK:
                    raise OSError(f"{url} answers {answer.status_code}")
                data = b""
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > most:
                        raise OSError(f"{url} answers with more than it can have")
                return data
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise OSError(f"{url} does not answer: {type(error).__name__}") from None


def client() -> httpx.Client:
    """What all readers of one round share."""
    return httpx.Client(timeout=WITHIN_S, follow_redirects=False, headers={"User-Agent": "perusal-monitor"})
