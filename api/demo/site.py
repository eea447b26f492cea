"""The demo's installation: made, filled with apps and people by the same commands an operator would type.

People go to `perusal enrol` by standard input, so that the city is never written to the disk in the clear. What comes
back, one sign-in key for each person, is what the service would send to that person's phone.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from joserfc.jwk import ECKey

from api.demo.apps import APPS
from api.demo.city import Citizen
from api.demo.programs import perusal
from api.demo.terms_signature import terms_signature
from api.demo.visits import Registered, languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """An installation with its apps registered and its people enrolled; keys of both sides, because we play both."""

    home: Path
    apps: Sequence[Registered]
    app_keys: Sequence[ECKey]
    sign_in_keys: dict[int, str]
    people: Sequence[Citizen]


def found_site(home: Path) -> dict[str, Any]:
    """`perusal init`."""
    return perusal("init", "--dir", home)


def register_apps(home: Path) -> tuple[list[Registered], list[ECKey]]:
    """`perusal recipient add -` for every app, each with a new key of its own, and its signature under its terms."""
    keys = [ECKey.generate_key("P-256", {"alg": "ES256", "use": "sig"}, auto_kid=True) for _ in APPS]
    wanted = [
        app.registration(number, {"keys": [key.as_dict(private=False)]})
        for number, (app, key) in enumerate(zip(APPS, keys, strict=True), 1)
    ]
    told = perusal("recipient", "add", "-", "--dir", home, stdin=json.dumps(wanted))
    signed = [
        {"terms": made["terms"][0]["id"], "signature": terms_signature(key, made["terms"][0]["hash"])}
        for made, key in zip(told["recipients"], keys, strict=True)
    ]
    perusal("recipient", "sign", "-", "--dir", home, stdin=json.dumps(signed))
    registered = [
        Registered(
            app=app,
            client_id=made["client_id"],
            recipient_id=made["recipient_id"],
            notices=languages(made["notices"]),
            terms=made["terms"][0],
        )
        for app, made in zip(APPS, told["recipients"], strict=True)
    ]
    return registered, keys


def enrol_city(home: Path, people: Sequence[Citizen]) -> dict[int, str]:
    """`perusal enrol -`; returns each person's sign-in key by the person's number."""
    lines = "".join(
        json.dumps({**person.values(), "lang": person.lang}, ensure_ascii=False) + "\n" for person in people
    )
    keys_file = home / "handed-out.jsonl"
    perusal("enrol", "-", "--keys-out", keys_file, "--dir", home, stdin=lines)
    given = [json.loads(line) for line in keys_file.read_text(encoding="utf-8").splitlines()]
    # The keys now belong to the people; no copy may stay with the service.
    keys_file.unlink()
    return {people[row["line"] - 1].number: row["key"] for row in given}
