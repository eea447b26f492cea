"""The transparency log over HTTP: an outsider with the published key checks what the service signed."""

import re

from api.edge.access import Access
from api.jobs.publisher import Publisher
from consent.ledger.exports.export import export
from consent.ledger.formats import checkpoint
from consent.ledger.formats.note import VerifierKey
from consent.ledger.formats.policy import NO_WITNESSES
from consent.ledger.formats.tiles import split_bundle, split_hashes
from consent.ledger.indexes import indexing
from consent.ledger.origin import parse_origin
from consent.ledger.publishing.memory import Memory
from consent.ledger.publishing.signer import Signer
from consent.ledger.tree import Frontier, leaf_hash


def _publish(world):
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()


def _published(world):
    app, person = world.app(), world.person()
    answer = app.disclose(app.token_for(person)).json()
    _publish(world)
    _, _, tail = answer["ledger"]["log"].partition("/perusal/")
    return f"/log/{tail}", answer["ledger"]


def test_the_signed_head_verifies_and_its_tile_hashes_to_it(world):
    base, at = _published(world)

    keys = [VerifierKey.parse(line) for line in world.http.get("/log/keys").text.splitlines()]
    head = checkpoint.verify(world.http.get(f"{base}/checkpoint").content, keys)
    tile = world.http.get(f"{base}/tile/0/000.p/{head.size}")

    hashes = split_hashes(tile.content)
    assert head.origin == at["log"]
    assert hashes[at["index"]].hex() == at["leaf"]
    assert Frontier(0, ()).extend(hashes).root() == head.root
    assert tile.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert tile.headers["content-type"] == "application/octet-stream"


def test_a_checkpoint_is_good_for_a_moment_and_not_sent_again_to_whoever_has_it(world):
    base, _ = _published(world)

    for path in (f"{base}/checkpoint", "/log/keys"):
        first = world.http.get(path)
        again = world.http.get(path, headers={"If-None-Match": first.headers["etag"]})
        other = world.http.get(path, headers={"If-None-Match": '"AAAAAAAAAAAAAAAA"'})

        assert first.headers["content-type"] == "text/plain; charset=utf-8"
        assert first.headers["cache-control"] == "public, max-age=1"
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
        assert again.headers["cache-control"] == "public, max-age=1"
        assert (other.status_code, other.content) == (200, first.content)


def test_head_says_of_every_address_what_get_says(world):
    base, _ = _published(world)
    auditor = world.staff_key(Access.AUDITOR)
    paths = [
        "/log/keys",
        "/log/retired",
        *(f"{base}/{end}" for end in ("checkpoint", "incident", "tile/0/000.p/3", "tile/entries/000.p/3")),
        f"{base}/index/3/tile/entries/000.p/1",
    ]

    for path in paths:
        got, asked = (world.http.request(how, path, headers=auditor) for how in ("GET", "HEAD"))

        assert asked.status_code == got.status_code in {200, 404}, path
        for name in ("content-type", "content-length", "cache-control", "etag"):
            assert asked.headers.get(name) == got.headers.get(name), (path, name)
        assert world.http.head(path).status_code == world.http.get(path).status_code, path


def test_a_log_that_has_grown_has_another_tag(world):
    app, person = world.app(), world.person()
    tags = []
    for _ in range(2):
        answer = app.disclose(app.token_for(person)).json()
        _publish(world)
        world.clock.pass_seconds(1)
        path = f"/log/{answer['ledger']['log'].partition('/perusal/')[2]}/checkpoint"
        found = world.http.get(path, headers={"If-None-Match": ", ".join(tags) or '"x"'})
        assert found.status_code == 200
        tags.append(found.headers["etag"])
    assert len(set(tags)) == 2


def test_every_partial_tile_of_a_published_size_is_served_and_what_is_not_there_yet_is_cached_by_nobody(
    world,
):
    base, _ = _published(world)
    size = int(re.findall(r"\n(\d+)\n", world.http.get(f"{base}/checkpoint").text)[0])

    for width in range(1, 256):
        answer = world.http.get(f"{base}/tile/0/000.p/{width}")
        if width == size:
            assert (answer.status_code, len(answer.content)) == (200, 32 * size)
        else:
            assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), width


def test_sizes_that_were_never_signed_are_not_shown(world):
    base, _ = _published(world)

    for path in ("tile/0/000.p/200", "tile/0/000", "tile/1/000.p/1", "tile/0/001.p/1"):
        assert world.http.get(f"{base}/{path}").status_code == 404


def test_entries_are_for_auditors_and_hold_no_name_and_no_value(world):
    base, _ = _published(world)
    size = int(re.findall(r"\n(\d+)\n", world.http.get(f"{base}/checkpoint").text)[0])
    path = f"{base}/tile/entries/000.p/{size}"

    assert world.http.get(path).status_code == 401
    entries = world.http.get(path, headers=world.staff_key(Access.AUDITOR))
    assert entries.status_code == 200
    assert entries.headers["cache-control"] == "private, no-store"
    assert entries.headers["content-type"] == "application/octet-stream"
    for word in ("13812341234", "张小丰", "Harbour", "org_", "account"):
        assert word.encode() not in entries.content


