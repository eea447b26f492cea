"""Arrays encoded here arrive in PostgreSQL as what they were."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.backends import NoPostgres
from vault.storage.database import open_database
from vault.storage.pgarray import encode

NUMBERS = st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=6)
BYTES = st.lists(st.none() | st.binary(max_size=40), max_size=6)
TEXTS = st.lists(
    st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"])), max_size=6
)


@pytest.fixture(scope="module")
def conn(postgres):
    if isinstance(postgres, NoPostgres):
        pytest.skip(str(postgres))
    database = open_database(postgres.url("postgres"))
    with database.read() as connection:
        yield connection
    database.close()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NUMBERS, BYTES, TEXTS)
def test_every_list_comes_back_as_it_was_sent(conn, numbers, raw, texts):
    sent = {"n": encode("int", numbers), "b": encode("bytes", raw), "t": encode("text", texts)}
    query = "SELECT %(n)b::bigint[], %(b)b::bytea[], %(t)b::text[]"

    assert tuple(conn.exec_driver_sql(query, sent).one()) == (numbers, raw, texts)
