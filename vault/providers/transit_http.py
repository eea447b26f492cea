"""HTTP to a transit engine: one short connection per call, bounded in time and size, and nothing of it logged.

Plain http is for this machine only. A reset connection is tried once more; redirects are not followed, because
the token would go along. Nothing that was sent or answered gets into an error.
"""

import http.client
import json
import re
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from vault.providers.address import checked_address
from vault.providers.base import ProviderDown, ProviderRefused

TIMEOUT_SECONDS = 5.0
_LIMIT = 65_536
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*/?")
_TOKEN = re.compile(r"[!-~]{1,4096}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A status, the `data` of the body, and what went wrong in lower case (both empty when there is none)."""

    status: int
    data: Mapping[str, object] = field(repr=False)
    problem: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitHttp:
    """Where the engine is: `address` as https://host:port, its `mount`, and who we are.

    `token` is asked for every call, because agents renew it in its file. `ca_file` replaces the system's
    authorities. Raises ValueError for an address that is not allowed.
    """

    address: str
    token: Callable[[], str] = field(repr=False)
    mount: str = "transit"
    namespace: str = ""
    ca_file: Path | None = None
    timeout: float = TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        checked_address(self.address)
        if not _NAME.fullmatch(self.mount) or (self.namespace and not _NAME.fullmatch(self.namespace)):
            raise ValueError("mount and namespace are paths of letters, digits, dot, hyphen and underscore")

    def post(self, path: str, body: Mapping[str, object], *, again: bool = True) -> Answer:
        """Send `body` to `<mount>/<path>`; `again` allows a second try after a reset. Raises ProviderDown."""
        raw = json.dumps(body).encode()
        headers = {
            "Content-Type": "application/json",
            "X-Vault-Token": self._token(),
            "X-Vault-Request": "true",
        }
        if self.namespace:
            headers["X-Vault-Namespace"] = self.namespace
        target = f"{urlsplit(self.address).path.rstrip('/')}/v1/{self.mount.rstrip('/')}/{path}"
        try:
            return self._send(target, raw, headers)
        except ConnectionError:
            if not again:
                raise ProviderDown("the connection to the transit engine broke") from None
        try:
            return self._send(target, raw, headers)
        except ConnectionError:
            raise ProviderDown("the connection to the transit engine broke twice") from None

    def describe(self) -> Mapping[str, str]:
        """Address, mount and namespace."""
        return {"address": self.address, "mount": self.mount, "namespace": self.namespace}

    def _send(self, target: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request("POST", target, raw, dict(headers))
            response = connection.getresponse()
            content = response.read(_LIMIT + 1)
        except ConnectionError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise ProviderDown(f"the transit engine does not answer ({type(error).__name__})") from None
        finally:
            connection.close()
        return _read(response.status, content)

    def _connection(self) -> http.client.HTTPConnection:
        url = urlsplit(self.address)
        host = url.hostname or ""
        if url.scheme == "http":
            return http.client.HTTPConnection(host, url.port, timeout=self.timeout)
        try:
            trust = ssl.create_default_context(cafile=None if self.ca_file is None else str(self.ca_file))
        except OSError:
            raise ProviderRefused("the file of trusted authorities cannot be used") from None
        return http.client.HTTPSConnection(host, url.port, timeout=self.timeout, context=trust)

    def _token(self) -> str:
        token = self.token()
        # A line end in it would become a header of its own.
        if not _TOKEN.fullmatch(token):
            raise ProviderRefused("the token for the transit engine is empty or malformed")
        return token


def _read(status: int, content: bytes) -> Answer:
    if len(content) > _LIMIT:
        raise ProviderDown("the transit engine answered far too much")
    try:
        body = json.loads(content) if content else {}
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    data, errors = body.get("data"), body.get("errors")
    problem = " ".join(str(error) for error in errors) if isinstance(errors, list) else ""
    return Answer(status=status, data=data if isinstance(data, dict) else {}, problem=problem.lower())