def test_entries_are_compressed_for_whoever_takes_it_and_the_same_bytes(world):
    base, _ = _published(world)
    size = int(re.findall(r"\n(\d+)\n", world.http.get(f"{base}/checkpoint").text)[0])
    path, key = f"{base}/tile/entries/000.p/{size}", world.staff_key(Access.AUDITOR)

    plain = world.http.get(path, headers={**key, "Accept-Encoding": "identity"})
    for taken in ("gzip", "br, GZIP;q=0.5", "identity, gzip"):
        packed = world.http.get(path, headers={**key, "Accept-Encoding": taken})
        assert packed.headers["content-encoding"] == "gzip"
        assert int(packed.headers["content-length"]) < len(plain.content)
        assert packed.content == plain.content
        assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    for refused in ("gzip;q=0", "gzip; q=0.000", "br", "xgzip"):
        assert (
            "content-encoding"
            not in world.http.get(path, headers={**key, "Accept-Encoding": refused}).headers
        )


def test_paths_that_name_no_tile_are_not_found(world):
    base, _ = _published(world)

    for path in (
        f"{base}/tile/0/0",
        f"{base}/tile/0/000.p/0",
        f"{base}/tile/0/000.p/256",
        f"{base}/tile/99/000",
        f"{base}/tile/0/000/extra",
        f"{base}/tile/-1/000",
        f"{base}/tile/0/{'x999/' * 8}999",
        f"{base}/tile/7/x999/999",
        f"{base}/tile/0/{'x999/' * 1500}999",
        f"{base}/tile/{'9' * 5000}/000",
        f"/log/{'9' * 5000}/0/checkpoint",
        "/log/99999/0/checkpoint",
        "/log/2026/99999999999999999999/checkpoint",
        "/log/x/y/checkpoint",
        "/log/1999/0/checkpoint",
    ):
        assert world.http.get(path).status_code == 404, path


def test_a_path_has_one_spelling(world):
    """Caches keep answers by their address: whoever could spell one anew would fill them."""
    base, _ = _published(world)
    _, _, year, bucket = base.split("/")
    size = int(re.findall(r"\n(\d+)\n", world.http.get(f"{base}/checkpoint").text)[0])
    tile = f"tile/0/000.p/{size}"
    auditor = world.staff_key(Access.AUDITOR)
    assert world.http.get(f"{base}/{tile}").status_code == 200

    for path in (
        f"/log/{year}/+{bucket}/{tile}",
        f"/log/{year}/0_{bucket}/{tile}",
        f"/log/{year}/0{bucket}/{tile}",
        f"/log/{year}/{bucket}/tile/+0/000.p/{size}",
        f"/log/{year}/{bucket}/tile/00/000.p/{size}",
        f"/log/{year}/{bucket}//{tile}",
        f"{base}/{tile}/",
        f"{base}/tile/0//000.p/{size}",
        f"{base}/tile/0/%3000.p/{size}",
        f"{base}/checkpoint/",
        f"/log/{year}/0{bucket}/checkpoint",
        f"{base}/tile/entries//000.p/{size}",
        f"{base}/tile/entries/000.p/{size}/",
    ):
        assert world.http.get(path, headers=auditor).status_code == 404, path


def test_an_export_is_byte_for_byte_what_is_served(world, tmp_path):
    base, _ = _published(world)
    signer, out = Signer.of(world.vault), tmp_path / "out"
    auditor = world.staff_key(Access.AUDITOR)

    for _ in export(world.vault.data, signer, out, NO_WITNESSES, world.clock(), entries=True):
        pass

    names = {path.relative_to(out).as_posix() for path in out.rglob("[!.]*") if path.is_file()}
    assert {"log/keys", f"{base[1:]}/checkpoint"} <= names
    assert any("/tile/entries/" in name for name in names)
    for name in names:
        assert world.http.get(f"/{name}", headers=auditor).content == (out / name).read_bytes(), name


def test_the_rows_of_an_index_are_for_auditors_and_lead_to_the_root_it_names(world):
    base, at = _published(world)
    made = indexing.make(
        world.vault.data, world.vault.installation.ledger_host, parse_origin(at["log"])[1], world.clock()
    )
    _publish(world)
    path, auditor = f"{base}/index/{made.upto}/tile", world.staff_key(Access.AUDITOR)
    rows = f"{path}/entries/000.p/{made.rows}"

    given = world.http.get(rows, headers=auditor)

    assert world.http.get(rows).status_code == 401
    leaves = [leaf_hash(row) for row in split_bundle(given.content, made.rows)]
    assert Frontier(0, ()).extend(leaves).root() == made.root
    assert given.headers["cache-control"] == "private, no-store"
    assert world.http.get(f"{path}/0/000.p/{made.rows}", headers=auditor).content == b"".join(leaves)
    for other in ("/entries/000", "/7/000", "/x", f"/entries/000.p/{made.rows + 1}"):
        assert world.http.get(path + other, headers=auditor).status_code == 404
    assert world.http.get(f"{base}/index/0/tile/0/000", headers=auditor).status_code == 404
