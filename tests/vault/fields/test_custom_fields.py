"""Operators' fields in a real vault: stored for ever, known after the next opening, found, masked, unique."""

import pytest
from sqlalchemy import update
from sqlalchemy.exc import DBAPIError

from tests.vault.people.made_up import change, phone
from vault.fields import BUILTIN
from vault.fields.custom import BadDefinition, parse
from vault.fields.defined import FieldTaken, catalogue_of, define, definitions
from vault.fields.tables import custom_field, custom_field_version
from vault.finding.find import find
from vault.people.enrol import Created, NewPerson, create_many
from vault.reading.history import masked
from vault.reading.records import Refused, Updated

MEMBER = """
[x_member]
number = 32
labels = { en = "Member number", zh-CN = "会员号" }
unique = true
searchable = true
identifying = true
pattern = "[A-Z]{2}\\\\d{6,10}"
longest = 12
case = "upper"
drop = " -"
bits = 30
mask = { first = 2, last = 2 }
"""


def put(vault, now, text=MEMBER):
    (definition,) = parse(text)
    with vault.data.write() as conn:
        return define(conn, vault.installation.tenant, definition, now)


def test_a_vault_knows_its_operators_fields_when_it_is_opened(vault, others, now):
    assert "x_member" not in vault.catalogue
    put(vault, now)

    (again,) = others(1)

    assert again.catalogue.codes == (*BUILTIN.codes, "x_member")


def test_values_of_an_operators_field_are_stored_masked_and_unique(vault, others, now):
    put(vault, now)
    (again,) = others(1)

    one, two, three = create_many(
        again,
        [
            NewPerson({"phone": phone(1), "x_member": "ab-123456"}),
            NewPerson({"phone": phone(2), "x_member": "AB 123456"}),
            NewPerson({"phone": phone(3), "x_member": "nonsense"}),
        ],
        now,
    )

    assert isinstance(one, Created)
    assert two == Refused("person_exists", "x_member")
    assert three == Refused("custom.pattern", "x_member")
    assert masked(again, one.subject, ["x_member", "phone"])["x_member"] == "AB****56"


def test_a_person_is_found_by_an_operators_field_whole_and_masked_and_frees_the_old_value(vault, others, now):
    put(vault, now, MEMBER + "tags = [{ first = 2, last = 2 }]")
    (again,) = others(1)
    (one,) = create_many(again, [NewPerson({"x_member": "AB123456"})], now)

    assert {found.subject for found in find(again, {"x_member": "ab 123456"})} == {one.subject}
    assert {found.subject for found in find(again, {"x_member": "AB****56"})} == {one.subject}
    assert change(again, one.subject, "x_member", "CD123456", now + 1) == Updated(2)
    (two,) = create_many(again, [NewPerson({"x_member": "AB123456"})], now + 2)
    assert isinstance(two, Created)


def test_a_process_that_opened_before_refuses_the_field_as_unknown(vault, now):
    put(vault, now)
    assert create_many(vault, [NewPerson({"x_member": "AB123456"})], now) == [
        Refused("field.unknown", "x_member")
    ]


def test_defining_the_same_again_changes_nothing_and_a_change_is_a_new_version(vault, now):
    assert [put(vault, now), put(vault, now + 1)] == [1, 1]
    assert put(vault, now + 2, MEMBER.replace("Member number", "Club number")) == 2
    with vault.data.read() as conn:
        held = definitions(conn, vault.installation.tenant)["x_member"]
    assert held.labels["en"] == "Club number"


def test_a_version_under_which_values_would_be_lost_is_refused_and_nothing_is_stored(vault, now):
    put(vault, now)
    with pytest.raises(BadDefinition):
        put(vault, now, MEMBER.replace('case = "upper"', 'case = "lower"'))
    assert put(vault, now) == 1


def test_a_number_belongs_to_one_field(vault, now):
    put(vault, now)
    with pytest.raises(FieldTaken):
        put(vault, now, MEMBER.replace("x_member", "x_other"))
    with vault.data.read() as conn:
        assert list(definitions(conn, vault.installation.tenant)) == ["x_member"]


def test_another_tenants_fields_are_not_ours(vault, now):
    put(vault, now)
    with vault.data.read() as conn:
        assert catalogue_of(conn, bytes(16)) is BUILTIN


@pytest.mark.parametrize("table", [custom_field, custom_field_version], ids=lambda table: table.name)
def test_definitions_only_grow(vault, now, table):
    put(vault, now)
    for statement in (update(table).values(created_at=1), table.delete()):
        with pytest.raises(DBAPIError, match="append-only"), vault.data.write() as conn:
            conn.execute(statement)


@pytest.mark.parametrize("changes", [{"number": 31}, {"number": 256}, {"code": "member"}])
def test_the_data_base_refuses_numbers_and_codes_of_built_in_fields(vault, now, changes):
    row = {"tenant": vault.installation.tenant, "code": "x_one", "number": 40, "created_at": now}
    with pytest.raises(DBAPIError), vault.data.write() as conn:
        conn.execute(custom_field.insert().values(**{**row, **changes}))
