"""An alias over HTTP: offered on the approval page, ticked, served instead, shown to its person."""

from consent.marks.alias_pool import add_domain


def _details(app):
    return app.details(datatypes=["name", "email"])


def test_a_person_gives_an_alias_and_sees_who_has_it(world):
    """Two apps, one person: each gets an address of its own under the name it asked for, and a retry the same."""
    with world.vault.data.write() as conn:
        add_domain(conn, "relay.example", world.clock())
    bank, shop, person = world.app(), world.app("Leaky Shop"), world.person()

    token = bank.token_for(person, _details(bank), tick=("alias_email",))
    first = bank.disclose(token, idempotency_key="k").json()
    again = bank.disclose(token, idempotency_key="k").json()
    other = shop.disclose(shop.token_for(person, _details(shop), tick=("alias_email",))).json()
    page = person.get("/en/aliases").text

    assert first["data"] == again["data"]
    assert first["data"]["email"].endswith("@relay.example")
    assert other["data"]["email"] not in {first["data"]["email"], "zhangsan@example.com"}
    for app, got in (("Harbour Bank", first), ("Leaky Shop", other)):
        assert app in page
        assert got["data"]["email"] in page


def test_no_alias_is_offered_without_a_domain(world):
    """Without the operator's domain there is nothing to tick."""
    app, person = world.app(), world.person()
    path = app.authorize_path(_details(app))
    shown = person.get(path)
    page = person.get(shown.headers["location"]) if shown.status_code in {302, 303} else shown

    assert "alias_email" not in page.text
    assert "zhangsan" not in page.text
