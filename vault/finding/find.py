"""Finding people by one row of anything: whole values, masked ones, digests, a name with part of a number.

A whole identifying value, or a digest of one, names its person by itself. Everything else suggests people, each
of whom is opened inside the vault and must agree with every column that they have a value for. What was opened
is handed to `opened`, so that whoever asked can account for it; nothing but ids leaves.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy import Connection

from vault.families.merge import survivors
from vault.fields.catalogue import Catalogue
from vault.ids import PROFILE, Bucket, Person, SubjectId, bucket_for
from vault.opening import Vault
from vault.tags.agreement import agreeing
from vault.tags.lookup import Hit, confirm, match
from vault.tags.opened import Wanted, canonical_versions
from vault.tags.solver import Exact, Plan, Reading, plans, read_cell

MOST_OPENED: Final = 2_000
"""How many suggested people are opened for one row at most."""

_MOST_HITS: Final = 100_000

type Opened = Callable[[Collection[Person]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A person the row may be about, the field and version that show it, and how they were found.

    `how` names the tag. `agrees` and `differs` are the columns, by field code, that the person has values for.
    `duplicate` is the one whose version it is when that one was merged into the person.
    """

    subject: SubjectId
    bucket: Bucket
    field: str
    version: int
    how: str
    agrees: tuple[str, ...]
    differs: tuple[str, ...]
    duplicate: SubjectId | None = None


@dataclass(frozen=True, slots=True)
class TooBroad:
    """More people than may be opened fit what the row shows: another column would help."""

    suggested: int


def find(
    vault: Vault,
    row: Mapping[str, str] | str,
    *,
    opened: Opened | None = None,
) -> list[Found] | TooBroad:
    """The people a row may be about: texts of any shape by field code, or one text of an unknown field.

    Best first: who agrees with most columns. Unknown codes and texts that say nothing are passed over.
    """
    with vault.data.read() as conn:
        search = _Search(conn, vault, vault.catalogue, opened)
        answer = _any_field(search, row) if isinstance(row, str) else search.run(_read(row, vault.catalogue))
        return answer if isinstance(answer, TooBroad) else _led_on(conn, vault, answer)


def _led_on(conn: Connection, vault: Vault, found: Sequence[Found]) -> list[Found]:
    """The same people, survivors in place of the duplicates that were merged into them."""
    survivor = survivors(conn, [(one.bucket, one.subject) for one in found])
    led: dict[tuple[SubjectId, str], Found] = {}
    for one in found:
        keep = survivor.get(one.subject)
        if keep is not None:
            home = bucket_for(keep, vault.installation.buckets)
            one = replace(one, subject=keep, bucket=home, duplicate=one.subject)  # noqa: PLW2901
        led.setdefault((one.subject, one.field), one)
    return list(led.values())


def _read(row: Mapping[str, str], catalogue: Catalogue) -> dict[str, Reading]:
    return {
        code: reading
        for code, text in row.items()
        if code in catalogue and (reading := read_cell(code, text, catalogue=catalogue)) is not None
    }


def _any_field(search: "_Search", text: str) -> list[Found] | TooBroad:
    """One text read as a value of every field it may be of."""
    answers = [search.run(_read({field.code: text}, search.catalogue)) for field in search.catalogue]
    found = {
        (one.subject, one.field): one for answer in answers if isinstance(answer, list) for one in answer
    }
    broad = [answer for answer in answers if isinstance(answer, TooBroad)]
    return broad[0] if broad and not found else list(found.values())


