"""A library that nobody here wrote reads our status lists (Token Status List): the bits flip when a use is spent."""

import json
import subprocess

from consent.tokens.status_list import SIZE, Status
from tests.clients.conftest import HERE, node_of_today
from tests.flow.installation import App, Person


def read(jwt: str, idx: int) -> dict[str, int]:
    """What the library makes of a list."""
    command = [node_of_today(), "--no-warnings", str(HERE / "status_list.mjs")]
    asked = json.dumps({"jwt": jwt, "idx": idx})
    said = subprocess.run(command, input=asked, capture_output=True, text=True, check=True)
    found: dict[str, int] = json.loads(said.stdout)
    return found


def test_another_library_sees_a_token_valid_and_then_consumed(app: App, person: Person) -> None:
    node_of_today()
    token = app.token_for(person)
    told = app.world.http.post("/introspect", data={**app.identity(), "token": token}).json()
    place = told["status"]["status_list"]
    path = place["uri"].removeprefix(app.world.issuer)

    before = read(app.world.http.get(path).text, place["idx"])
    app.disclose(token)
    after = read(app.world.http.get(path).text, place["idx"])

    assert before == {"bits": 2, "size": SIZE, "value": Status.VALID}
    assert after["value"] == Status.CONSUMED
