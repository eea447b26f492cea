"""What the page of a proof says in words: each step of an explanation, or why a file does not hold."""

from collections.abc import Collection
from dataclasses import dataclass

from api.i18n import Catalogue
from consent.ledger.bundles.explain import Explanation, Node
from consent.ledger.bundles.verify import Verdict
from consent.ledger.formats.note import VerifierKey

_LAST_DAY_S = 253_402_300_799
"""The end of the year 9999: a cosignature may name a later moment, a calendar cannot."""


@dataclass(frozen=True, slots=True)
class Row:
    """One step of the table: its number, the side, and range and hash of both nodes."""

    number: int
    side: str
    beside: str
    beside_hash: str
    above: str
    above_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """The texts of the page, in the order in which it shows them."""

    entry: str
    body: str
    opened: tuple[tuple[str, str], ...]
    leaf: str
    path: str
    rows: tuple[Row, ...]
    root_says: str
    root: str
    checkpoint: str
    signature: str
    keys: tuple[str, ...]
    witnesses: tuple[str, ...]
    strangers: str


def told(found: Explanation, texts: Catalogue, *, ours: bool, known: Collection[VerifierKey]) -> Told:
    """An explanation in the reader's language; `ours` says that the log's key is one of this installation.

    Of those who cosigned only the `known` are named: a file can bring witnesses of anybody's invention.
    """
    head, index = found.checkpoint, found.proven.index
    named = [one for one in found.cosigned if one.key in known]
    others = len(found.cosigned) - len(named)
    signed = "proof.signature_ours" if ours else "proof.signature_foreign"
    return Told(
        entry=texts.text("proof.bytes", index=index, origin=head.origin, size=len(found.body)),
        body=found.body.decode("ascii"),
        opened=found.proven.fields,
        leaf=found.leaf.hash.hex(),
        path=_path(len(found.steps), head.size, texts),
        rows=tuple(_rows(found, texts)),
        root_says=texts.text("proof.root", size=head.size),
        root=head.root.hex(),
        checkpoint=head.text,
        signature=texts.text(signed, origin=head.origin),
        keys=tuple(map(str, found.keys)),
        witnesses=tuple(
            texts.text("proof.witness", name=one.key.name, time=_moment(one.at_s, texts)) for one in named
        ),
        strangers=texts.text("proof.witness_strangers", count=others) if others else "",
    )


def failure(verdict: Verdict, texts: Catalogue) -> dict[str, str]:
    """Why a file does not hold, and in which part of it that was noticed."""
    bad = verdict.checks[-1]
    name = "surplus" if bad.name == "nothing unproven" else bad.name
    why = texts.text(f"proof_check.{name}")
    return {
        "error": texts.text("proof.fails", why=why),
        "place": texts.text("proof.place", where=bad.where),
    }


def ranged(node: Node, texts: Catalogue) -> str:
    """Which entries lie under a node."""
    key = "proof.range_one" if node.first == node.last else "proof.range"
    return texts.text(key, first=node.first, last=node.last)


def _path(count: int, size: int, texts: Catalogue) -> str:
    if not count:
        return texts.text("proof.path_none")
    return texts.text("proof.path_one" if count == 1 else "proof.path", count=count, size=size)


def _rows(found: Explanation, texts: Catalogue) -> list[Row]:
    return [
        Row(
            number,
            texts.text("proof.left" if step.left else "proof.right"),
            ranged(step.beside, texts),
            step.beside.hash.hex(),
            ranged(step.above, texts),
            step.above.hash.hex(),
        )
        for number, step in enumerate(found.steps, 1)
    ]


def _moment(at_s: int, texts: Catalogue) -> str:
    if at_s > _LAST_DAY_S:
        return f"{at_s} s"
    return texts.moment(at_s * 1000, "%H:%M:%S")
