"""Staff of a small office, and the steps of dual control in one call each."""

from dataclasses import dataclass, replace

from consent.denials import Denied
from consent.dual.control import DualRequest, vote
from consent.ids import DualId
from consent.ledger.entries.commitment import commit
from consent.ledger.entries.entry import Entry, Kind, parse
from consent.ledger.openings import reopen
from consent.ledger.origin import LogId
from consent.ledger.tables import entry
from consent.staff.emergency import Opened, ask_emergency, open_emergency
from consent.staff_members import DualReason, Staffer, Verdict
from vault.ids import SubjectId
from vault.opening import Vault

ASKER = Staffer(name="operator/aaaaaaaaaaaa", actor="Lin")
FIRST = Staffer(name="auditor/bbbbbbbbbbbb", actor="Wang")
SECOND = Staffer(name="operator/cccccccccccc", actor="Zhao")
THIRD = Staffer(name="investigator/dddddddddddd", actor="Qian")
NOTE = "Found unconscious near the river; the hospital asks for her family."


@dataclass(frozen=True)
class Office:
    """One vault and a clock that stands still unless a test moves it."""

    vault: Vault
    now: int

    def at(self, ms: int) -> "Office":
        return replace(self, now=self.now + ms)

    def ask(self, subject: SubjectId, fields=("name", "phone"), staffer: Staffer = ASKER) -> DualRequest:
        asked = ask_emergency(
            self.vault, staffer, subject, tuple(fields), DualReason.LIFE_AT_RISK, NOTE, self.now
        )
        assert isinstance(asked, DualRequest), asked
        return asked

    def vote(self, request: DualId, staffer: Staffer, verdict: Verdict = Verdict.YES) -> DualRequest | Denied:
        return vote(self.vault, staffer, request, verdict, self.now)

    def approved(self, subject: SubjectId, fields=("name", "phone")) -> DualRequest:
        asked = self.ask(subject, fields)
        self.vote(asked.id, FIRST)
        done = self.vote(asked.id, SECOND)
        assert isinstance(done, DualRequest), done
        return done

    def open(self, request: DualId, staffer: Staffer = ASKER, fields=None) -> Opened | Denied:
        return open_emergency(self.vault, staffer, request, self.now, fields)

    def entries(self, *kinds: Kind) -> list[Entry]:
        with self.vault.data.read() as conn:
            rows = conn.execute(entry.select().order_by(entry.c.bucket, entry.c.year, entry.c.idx)).all()
        found = [parse(row.body) for row in rows]
        return [one for one in found if not kinds or one.kind in kinds]

    def commits_to(self, wanted: bytes, fields) -> bool:
        """Whether the entry of this id opens to exactly these fields."""
        with self.vault.data.read() as conn:
            row = conn.execute(entry.select().where(entry.c.id == wanted)).one()
            log = LogId(row.bucket, row.year)
            secret = reopen(conn, self.vault, [(log, row.idx)])[log, row.idx]
        return parse(row.body).commitment == commit(secret, fields)
