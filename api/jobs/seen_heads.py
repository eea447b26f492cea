"""What witnesses have seen of our logs, asked before anything is signed: a restored data base does not know it any more.

Each witness's reading side (C2SP tlog-witness) is asked for every log there is or may have been: those stored,
those remembered beside the data base, and this year's of each bucket and the edition after the newest, of which
an older copy may know nothing. Whatever it says of a log that was given up changes nothing any more, unless it
is of a larger one. Only heads that our own key signed count. Whom nobody reaches says nothing, and stops
nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from api.outward.fetching import FetchFailed, guarded_get
from api.witnesses import Station
from consent.ledger import published
from consent.ledger.errors import Malformed, Unproven
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.origin import LogId, number_of, origin_of, parse_origin, year_of
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import collecting
from consent.ledger.witnesses.submission import reading_path
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenHead:
    """A head that a witness shows and that our own key signed; `contradicts` says why it cannot stand beside ours."""

    witness: str
    log: LogId
    head: Checkpoint
    contradicts: str | None


def seen_heads(
    vault: Vault, asked: tuple[Station, ...], remembered: Mapping[str, Checkpoint], now_ms: int
) -> Iterator[SeenHead]:
    """Ask every witness about every log; `now_ms` in Unix milliseconds."""
    signer = Signer.of(vault)
    logs = _logs(vault, remembered, now_ms)
    with vault.data.read() as conn:
        keys = {log: log_keys.every(conn, signer, log) for log in logs}
    for station in asked:
        for log in logs:
            try:
                head = _shown(station, origin_of(signer.ledger_host, log), keys[log])
            except FetchFailed:
                break  # it will not answer for the others either
            if head is not None:
                with vault.data.read() as conn:
                    against = _against(conn, signer.ledger_host, log, head)
                yield SeenHead(witness=station.name, log=log, head=head, contradicts=against)


def _logs(vault: Vault, remembered: Mapping[str, Checkpoint], now_ms: int) -> list[LogId]:
    year, host, buckets = year_of(now_ms), vault.installation.ledger_host, vault.installation.buckets
    with vault.data.read() as conn:
        known = set(published.logs(conn))
    for origin in remembered:
        try:
            named, log = parse_origin(origin)
        except Malformed:  # the publisher raises the alarm about it
            continue
        if named == host:
            known.add(log)
    return sorted(known | {one for bucket in buckets.every() for one in _expected(known, bucket, year)})


def _expected(known: Collection[LogId], bucket: int, year: int) -> Iterator[LogId]:
    """A bucket's log of this year, and the one there would be if the newest known one had been given up."""
    editions = [log.edition for log in known if (log.bucket, log.calendar_year) == (bucket, year)]
    yield LogId(bucket, year)
    yield LogId(bucket, number_of(year, max(editions, default=1) + 1))


def _shown(station: Station, origin: str, keys: tuple[VerifierKey, ...]) -> Checkpoint | None:
    answer = guarded_get(station.url + reading_path(origin), "text/plain", guard=station.guard)
    if answer.status != 200:
        return None
    try:
        return collecting.shown_by(answer.body, keys)
    except (Malformed, Unproven):
        return None


def _against(conn: Connection, host: str, log: LogId, head: Checkpoint) -> str | None:
    ended = given_up.of(conn, log)
    if ended is not None:
        beyond = head.size > ended.size or (head.size == ended.size and head != ended.end(host))
        return "a witness holds another head than the log was given up with" if beyond else None
    at = published.newest(conn, log)
    if at is not None:
        return collecting.contradiction(conn, at, head)
    return (
        f"a witness holds a signed head of size {head.size}, and none is stored here" if head.size else None
    )
