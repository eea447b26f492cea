"""A server of paper: answers what it was told to answer, and keeps every request it saw."""

from __future__ import annotations

import httpx

BASE = "http://127.0.0.1:8000"


class PaperServer:
    def __init__(self) -> None:
        self.seen: list[httpx.Request] = []
        self.breaks = 0
        self.refusal: tuple[int, str] | None = None
        self._pages: dict[str, httpx.Response] = {}

    def page(self, path: str, html: str, cookies: list[str] | None = None) -> None:
        headers = [("content-type", "text/html"), *(("set-cookie", cookie) for cookie in cookies or [])]
        self._pages[path] = httpx.Response(200, text=html, headers=headers)

    def redirect(self, path: str, to: str) -> None:
        self._pages[path] = httpx.Response(303, headers={"location": to})

    def answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path.startswith("/.well-known/"):
            return httpx.Response(200, json=_METADATA)
        self.seen.append(request)
        if path == "/par":
            return httpx.Response(201, json={"request_uri": "urn:1", "expires_in": 90})
        if path == "/v1/disclosures":
            return self._disclosure()
        made = self._pages[path]
        return httpx.Response(made.status_code, headers=made.headers, content=made.content)

    def _disclosure(self) -> httpx.Response:
        if self.breaks:
            self.breaks -= 1
            raise httpx.ConnectError("cut")
        if self.refusal:
            status, code = self.refusal
            return httpx.Response(status, json={"code": code})
        return httpx.Response(200, json={"disclosure_id": "ds_1", "data": {"name": "N"}, "receipt": "j"})


_METADATA = {
    "issuer": BASE,
    "resource": f"{BASE}/v1/disclosures",
    "pushed_authorization_request_endpoint": f"{BASE}/par",
    "authorization_endpoint": f"{BASE}/authorize",
    "token_endpoint": f"{BASE}/token",
}
