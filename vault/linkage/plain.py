"""The suggested pairs weighed in clear by Splink (Fellegi and Sunter), in a process of its own that ends with
the answer.

Only people whom blind codes suggest are opened, 64 for a row at most, inside the vault as for any suggestion
(ADR 0015); their values go through a pipe to `splink_program`, which has no network and can write no file, and
out comes a number for each pair. Nobody else is opened: linking a file with everybody in clear is not offered.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vault.errors import VaultError
from vault.fields.catalogue import FIELDS
from vault.fields.text import InvalidValue, clean
from vault.ids import Person
from vault.linkage.codes import LINKED, Record
from vault.linkage.filling import states_of
from vault.linkage.suggesting import Suggested, Suggestion
from vault.opening import Vault
from vault.people.stored import every_values

type Model = Sequence[Mapping[str, Any]]
"""By field, the probabilities of each level among pairs of one person (`m`) and of two (`u`)."""

_PROGRAM: Final = Path(__file__).with_name("splink_program.py")
_SECONDS: Final = 1_200
_CHUNK: Final = 1_000


class LinkageStopped(VaultError):
    """The program that weighs pairs ended without an answer."""

    code = "linkage_stopped"


@dataclass(frozen=True, slots=True)
class Weighed:
    """`bits`: by suggestion log2 of how much likelier the row is if it is about that person; `model`: by which."""

    bits: tuple[float, ...]
    model: Model


def is_installed() -> bool:
    """Whether the extra `linkage` is there."""
    return importlib.util.find_spec("splink") is not None


def weigh(
    vault: Vault, records: Sequence[Record], suggested: Suggested, model: Model | None = None
) -> Weighed:
    """Weigh every suggestion; of several states of a person the likeliest counts. Raises LinkageStopped.

    `model`: that of an earlier run, to have its figures again; by default it is learnt from these pairs, if they are
    enough.
    """
    states = _opened(vault, {one.person for one in suggested.found})
    pairs, owners = [], []
    for at, one in enumerate(suggested.found):
        for state in states.get(one.person, ()):
            pairs.append((_forms(records[one.row]), state))
            owners.append(at)
    if not pairs:
        return Weighed((0.0,) * len(suggested.found), model or ())
    answer = _asked(pairs, model)
    best: dict[int, float] = {}
    for at, bits in zip(owners, answer["weights"], strict=True):
        best[at] = max(bits, best.get(at, bits))
    return Weighed(tuple(best.get(at, 0.0) for at in range(len(suggested.found))), answer["model"])


def shares(
    found: Sequence[Suggestion], bits: Sequence[float], people: int
) -> dict[tuple[int, Person], float]:
    """By row and person the weight of "the row is about them" against the row's other candidates and everybody else.

    With B the ratio of each candidate, that is B / (`people` + sum of B): before looking, the row was about a
    stranger as likely as about anybody in a vault of so many.
    """
    ratios = [2.0 ** min(one, 500.0) for one in bits]
    totals: dict[int, float] = {}
    for one, ratio in zip(found, ratios, strict=True):
        totals[one.row] = totals.get(one.row, float(max(people, 1))) + ratio
    return {(one.row, one.person): ratio / totals[one.row] for one, ratio in zip(found, ratios, strict=True)}


def _opened(vault: Vault, people: Iterable[Person]) -> dict[Person, list[Record]]:
    every = sorted(people)
    found: dict[Person, list[Record]] = {}
    for start in range(0, len(every), _CHUNK):
        part = every[start : start + _CHUNK]
        keys = vault.keyring.subject_keys(part)
        homes = {who: (bucket, keys[who]) for bucket, who in part if who in keys}
        with vault.data.read() as conn:
            values = every_values(conn, vault, homes)
        for bucket, who in part:
            found[bucket, who] = [_forms(state) for state in states_of(values.get(who, ()))]
    return found


def _forms(record: Record) -> Record:
    return {field: _form(field, record[field]) for field in LINKED if record.get(field)}


def _form(field: str, text: str) -> str:
    try:
        form = FIELDS[field].canonical(text)
    except InvalidValue:
        form = clean(text)
    return form.partition("@")[0] if field == "email" else form


def _asked(pairs: Sequence[tuple[Record, Record]], model: Model | None) -> dict[str, Any]:
    asked = json.dumps({"pairs": pairs, "model": model}).encode()
    try:
        done = subprocess.run(  # noqa: S603 - our own program, and no value in its arguments
            [sys.executable, "-I", "-X", "utf8", str(_PROGRAM)],
            input=asked, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/", timeout=_SECONDS, check=True,
        )  # fmt: skip
        answer = json.loads(done.stdout)
    except (subprocess.SubprocessError, ValueError):
        raise LinkageStopped("the pairs were not weighed") from None
    if len(answer["weights"]) != len(pairs):
        raise LinkageStopped("the pairs were not weighed")
    return dict(answer)
