"""An operator who keeps two things that are measured, and offers both to whoever runs an account."""

from dataclasses import replace

from consent.wording import own_fields
from vault.fields.custom import parse
from vault.fields.defined import catalogue_of, define
from vault.opening import Vault

DEFINED = """
[x_visit]
number = 40
labels = { en = "Last visit", zh-CN = "最近一次到访" }
kind = "moment"
precision = "minute"
sensitivity = "ordinary"
bits = 18

[x_door]
number = 41
labels = { en = "Where the door is", zh-CN = "门口位置" }
kind = "coordinates"
precision = 4
sensitivity = "ordinary"
bits = 24
"""
FIELDS = ("x_visit", "x_door")


def measured(vault: Vault, now_ms: int) -> Vault:
    """The vault as it is opened after both were defined; purposes must be there."""
    with vault.data.write() as conn:
        for definition in parse(DEFINED):
            define(conn, vault.installation.tenant, definition, now_ms)
        known = replace(vault, catalogue=catalogue_of(conn, vault.installation.tenant))
    for code in FIELDS:
        own_fields.offer(known, "account", code, now_ms)
    return known


def values(number: int) -> dict[str, str]:
    """Both of one person, as an operator takes them in: more precisely than they are kept."""
    return {
        "x_visit": f"2026-11-{number % 28 + 1:02d} 22:{number % 60:02d}:41.5+08:00",
        "x_door": f"31.{2304 + number}4, 121.{4737 + number}1",
    }


def kept(number: int) -> dict[str, str]:
    """The same as they are kept."""
    return {
        "x_visit": f"2026-11-{number % 28 + 1:02d}T14:{number % 60:02d}:00Z",
        "x_door": f"31.{2304 + number},121.{4737 + number}",
    }
