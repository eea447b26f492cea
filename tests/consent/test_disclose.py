"""From a token to values: what `disclose_many` answers and what it leaves behind."""



from consent.denials import DenialCode, Denied
from consent.disclose import Disclosure, disclose_many
from tests.vault import people


def test_a_token_gives_the_approved_values_once_and_then_nothing(world):
    app, person = world.app(), world.person()
    issued = world.token(app, person)

    first = disclose_many(world.vault, [world.request(issued)], world.now)[0]
    second = disclose_many(world.vault, [world.request(issued)], world.now)[0]

    assert isinstance(first, Disclosure)
    assert first.values == {"name": people.values(0)["name"], "phone": "+8619900000000"}
    assert second == Denied(code=DenialCode.SPENT)
