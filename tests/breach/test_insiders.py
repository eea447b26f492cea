"""People inside are suspects like recipients: what they read is in the ledger, and nobody claims from a
recipient for it.
"""

from dataclasses import replace

from breach.intake.quarantine import receive
from breach.pipeline.run import trace
from consent.staff.insiders import insider_field_totals, insiders, read_before
from consent.staff.reading import Reading, ReadRequest, read
from consent.staff_members import Basis, DualReason
from tests.breach.leaks import HOUR, row, write
from tests.consent.dual.office import ASKER

WANTED = ReadRequest(
    subject=b"", fields=("name", "phone"), reason=DualReason.PERSON_ASKED, basis=Basis.CONTRACT
)


def test_a_file_of_what_one_member_of_staff_read_names_that_key_and_no_recipient(small_town, tmp_path):
    vault, world = small_town.vault, small_town.world
    looked_at = small_town.people[:28]
    for person in looked_at:
        done = read(vault, ASKER, replace(WANTED, subject=person.subject), world.now)
        assert isinstance(done, Reading), done
    world.tick(HOUR)
    raw = write(tmp_path / "inside.csv", [row(n)[:2] for n in range(28)])

    report = trace(vault, receive(vault, [raw], tmp_path / "q", now_ms=world.now), now_ms=world.now)

    first = report.body["ranking"][0]
    assert (first["kind"], first["recipient"]) == ("insider", f"staff:{ASKER.name}")
    assert (first["people_held"], first["people_found"], first["named"]) == (28, 28, True)
    assert (report.outcome, report.suspects, report.suspect_sets) == ("named", (), ())
    assert report.body["people"]["never_disclosed"] == 12
    assert "Lin" not in str(report.body)
    with vault.data.read() as conn:
        one = looked_at[3]
        asked = [(one.bucket, one.subject, "phone"), (one.bucket, one.subject, "email")]
        assert [at for at, *_ in read_before(conn, asked, world.now)] == [0]
        assert insiders(conn, world.now - HOUR) == []
        assert insider_field_totals(conn, world.now) == {
            (f"staff:{ASKER.name}", code): 28 for code in ("name", "phone")
        }
