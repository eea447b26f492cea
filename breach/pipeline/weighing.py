"""From what was matched to what is judged: the readings of a dump, and when each suspect's copy was taken."""

from dataclasses import replace

from breach.matching.cells import Cells
from breach.pipeline.linking import Linked
from breach.pipeline.reporting import Masked, Seen
from breach.trace.attribute import Attribution, MaskedRows
from breach.trace.chance import may_count
from breach.trace.copies import Copies
from breach.trace.dating import Dated, date_leak
from breach.weighing import contacts, exposure, planted
from breach.weighing.timelines import timelines
from vault.backups.made import made_before
from vault.opening import Vault


def weigh(vault: Vault, trace_id: bytes, before_ms: int, cells: Cells, linked: Linked | None = None) -> Seen:
    """What the dump shows, with masked rows apart: they count only while chance explains few of them."""
    buckets = vault.installation.buckets
    with vault.data.read() as conn:
        met = planted.meet(conn, vault, trace_id, before_ms)
        evidence, exposed = exposure.weigh(conn, trace_id, buckets, before_ms, met=met)
        weights = exposure.candidate_weights(conn, trace_id, buckets, before_ms, linked=False)
        likes = exposure.candidate_weights(conn, trace_id, buckets, before_ms, linked=True)
        masked = None
        if cells.rows_agreed_masked:
            with_masked, wider = exposure.weigh(conn, trace_id, buckets, before_ms, masked=True, met=met)
            masked = Masked(MaskedRows(with_masked if _may_count(cells) else None), wider)
        numbers = {recipient: k for k, recipient in enumerate(exposed.recipient_ids)}
        aliases = contacts.weigh(conn, trace_id, numbers, before_ms, cells)
        nobody = planted.weigh(conn, vault, met, exposed.recipient_ids, cells)
        copies = Copies.of(exposed.stock.timeline(before_ms), made_before(conn, before_ms))
    return Seen(
        cells=cells,
        evidence=replace(evidence, rows=cells.rows),
        exposure=exposed,
        candidates=weights,
        masked=masked,
        contacts=aliases,
        linked=None if linked is None else (linked, likes),
        planted=nobody,
        copies=copies,
    )


def date_suspects(
    vault: Vault, trace_id: bytes, before_ms: int, seen: Seen, result: Attribution
) -> dict[int, Dated]:
    """Of every recipient that chance does not explain: when its copy was taken, if it is the source."""
    suspects = {one.recipient for one in result.findings if one.named or one.ln_e >= result.threshold}
    with vault.data.read() as conn:
        held = timelines(
            conn,
            trace_id,
            vault.installation.buckets,
            before_ms,
            recipient_ids=seen.exposure.recipient_ids,
            suspects=suspects,
        )
    found = ((k, date_leak(timeline)) for k, timeline in held.items())
    return {k: dated for k, dated in found if dated is not None}


def _may_count(cells: Cells) -> bool:
    return may_count(
        cells.rows_masked, cells.rows_agreed_masked, cells.rows_controlled, cells.controls_agreed
    )