@dataclass(frozen=True, slots=True)
class _Search:
    conn: Connection
    vault: Vault
    catalogue: Catalogue
    opened: Opened | None

    def run(self, readings: Mapping[str, Reading]) -> list[Found] | TooBroad:
        steps = plans(readings, catalogue=self.catalogue)
        certain = [plan for plan in steps if plan.certain]
        found = [one for plan in certain for one in self._named(plan, readings)]
        if found:
            return _best({(one.subject, one.field): one for one in reversed(found)}.values())
        return self._suggested([plan for plan in steps if not plan.certain], readings)

    def _named(self, plan: Plan, readings: Mapping[str, Reading]) -> list[Found]:
        hits = self._hits(plan)
        self._tell({(hit.bucket, hit.subject) for hit in hits})
        true = confirm(self.conn, self.vault.keyring, hits, plan.probes, catalogue=self.catalogue)
        confirmed = [hit for hit, yes in zip(hits, true, strict=True) if yes]
        people = {(hit.bucket, hit.subject) for hit in confirmed}
        shown = self._columns(people, readings)
        return [_found(plan, hit, *shown[hit.subject]) for hit in confirmed]

    def _suggested(self, steps: Sequence[Plan], readings: Mapping[str, Reading]) -> list[Found] | TooBroad:
        broad: TooBroad | None = None
        tried: list[frozenset[str]] = []
        for at, plan in enumerate(steps):
            if any(plan.fields >= fields for fields in tried):
                continue  # whoever this suggests was suggested by those columns already, and did not agree
            suggested = self._hits(plan)
            hits, helpers = self._narrowed(suggested, steps[at + 1 :])
            people = {(hit.bucket, hit.subject) for hit in hits}
            if len(people) > MOST_OPENED:
                broad = broad or TooBroad(len(people))
                continue
            found = self._agreeing(plan, hits, people, readings)
            if found:
                return _best(found)
            if any(_may_lack_parts(helper, readings) for helper in helpers):
                broad = broad or TooBroad(len({hit.subject for hit in suggested}))
            else:
                tried.append(plan.fields)
        return broad or []

    def _agreeing(
        self, plan: Plan, hits: Sequence[Hit], people: set[Person], readings: Mapping[str, Reading]
    ) -> list[Found]:
        self._tell(people)
        shown = self._columns(people, readings)
        first = {hit.subject: hit for hit in reversed(hits)}
        return [
            _found(plan, hit._replace(version=versions[hit.field]), versions, differs)
            for subject, hit in first.items()
            for versions, differs in (shown[subject],)
            if not differs and plan.fields <= versions.keys()
        ]

    def _narrowed(self, hits: list[Hit], others: Sequence[Plan]) -> tuple[list[Hit], list[Plan]]:
        """As far as there are too many, the hits whose people other plans suggest too; and which plans did.

        Hits that are more than are read at once stay as they are: nobody knows whom the others are of.
        """
        helpers: list[Plan] = []
        everybody = len(hits) <= _MOST_HITS
        for other in others:
            if not everybody or len({hit.subject for hit in hits}) <= MOST_OPENED:
                break
            also = self._hits(other)
            if len(also) <= _MOST_HITS:
                people = {hit.subject for hit in also}
                hits = [hit for hit in hits if hit.subject in people]
                helpers.append(other)
        return hits, helpers

    def _hits(self, plan: Plan) -> list[Hit]:
        return match(
            self.conn,
            self.vault.keyring.tag_keys,
            plan.probes,
            catalogue=self.catalogue,
            most=_MOST_HITS + 1,
        )

    def _columns(
        self, people: Collection[Person], readings: Mapping[str, Reading]
    ) -> dict[SubjectId, tuple[dict[str, int], tuple[str, ...]]]:
        """By person: the version that agrees with each column, and the columns of which none does."""
        wanted = [Wanted(*person, PROFILE, code, None) for person in people for code in readings]
        opened = canonical_versions(self.conn, self.vault.keyring, wanted, catalogue=self.catalogue)
        shown: dict[SubjectId, tuple[dict[str, int], tuple[str, ...]]] = {who: ({}, ()) for _, who in people}
        for one, versions in zip(wanted, opened, strict=True):
            agrees, differs = shown[one.subject]
            version = agreeing(one.field, readings[one.field], versions)
            if version is not None:
                agrees[one.field] = version
            elif versions:
                shown[one.subject] = agrees, (*differs, one.field)
        return shown

    def _tell(self, people: Collection[Person]) -> None:
        if self.opened is not None and people:
            self.opened(people)


def _may_lack_parts(plan: Plan, readings: Mapping[str, Reading]) -> bool:
    """Whether a person may agree with the columns of a plan and not be suggested by it.

    So it is with a whole address: people agree whose own leaves out the part that is looked for (`agreement`).
    """
    return any(code == "address" and isinstance(readings[code], Exact) for code in plan.fields)


def _found(plan: Plan, hit: Hit, versions: Mapping[str, int], differs: tuple[str, ...]) -> Found:
    return Found(
        subject=hit.subject,
        bucket=hit.bucket,
        field=hit.field,
        version=hit.version,
        how=plan.how,
        agrees=tuple(sorted(versions)),
        differs=differs,
    )


def _best(found: Collection[Found]) -> list[Found]:
    return sorted(found, key=lambda one: (-len(one.agrees), len(one.differs), one.bucket, one.subject))
