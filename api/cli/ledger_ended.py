"""`perusal ledger give-up` and `relog`: ending a log that cannot be carried on, and logging again what stood
behind its end.

What the data base itself has lost is brought back from receipts, which the recipients and the people have.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from api.cli.failures import Exit, Failure
from api.cli.installation import dir_option, settings_of
from api.cli.output import emit, json_option, progress
from api.cli.receipts import receipts_in
from api.clock import system_clock
from api.jobs.seen_heads import SeenHead, seen_heads
from api.sealing.opening import opened_vault
from api.settings import Settings
from api.witnesses import load_witnesses, stations
from consent.bringing_back import Outcome, bring_back
from consent.ledger.ending.giving_up import Plan, give_up, plan
from consent.ledger.errors import Malformed
from consent.ledger.formats.checkpoint import Checkpoint
from consent.ledger.origin import LogId, origin_of, parse_origin
from consent.ledger.publishing import given_up
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.publish import standing
from consent.ledger.publishing.signer import Signer
from consent.relogging import Fate, relog
from vault.opening import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a log elsewhere, and what is wrong with it."""

    remembered: Sequence[Checkpoint]
    seen: Sequence[SeenHead]
    alarms: Sequence[str]

    @property
    def heads(self) -> list[Checkpoint]:
        return [*self.remembered, *(one.head for one in self.seen)]

    def of(self, at: Checkpoint) -> list[str]:
        """Who knows this head besides the data base."""
        beside = ["the copy beside the data base"] if at in self.remembered else []
        return [*beside, *(f"witness {one.witness}" for one in self.seen if one.head == at)]


@click.command("give-up")
@click.argument("origin")
@click.option(
    "--reason",
    required=True,
    metavar="TEXT",
    help="Why, in words for everybody: they are published, so name nobody and no value.",
)
@click.option("--stolen-key", is_flag=True, help="Somebody else has the log's key; no alarm is needed then.")
@click.option("--yes", is_flag=True, help="Do it; without this it is only shown what would be done.")
@dir_option
@json_option
def give_up_log(
    home: Path | None, origin: str, reason: str, stolen_key: bool, yes: bool, as_json: bool
) -> int:
    """End the log ORIGIN where it was signed last, and begin its successor, which says so.

    What stands behind that end is logged again in the successor. There is no way back.
    """
    settings = settings_of(home)
    with opened_vault(settings) as vault:
        log, signer, now_ms = _log(vault, origin), Signer.of(vault), system_clock()
        known = _known(vault, settings, origin, now_ms)
        if not known.alarms and not stolen_key:
            raise Failure(
                "no alarm holds this log: it can be carried on", code="no_alarm", exit_code=Exit.USAGE
            )
        with vault.data.read() as conn:
            found = plan(conn, signer, log, known.heads, now_ms)
        if not yes:
            _tell_plan(vault, found, known, as_json=as_json)
            return Exit.WRONG
        made = give_up(vault.data, signer, log, known.heads, reason, now_ms, stolen=stolen_key)
        told = _again(vault, log, now_ms, as_json=as_json)
        after = origin_of(signer.ledger_host, made.next)
    emit(
        {"given_up": origin, "size": made.size, "next": after, **told},
        as_json=as_json,
        lines=(
            f"{origin} has ended with {made.size:,} entries; {after} carries it on",
            *_lines(told),
            "hand out a new policy now: perusal ledger policy",
        ),
    )
    return Exit.OK


