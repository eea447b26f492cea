"""Checking a proof bundle: bytes in, verdict out; no network, no data base, no clock.

Every byte of every member but the README is signed, hashed into something signed, or compared with its only
permitted spelling, and so is the container: one changed byte anywhere is refused and located. Checks run in a
fixed order and stop at the first that fails, because later ones would speak of bytes nobody vouches for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from consent.ledger.bundles import container, layout, revealed, weigh
from consent.ledger.bundles.layout import Folder
from consent.ledger.bundles.vouching import vouching
from consent.ledger.entries.commitment import Revealed, Shown
from consent.ledger.entries.entry import Entry
from consent.ledger.entries.entry import parse as parse_entry
from consent.ledger.errors import LedgerError, Unproven
from consent.ledger.formats import note, policy
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.formats.cosignature import Cosigned
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import Accepted, Policy
from consent.ledger.indexes.index import Row
from consent.ledger.tree import leaf_hash


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: a stable name, the member it concerns, and what was wrong when it failed."""

    name: str
    where: str
    ok: bool
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvenEntry:
    """An entry the bundle proves: where it stands, what is shown of it, and its receipt's payload if any."""

    origin: str
    index: int
    leaf: bytes
    entry: Entry
    fields: tuple[tuple[str, str], ...]
    receipt: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Complete:
    """That `tag` has exactly `count` entries among the first `upto` of a log, as its index said at `at_ms` (Unix ms).

    `leaves` are their hashes, in order.
    """

    origin: str
    tag: bytes
    count: int
    upto: int
    at_ms: int
    leaves: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome: `ok` only if every check held; `anchored` says the keys were the verifier's own.

    `checkpoints`, `entries` and `complete` are empty unless `ok`. `cosigned` says for each checkpoint who has
    cosigned it: of the verifier's own witnesses, or, without trusted keys, of those that the bundle names.
    """

    checks: tuple[Check, ...]
    anchored: bool
    checkpoints: tuple[Checkpoint, ...] = ()
    cosigned: tuple[tuple[Cosigned, ...], ...] = ()
    entries: tuple[ProvenEntry, ...] = ()
    complete: tuple[Complete, ...] = ()

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


class _Failed(Exception):
    """Leaves the sequence after the first check that did not hold; never leaves this module."""


@dataclass(slots=True)
class _Run:
    """One verification under way."""

    checks: list[Check] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)
    entries: list[ProvenEntry] = field(default_factory=list)
    complete: list[Complete] = field(default_factory=list)
    receipt_signers: set[bytes] = field(default_factory=set)
    log_signers: set[VerifierKey] = field(default_factory=set)
    cosigners: list[tuple[VerifierKey, ...]] = field(default_factory=list)
    cosigned: list[tuple[Cosigned, ...]] = field(default_factory=list)

    def check[**P, T](
        self, name: str, where: str, look: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Record one check; `look` raises a LedgerError when it does not hold."""
        try:
            result = look(*args, **kwargs)
        except LedgerError as error:
            self.checks.append(Check(name, where, ok=False, detail=str(error)))
            raise _Failed from None
        self.checks.append(Check(name, where, ok=True))
        return result


def verify_bundle(data: bytes, trusted: Policy | None = None) -> Verdict:
    """Check a bundle, against `trusted` keys when given, else only in itself. Never raises on bad input."""
    run = _Run()
    try:
        _check_all(run, data, trusted)
    except _Failed:
        return Verdict(checks=tuple(run.checks), anchored=False)
    return Verdict(
        checks=tuple(run.checks),
        anchored=trusted is not None,
        checkpoints=tuple(run.checkpoints),
        cosigned=tuple(run.cosigned),
        entries=tuple(run.entries),
        complete=tuple(run.complete),
    )


def _check_all(run: _Run, data: bytes, trusted: Policy | None) -> None:
    members = run.check("container", "bundle", container.read, data)
    folders = run.check("members", "bundle", layout.arrange, members)
    keys = run.check("policy", layout.POLICY_NAME, weigh.own_policy, members)
    if trusted is not None:
        run.check("trust", layout.POLICY_NAME, _refuse_strangers, trusted, keys)
    openings = run.check("openings", layout.OPENINGS_NAME, revealed.parse, members[layout.OPENINGS_NAME])
    for folder in folders:
        accepted = _check_log(run, folder, keys, openings)
        if trusted is not None:
            accepted = run.check("witnesses", f"{folder.name}/checkpoint", trusted.accept, folder.checkpoint)
        run.cosigned.append(accepted.cosigned)
    run.check("nothing unproven", "bundle", _refuse_surplus, run, keys, openings)


