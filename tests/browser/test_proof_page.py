"""The page of a proof in a real browser: a file is chosen and explained, without a script, and nothing runs off
a small screen.
"""

import re

import pytest

from api.jobs.publisher import Publisher
from consent.ledger.publishing.memory import Memory
from tests.browser.chromium import PROGRAM, chromium

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(PROGRAM is None, reason="no Chromium on this machine"),
    pytest.mark.parametrize("backend", ["sqlite"], indirect=True),
]


def test_a_file_is_chosen_and_its_way_to_the_root_is_drawn(world, tmp_path):
    app, person = world.app(), world.person()
    for _ in range(3):
        assert app.disclose(app.token_for(person)).status_code == 200
    Publisher(world.vault, world.clock, Memory(world.settings.checkpoint_state), None, 1).publish_once()
    name = re.findall(r"/en/uses/(ds_\w+)/bundle", person.get("/en/uses").text)[1]
    file = tmp_path / "proof.zip"
    file.write_bytes(person.get(f"/en/uses/{name}/bundle").content)

    with chromium(tmp_path / "profile") as page:
        page.call("Emulation.setScriptExecutionDisabled", value=True)
        page.call(
            "Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=False
        )
        page.open(f"{world.issuer}/zh-CN/proof")
        root = page.call("DOM.getDocument")["root"]["nodeId"]
        chosen = page.call("DOM.querySelector", nodeId=root, selector="#bundle")["nodeId"]
        page.call("DOM.setFileInputFiles", files=[str(file)], nodeId=chosen)
        page.run("document.querySelector('form[enctype] button').click()")
        page.wait("document.querySelector('figure svg') !== null")

        steps = page.run("document.querySelectorAll('tbody tr').length")
        assert steps >= 2
        # A box for the entry, two for each step, one for the signature; a line up from each but the last.
        assert page.run("document.querySelectorAll('svg rect').length") == 2 * steps + 2
        assert page.run("document.querySelectorAll('svg line').length") == 2 * steps + 1
        assert page.run("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        assert page.violations == []