@click.command("relog")
@click.argument("origin")
@click.option(
    "--receipts",
    "file",
    type=click.Path(path_type=Path, allow_dash=True, dir_okay=False, exists=True),
    help="Then bring back the uses in FILE that an older copy of the data base does not have: receipts, one a line, or "
    "what /me/grants/{id}/receipts answered.",
)
@dir_option
@json_option
def relog_log(home: Path | None, origin: str, file: Path | None, as_json: bool) -> int:
    """Go on logging again what stands behind the end of the log ORIGIN, which was given up. Repeating it is harmless.

    Ends with 1 when a receipt brought nothing back and its use is not stored either.
    """
    texts = receipts_in(file) if file else []
    with opened_vault(settings_of(home)) as vault:
        log, now_ms = _log(vault, origin), system_clock()
        with vault.data.read() as conn:
            if given_up.of(conn, log) is None:
                raise Failure("this log was not given up", code="not_given_up", exit_code=Exit.USAGE)
        told = _again(vault, log, now_ms, as_json=as_json)
        found = Counter(bring_back(vault, log, texts, now_ms))
    receipts = {one.value: found[one] for one in Outcome}
    emit(
        {**told, **({"receipts": receipts} if file else {})},
        as_json=as_json,
        lines=(*_lines(told), *_receipt_lines(found)),
    )
    return Exit.WRONG if found.keys() - {Outcome.BROUGHT_BACK, Outcome.STORED} else Exit.OK


def _log(vault: Vault, origin: str) -> LogId:
    try:
        host, log = parse_origin(origin)
    except Malformed:
        host, log = "", LogId(0, 0)
    if host != vault.installation.ledger_host or log.bucket not in vault.installation.buckets.every():
        raise Failure("no log of this installation has this name", code="unknown_log", exit_code=Exit.USAGE)
    return log


def _known(vault: Vault, settings: Settings, origin: str, now_ms: int) -> _Known:
    remembered = Memory(settings.checkpoint_state).load()
    seen = list(seen_heads(vault, stations(load_witnesses(settings)), remembered, now_ms))
    held = {one.log: one.contradicts for one in seen if one.contradicts is not None}
    alarms = standing(vault.data, Signer.of(vault), remembered, held)
    mine = tuple(alarm.reason for alarm in alarms if alarm.origin == origin)
    return _Known(remembered=tuple(remembered.values()), seen=seen, alarms=mine)


def _tell_plan(vault: Vault, found: Plan, known: _Known, *, as_json: bool) -> None:
    after, who = origin_of(vault.installation.ledger_host, found.next), known.of(found.end)
    emit(
        {
            "log": found.end.origin,
            "alarms": list(known.alarms),
            "stored": found.size,
            "end": {"size": found.end.size, "root": found.end.root.hex(), "known_to": who},
            "kept": found.kept,
            "behind": found.behind,
            "next": after,
            "done": False,
        },
        as_json=as_json,
        lines=(
            *(f"alarm: {alarm}" for alarm in known.alarms),
            f"{found.end.origin} has {found.size:,} entries here",
            f"it would end with {found.end.size:,} entries, root {found.end.root.hex()}",
            f"that head is known to: {', '.join(who) or 'this data base alone'}",
            f"{found.kept:,} entries here are under a signed head; {found.behind:,} would be logged again",
            f"{after} would carry it on",
            "nothing is done: say --yes to do it, for good",
        ),
    )


def _again(vault: Vault, log: LogId, now_ms: int, *, as_json: bool) -> dict[str, int]:
    fates = dict.fromkeys(Fate, 0)
    with progress(quiet=as_json) as tick:
        for told in relog(vault, log, now_ms):
            fates |= told.fates
            tick("logging again", told.done, told.total)
    return {fate.value: count for fate, count in fates.items()}


def _lines(told: dict[str, int]) -> Iterator[str]:
    yield f"{told[Fate.LOGGED]:,} entries are logged again"
    for fate, says in (
        (Fate.DAMAGED, "are damaged and stay behind"),
        (Fate.ERASED, "are of erased people and stay behind"),
    ):
        if told[fate]:
            yield f"{told[fate]:,} {says}"


def _receipt_lines(found: Mapping[Outcome, int]) -> Iterator[str]:
    for outcome, says in (
        (Outcome.BROUGHT_BACK, "uses are brought back from their receipts"),
        (Outcome.STORED, "are stored already"),
        (Outcome.FOREIGN, "lines are no receipts of ours of a use in this log"),
        (Outcome.NO_CONSENT, "are of consents or tokens that are lost too"),
        (Outcome.REFUSED, "do not fit what is stored: the consent has ended, or was spent by others"),
        (Outcome.ERASED, "are of erased people and stay out"),
    ):
        if outcome in found:
            yield f"{found[outcome]:,} {says}"
