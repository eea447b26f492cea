"""A person's browser, without a screen: cookies, redirects, and the forms that the pages really contain.

It presses only buttons that are on the page and sends only what the form holds, so a page without its hidden
token, its refuse button or its withdraw button fails here as it would in a person's hands. One instance belongs
to one thread and one person; the connections underneath are shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookies import SimpleCookie
from urllib.parse import urljoin, urlsplit

import httpx

MAX_REDIRECTS = 8
_REDIRECTS = {301, 302, 303, 307, 308}


class PageProblem(Exception):
    """The page is not what a person needed to see: `code` says what was missing."""

    def __init__(self, code: str, status: int = 0) -> None:
        super().__init__(f"{code} ({status})")
        self.code = code
        self.status = status


@dataclass(slots=True)
class Form:
    """One form of a page: where it goes, its fields with their values, and its buttons as (name, value)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Where the browser ended: `left` is true when the address belongs to somebody else's site."""

    url: str
    status: int
    text: str
    left: bool
    content: bytes = b""

    def forms(self) -> list[Form]:
        """Every form of the page, in order."""
        parser = _FormParser(self.url)
        parser.feed(self.text)
        return parser.forms

    def links(self) -> list[str]:
        """Every address the page links to, absolute, in order."""
        parser = _FormParser(self.url)
        parser.feed(self.text)
        return parser.links


class Browser:
    """A person's browser at one site."""

    def __init__(self, http: httpx.Client, base_url: str, *, language: str = "zh-CN", name: str = "") -> None:
        self._http = http
        self._base_url = base_url
        self._host = urlsplit(base_url).netloc
        self.language = language
        self.name = name
        self._cookies: dict[str, str] = {}
        self.steps = 0

    def get(self, url: str) -> Page:
        """Open an address and follow redirects until a page, or until an address of another site."""
        return self._go("GET", url, None)

    def submit(self, form: Form, values: Mapping[str, str] | None = None, button: str | None = None) -> Page:
        """Fill in a form and press the button whose value is `button`; raises PageProblem if it has none."""
        data = {**form.fields, **(values or {})}
        if button is not None:
            data.update([_button(form, button)])
        return self._go(form.method, form.action, data)

    def sign_in(self, key: str) -> Page:
        """Sign in with a key; raises PageProblem when the page refuses it."""
        page = self.get(f"{self._base_url}/{self.language}/sign-in")
        return self.sign_in_on(page, key)

    def sign_in_on(self, page: Page, key: str) -> Page:
        """Fill in the sign-in form that is on `page`."""
        form = form_with(page, "key")
        after = self.submit(form, {"key": key})
        if after.status >= 400:
            raise PageProblem("sign_in_refused", after.status)
        return after

    def decide(self, authorize_url: str, key: str, *, approve: bool) -> str:
        """Open an app's request, sign in if asked, press approve or refuse; returns the app's call-back address."""
        page = self.get(authorize_url)
        if not page.left and _has_field(page, "key"):
            page = self.sign_in_on(page, key)
        button = "approve" if approve else "refuse"
        after = self.submit(form_with_button(page, button), button=button)
        if not after.left and after.status == 200 and _has_field(after, "signature"):
            # What law demands in writing is signed by name.
            after = self.submit(form_with(after, "signature"), {"signature": self.name}, button)
        if not after.left and after.status == 200 and _has_field(after, "key"):
            # What is sensitive takes the key once more.
            after = self.submit(form_with(after, "key"), {"key": key})
        if not after.left:
            raise PageProblem("decision_not_taken", after.status)
        return after.url

    def withdraw(self, grant_id: str) -> Page:
        """Open the page of all grants and press the one withdraw button of this grant."""
        page = self.get(f"{self._base_url}/{self.language}/grants")
        for form in page.forms():
            if f"/grants/{grant_id}/withdraw" in form.action:
                after = self.submit(form)
                if after.status >= 400:
                    raise PageProblem("withdrawal_refused", after.status)
                return after
        raise PageProblem("no_withdraw_button", page.status)

    def _go(self, method: str, url: str, data: Mapping[str, str] | None) -> Page:
        for _ in range(MAX_REDIRECTS):
            if urlsplit(url).netloc != self._host:
                return Page(url=url, status=0, text="", left=True)
            response = self._send(method, url, data)
            if response.status_code not in _REDIRECTS:
                return Page(
                    url=url,
                    status=response.status_code,
                    text=response.text if "text" in response.headers.get("content-type", "") else "",
                    left=False,
                    content=response.content,
                )
            url = urljoin(url, response.headers["location"])
            if response.status_code not in {307, 308}:
                method, data = "GET", None
        raise PageProblem("too_many_redirects")

    def _send(self, method: str, url: str, data: Mapping[str, str] | None) -> httpx.Response:
        self.steps += 1
        headers = {"Accept": "text/html", "Accept-Language": self.language}
        if self._cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        if method == "POST":
            # What every browser adds to a form sent by the page's own site.
            headers |= {"Origin": self._base_url, "Sec-Fetch-Site": "same-origin"}
        response = self._http.request(method, url, data=data, headers=headers)
        self._keep_cookies(response)
        return response

    def _keep_cookies(self, response: httpx.Response) -> None:
        """Loopback counts as a secure origin, as in every browser, so Secure cookies are kept over plain HTTP."""
        for line in response.headers.get_list("set-cookie"):
            for name, morsel in SimpleCookie(line).items():
                if morsel.value and morsel["max-age"] != "0":
                    self._cookies[name] = morsel.value
                else:
                    self._cookies.pop(name, None)


def form_with(page: Page, name: str) -> Form:
    """The form of the page that has a field of this name; raises PageProblem."""
    for form in page.forms():
        if name in form.fields:
            return form
    raise PageProblem(f"no_field_{name}", page.status)


def form_with_button(page: Page, value: str) -> Form:
    """The form of the page that has a button of this value; raises PageProblem."""
    for form in page.forms():
        if any(button[1] == value for button in form.buttons):
            return form
    raise PageProblem(f"no_button_{value}", page.status)


def _button(form: Form, value: str) -> tuple[str, str]:
    for button in form.buttons:
        if button[1] == value:
            return button
    raise PageProblem(f"no_button_{value}")


def _has_field(page: Page, name: str) -> bool:
    return any(name in form.fields for form in page.forms())


class _FormParser(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._open: Form | None = None
        self.forms: list[Form] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(urljoin(self._url, given.get("action", "")), given.get("method", "get").upper())
            self.forms.append(self._open)
        elif tag == "a" and given.get("href"):
            self.links.append(urljoin(self._url, given["href"]))
        elif self._open is not None:
            _read_control(self._open, tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def _read_control(form: Form, tag: str, given: Mapping[str, str]) -> None:
    """Take a control into the form as a browser would: an unticked box and an unnamed control send nothing."""
    name, kind = given.get("name", ""), given.get("type", "")
    if tag == "button" or (tag == "input" and kind == "submit"):
        form.buttons.append((name, given.get("value", "")))
    elif tag in {"input", "textarea", "select"} and name:
        if kind in {"checkbox", "radio"} and "checked" not in given:
            return
        form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")
