"""Writing a proof bundle: one zip that lets a stranger check, off-line, what the ledger says about some entries.

| member                               | content                                                        |
|--------------------------------------|----------------------------------------------------------------|
| README.txt                           | how to check it by hand; the only member nothing depends on    |
| policy.txt, keys.json                | the log, witness and receipt keys used: `policy`, `vouching`   |
| openings.json                        | what is shown of each commitment, see `revealed`               |
| log/<year>/<bucket>/checkpoint       | the signed checkpoint, with the lines of those who cosigned it |
| log/<year>/<bucket>/<idx>.entry      | the exact bytes of one entry                                   |
| log/<year>/<bucket>/<idx>.tlog-proof | its proof under that checkpoint, see `proof`                   |
| log/<year>/<bucket>/<idx>.jws        | the receipt handed out with it, where there was one            |
| log/<year>/<bucket>/chain.jsonl      | optional: every entry of the person, n = 1 to the last one here |
| log/<year>/<bucket>/index.entry      | optional: the exact bytes of an index entry, see `log_entry`   |
| log/<year>/<bucket>/index.tlog-proof | its proof under that checkpoint                                |
| log/<year>/<bucket>/index.row        | what it says of the person, see `index_proof`                  |

With an index the chain is proven to be whole, or a person to have no entry at all.

Nothing leaves this module that does not verify.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from consent.ledger import prove, published
from consent.ledger.bundles import container, layout, revealed
from consent.ledger.bundles.guide import README
from consent.ledger.bundles.verify import verify_bundle
from consent.ledger.bundles.vouching import vouching
from consent.ledger.entries.commitment import Opening, reveal
from consent.ledger.entries.people import chain_of
from consent.ledger.errors import LedgerAlarm, Malformed, NotYetPublished, Unproven
from consent.ledger.formats import jws
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.formats.proof import Proof
from consent.ledger.indexes import indexing
from consent.ledger.indexes.index_proof import IndexProof
from consent.ledger.indexes.indexing import Made
from consent.ledger.origin import LogId, origin_of
from consent.ledger.publishing import given_up, log_keys
from consent.ledger.publishing.signer import Signer
from consent.ledger.witnesses import witnessed
from consent.ledger.witnesses.witnessed import Witnessed
from vault.storage.database import Database

NOTHING: Final[Mapping[LogId, bytes]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One entry to prove: its opening, the names of the fields to show (all when None), and its receipt."""

    log: LogId
    idx: int
    opening: Opening
    show: Collection[str] | None = None
    receipt: str | None = None


def build(
    data: Database,
    signer: Signer,
    evidence: Sequence[Evidence],
    *,
    receipt_keys: Iterable[bytes],
    witnesses: Policy = NO_WITNESSES,
    chains: bool = False,
    whole: Mapping[LogId, bytes] = NOTHING,
) -> bytes:
    """The bundle for `evidence`; `chains` adds everything about the person, so only the person should get that.

    So does `whole`, the person's tag in each log whose newest index shall say that nothing is missing: also in one
    where the person has nothing, but in none that has no index yet.

    `receipt_keys` are the public keys receipts were ever signed with; those that signed one of these come
    along. `witnesses` are the operator's: the checkpoint is the newest that their quorum has cosigned, else the
    newest. Raises NotYetPublished while no signed checkpoint covers an entry, and LedgerAlarm when what the
    data base holds does not verify.
    """
    by_log: dict[LogId, list[Evidence]] = {log: [] for log in sorted(whole)}
    members: dict[str, bytes] = {}
    cosigners: list[tuple[VerifierKey, ...]] = []
    origins: dict[LogId, str] = {}
    keys: list[VerifierKey] = []
    with data.read() as conn:
        evidence = _standing(conn, evidence)
        for item in sorted(evidence, key=lambda item: (item.log, item.idx)):
            by_log.setdefault(item.log, []).append(item)
        for log, items in by_log.items():
            if not items and published.newest(conn, log) is None:
                continue
            signed = witnessed.covering(conn, log, max((item.idx for item in items), default=-1), witnesses)
            found = _log_members(conn, signed, items, chains=chains, tag=whole.get(log))
            if found:
                origins[log] = origin_of(signer.ledger_host, log)
                # The log's own key where nothing verifies: the check of the whole then says that it does not.
                keys += log_keys.signers(conn, signer, signed.at) or (signer.key(origins[log]),)
                cosigners.append(signed.cosigners)
            members |= found
    if not members:
        raise NotYetPublished("no index of these logs is signed yet")
    policy = vouching(keys, _signers(evidence, receipt_keys), cosigners)
    shown = {(origins[item.log], item.idx): reveal(item.opening, item.show) for item in evidence}
    return _checked(members, policy, revealed.encode(shown))