def _refuse_strangers(trusted: Policy, found: Policy) -> None:
    for stranger in policy.strangers(trusted, found):
        raise Unproven(f"not a key you trust: {stranger}")


def _check_log(
    run: _Run, folder: Folder, keys: Policy, openings: Mapping[revealed.Key, Revealed]
) -> Accepted:
    accepted = run.check("checkpoint", f"{folder.name}/checkpoint", weigh.head, folder, keys)
    head = accepted.checkpoint
    run.checkpoints.append(head)
    run.log_signers.update(note.verify(note.parse(folder.checkpoint), keys.logs))
    run.cosigners.append(tuple(one.key for one in accepted.cosigned))
    for index in folder.entries:
        _check_entry(run, folder, index, head, keys, openings)
    row = _check_index(run, folder, accepted)
    if folder.chain is not None:
        bodies = [parts.entry for parts in folder.entries.values()]
        leaves = run.check("chain", f"{folder.name}/chain.jsonl", weigh.chain, folder.chain, bodies, row)
        if row is not None:
            run.complete[-1] = replace(run.complete[-1], leaves=tuple(leaves[: row.n]))
    return accepted


def _check_index(run: _Run, folder: Folder, accepted: Accepted) -> Row | None:
    """What the folder's index says of the person: these are all, or there is none."""
    if folder.index is None:
        return None
    name, head = f"{folder.name}/index", accepted.checkpoint
    index = run.check("index", f"{name}.tlog-proof", weigh.index_entry, folder.index, folder, accepted)
    tag, row = run.check("row", f"{name}.row", weigh.index_row, folder.index.row, index)
    count = 0 if row is None else row.n
    whole = Complete(origin=head.origin, tag=tag, count=count, upto=index.upto, at_ms=index.ts)
    run.check("completeness", f"{name}.row", _agrees, run, folder, whole)
    run.complete.append(whole)
    return row


def _agrees(run: _Run, folder: Folder, whole: Complete) -> None:
    if whole.count and folder.chain is None:
        raise Unproven("the index counts entries that are not shown")
    for item in run.entries:
        mine = (item.origin, item.entry.tag) == (whole.origin, whole.tag)
        if mine and item.index < whole.upto and item.entry.n > whole.count:
            raise Unproven(
                f"the index does not count entry {item.index}: this bundle proves that the log lies"
            )


def _check_entry(
    run: _Run,
    folder: Folder,
    index: int,
    head: Checkpoint,
    keys: Policy,
    openings: Mapping[revealed.Key, Revealed],
) -> None:
    stem, parts = f"{folder.name}/{index}", folder.entries[index]
    entry = run.check("entry", f"{stem}.entry", parse_entry, parts.entry)
    leaf = leaf_hash(parts.entry)
    run.check("inclusion", f"{stem}.tlog-proof", weigh.inclusion, parts.proof, leaf, index, folder, head)
    shown = run.check(
        "commitment", f"{layout.OPENINGS_NAME}: entry {index}", weigh.opening, openings, head, index, entry
    )
    fields = tuple((item.name, item.value) for item in shown if isinstance(item, Shown))
    receipt = None
    if parts.receipt is not None:
        claim = weigh.Claim(head.origin, index, leaf, entry, dict(fields))
        receipt, signer = run.check("receipt", f"{stem}.jws", weigh.receipt, parts.receipt, claim, keys)
        run.receipt_signers.add(signer)
    run.entries.append(
        ProvenEntry(origin=head.origin, index=index, leaf=leaf, entry=entry, fields=fields, receipt=receipt)
    )


def _refuse_surplus(run: _Run, keys: Policy, openings: Mapping[revealed.Key, Revealed]) -> None:
    """A key or an opening that nothing above has used is a statement nobody proved."""
    if set(keys.logs) != run.log_signers:
        raise Unproven(
            "policy.txt names a log of which nothing is proven, or a key of one that signed nothing"
        )
    if vouching(keys.logs, keys.receipt_keys, run.cosigners).text != keys.text:
        raise Unproven("policy.txt says something else of witnesses than the checkpoints show")
    if keys.retired or keys.ended or set(keys.receipt_keys) != run.receipt_signers:
        raise Unproven("keys.json has a key that signed nothing here")
    if set(openings) != {(item.origin, item.index) for item in run.entries}:
        raise Unproven("openings.json speaks of an entry that is not proven")
