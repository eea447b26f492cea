"""Permits: issued, never made up, never changed."""

import ast
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from vault.ids import Bucket, SubjectId, TenantId
from vault.permit import AccessKind, AccessPermit, AccessStatement, _permit, check, encode, issue


class Keys:
    def __init__(self, key: bytes) -> None:
        self._key = key

    def service_key(self, name: str) -> bytes:
        return {"permit": self._key}[name]


KEYS = Keys(bytes(32))
ids = st.binary(min_size=16, max_size=16)
numbers = st.integers(0, 2**63 - 1)
words = st.text(max_size=20)
statements = st.builds(
    AccessStatement,
    kind=st.sampled_from(AccessKind),
    subject=ids.map(SubjectId),
    bucket=st.integers(0, 4095).map(Bucket),
    tenant=ids.map(TenantId),
    fields=st.lists(words, max_size=4).map(tuple),
    recipient=words,
    purpose=words,
    at_ms=numbers,
    log_origin=words,
    entry_index=numbers,
    leaf_hash=st.binary(min_size=32, max_size=32),
)
STATEMENT = AccessStatement(
    kind=AccessKind.USE,
    subject=SubjectId(b"s" * 16),
    bucket=Bucket(3),
    tenant=TenantId(b"t" * 16),
    fields=("phone", "name"),
    recipient="shop",
    purpose="delivery",
    at_ms=1_000,
    log_origin="ledger.example/2026/3",
    entry_index=5,
    leaf_hash=b"l" * 32,
)
CHANGES = {
    "kind": AccessKind.COPY,
    "subject": SubjectId(b"S" * 16),
    "bucket": Bucket(4),
    "tenant": TenantId(b"T" * 16),
    "fields": ("phone", "name", "email"),
    "recipient": "shop2",
    "purpose": "marketing",
    "at_ms": 1_001,
    "log_origin": "ledger.example/2026/4",
    "entry_index": 6,
    "leaf_hash": b"L" * 32,
}


def test_an_issued_permit_is_genuine():
    assert check(KEYS, issue(KEYS, STATEMENT), {AccessKind.USE})


@pytest.mark.parametrize("kind", AccessKind)
def test_a_permit_of_one_kind_is_worth_nothing_where_only_others_are_served(kind):
    permit = issue(KEYS, STATEMENT._replace(kind=kind))
    others = set(AccessKind) - {kind}
    assert check(KEYS, permit, {kind})
    assert not check(KEYS, permit, others)
    assert not any(
        check(KEYS, _permit(STATEMENT._replace(kind=other), permit.mac), others) for other in others
    )


@pytest.mark.parametrize("part", list(CHANGES))
def test_a_permit_covers_every_part_of_its_statement(part):
    widened = STATEMENT._replace(**{part: CHANGES[part]})
    assert not check(KEYS, _permit(widened, issue(KEYS, STATEMENT).mac), AccessKind)


def test_the_list_of_changes_names_every_part():
    assert set(CHANGES) == set(AccessStatement._fields)


@given(statements, statements)
def test_no_two_statements_encode_alike(one, two):
    assume(one != two)
    assert encode(one) != encode(two)


def test_fields_joined_differently_do_not_encode_alike():
    split = STATEMENT._replace(fields=("ph", "one"))
    whole = STATEMENT._replace(fields=("phone",))
    assert encode(split) != encode(whole)


def test_another_installations_permit_is_worth_nothing():
    assert not check(KEYS, issue(Keys(b"\1" * 32), STATEMENT), AccessKind)


def test_a_permit_cannot_be_constructed_or_changed():
    with pytest.raises(TypeError):
        AccessPermit()
    permit = issue(KEYS, STATEMENT)
    with pytest.raises(AttributeError):
        permit.statement = STATEMENT._replace(fields=("resident_id",))
    with pytest.raises(AttributeError):
        permit.mac = bytes(32)


def test_a_permit_shows_its_ledger_position_and_nothing_else():
    assert repr(issue(KEYS, STATEMENT)) == "AccessPermit('ledger.example/2026/3', 5)"


def test_one_module_alone_issues_permits():
    """Who can issue can read anything: the call may stand in consent/permits/issue.py and nowhere else."""
    root = Path(__file__).parents[2]
    callers = set()
    for path in (
        path for floor in ("vault", "consent", "breach", "api") for path in (root / floor).rglob("*.py")
    ):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        named = any(
            (node.module == "vault.permit" and alias.name in {"issue", "_permit", "*"})
            or (node.module == "vault" and alias.name == "permit")
            for node in imports
            for alias in node.names
        )
        whole = any(
            alias.name == "vault.permit"
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        )
        if named or whole:
            callers.add(path.relative_to(root).as_posix())
    assert callers <= {"consent/permits/issue.py"}
