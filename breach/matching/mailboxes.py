"""Addresses written otherwise than the vault has them, by the mailbox that they lead to.

`zhangsan+shop@googlemail.com` reaches whoever has `zhang.san@gmail.com`. Where no value of a row is known as it stands,
its addresses that are such spellings are looked up by the tag of their mailbox, and each hit is opened inside the
vault and compared by its mailbox again. So the row is about that person; that it was this version of their address
that leaked, it does not show. It therefore counts like a masked row: one person left is an item of that kind, and of
several each is a candidate (ADR 0035, ADR 0051).
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from breach.intake.columns import Kind
from breach.matching.asked import Asked
from breach.matching.cells import Cells
from breach.matching.masked import Settled
from vault.families.merge import survivors
from vault.fields import email
from vault.ids import SubjectId
from vault.keys.keyring import Keyring
from vault.tags import Hit, Probe, Shape, confirm, match


def settle(
    conn: Connection, keyring: Keyring, asked: Asked, known: Mapping[int, object], cells: Cells
) -> Settled:
    """Judge the rows of a batch by the mailboxes they show; `known`: the numbers of probes that were found."""
    settled = Settled()
    shown = _shown(asked, known)
    boxes = list(dict.fromkeys(box for row in shown.values() for box in row))
    probes = [Probe(Kind.EMAIL.value, box, Shape.PLAIN) for box in boxes]
    hits = match(conn, keyring.tag_keys, probes)
    answers = confirm(conn, keyring, hits, probes)
    found: dict[str, list[Hit]] = {}
    for hit, true in zip(hits, answers, strict=True):
        if true:
            found.setdefault(boxes[hit.probe], []).append(hit)
            settled.met.add((hit.bucket, hit.subject))
    merged = survivors(conn, {(hit.bucket, hit.subject) for hits in found.values() for hit in hits})
    for row in shown.values():
        _settle([hit for box in row for hit in found.get(box, ())], merged, settled, cells)
    return settled


def _shown(asked: Asked, known: Mapping[int, object]) -> dict[int, list[str]]:
    """The mailboxes of the addresses of each row of which nothing is known as it stands."""
    boxes = {
        number: box
        for address, number in asked.numbers[Kind.EMAIL].items()
        if (box := email.mailbox(address)) != address and number not in known
    }
    if not boxes:
        return {}
    decided = {row for row, number in asked.cells if number in known}
    shown: dict[int, list[str]] = {}
    for row, number in asked.cells:
        if number in boxes and row not in decided:
            shown.setdefault(row, []).append(boxes[number])
    return shown


def _settle(
    hits: Sequence[Hit], merged: Mapping[SubjectId, SubjectId], settled: Settled, cells: Cells
) -> None:
    same = {merged.get(hit.subject, hit.subject) for hit in hits}
    if len(same) == 1:
        cells.rows_by_mailbox += 1
        settled.agreed |= {(hit.bucket, hit.subject, hit.field, hit.version) for hit in hits}
        return
    people = sorted({(hit.bucket, hit.subject, hit.field) for hit in hits})
    for one in people:
        settled.weigh(one, len(people))
