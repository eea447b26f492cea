"""`perusal index` makes the index of tags, says how it stands, and `perusal trace --engine duckdb` finds by it."""

from api.cli.failures import Exit
from api.demo.city import citizens, strangers
from api.demo.leak import write_leak
from tests.cli.conftest import SEED


def test_an_index_is_made_and_a_trace_by_it_finds_the_same_people(perusal, home, tmp_path):
    assert perusal("index", "status", "--dir", home).code == Exit.WRONG
    built = perusal("index", "build", "--dir", home, "--json")
    status = perusal("index", "status", "--dir", home)
    ours = [person.values() for person in citizens(SEED, 10)]
    others = [person.values() for person in strangers(SEED, 90)]
    dump = write_leak(tmp_path / "dump.csv", ours, others, ("name", "phone", "email"), seed=1).path

    said = perusal("trace", dump, "--dir", home, "--engine", "duckdb", "--json")

    assert built.json["usable"] is True
    assert built.json["tags"] >= 60
    assert "have come or gone since" in status.out
    assert said.code == 0, said.err
    assert said.json["report"]["people"]["found"] == 10