def _standing(conn: Connection, evidence: Sequence[Evidence]) -> list[Evidence]:
    """Where each entry is to be proven now.

    Of one that was logged again the receipt stays out: it names the place where it can be proven no more.
    """
    ended = given_up.every(conn)
    found: list[Evidence] = []
    for item in evidence:
        log, idx = given_up.standing(conn, item.log, item.idx) if item.log in ended else (item.log, item.idx)
        moved = (log, idx) != (item.log, item.idx)
        found.append(replace(item, log=log, idx=idx, receipt=None) if moved else item)
    return found


def _signers(evidence: Sequence[Evidence], receipt_keys: Iterable[bytes]) -> tuple[bytes, ...]:
    """The keys that signed these receipts; one that nobody signed is left for the check of the whole."""
    known, signers = tuple(receipt_keys), set[bytes]()
    for token in (item.receipt for item in evidence if item.receipt):
        with suppress(Malformed, Unproven):
            signers.add(jws.verify(token, known)[1])
    return tuple(sorted(signers))


def _checked(members: dict[str, bytes], policy: Policy, openings: bytes) -> bytes:
    members |= {
        layout.README_NAME: README.encode(),
        layout.POLICY_NAME: policy.text.encode(),
        layout.KEYS_NAME: policy.keys_json.encode(),
        layout.OPENINGS_NAME: openings,
    }
    data = container.write(layout.in_order(members))
    verdict = verify_bundle(data, policy)
    if not verdict.ok:
        raise LedgerAlarm(verdict.checks[-1].where, f"a fresh bundle fails: {verdict.checks[-1].detail}")
    return data


def _log_members(
    conn: Connection, signed: Witnessed, items: Sequence[Evidence], *, chains: bool, tag: bytes | None
) -> dict[str, bytes]:
    log, indices = signed.at.log, [item.idx for item in items]
    made = None if tag is None else indexing.newest(conn, log, signed.at.size)
    if not (indices or made):
        return {}
    paths = prove.inclusion(conn, log, indices, signed.at.size)
    bodies = [body for _, body in prove.entries(conn, log, indices)]
    folder = layout.folder_name(log)
    members = {f"{folder}/checkpoint": signed.note}
    for item, path, body in zip(items, paths, bodies, strict=True):
        members |= _entry_members(f"{folder}/{item.idx}", item, path, body, signed)
    ends = indices if chains or made else []
    if made and tag is not None:
        about = indexing.proof_of(conn, made, tag)
        members |= _index_members(conn, f"{folder}/index", made, about, signed)
        ends = [*ends, *(place.row.idx for place in about.places if place.row.tag == tag)]
    if ends:
        members[f"{folder}/chain.jsonl"] = b"".join(line + b"\n" for line in chain_of(conn, log, max(ends)))
    return members


def _index_members(
    conn: Connection, stem: str, made: Made, about: IndexProof, signed: Witnessed
) -> dict[str, bytes]:
    (path,) = prove.inclusion(conn, made.log, [made.idx], signed.at.size)
    ((_, body),) = prove.entries(conn, made.log, [made.idx])
    return {
        f"{stem}.entry": body,
        f"{stem}.tlog-proof": bytes(Proof(made.idx, tuple(path), signed.note)),
        f"{stem}.row": bytes(about),
    }


def _entry_members(
    stem: str, item: Evidence, path: Sequence[bytes], body: bytes, signed: Witnessed
) -> dict[str, bytes]:
    members = {
        f"{stem}.entry": body,
        f"{stem}.tlog-proof": bytes(Proof(item.idx, tuple(path), signed.note)),
    }
    if item.receipt is not None:
        members[f"{stem}.jws"] = item.receipt.encode("ascii")
    return members
