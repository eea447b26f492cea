"""`perusal linkage`: codes are made when they are turned on, and none are left when they are turned off."""

import json


def test_codes_are_off_until_turned_on_and_gone_when_turned_off(perusal, home):
    def said(*command):
        return json.loads(perusal("linkage", *command, "--dir", home, "--json").out)

    many = said("status")["missing"]
    assert many == 30
    assert said("fill") == {"made": 0}
    assert said("on") == {"mode": "blind", "made": many}
    assert said("status") == {"mode": "blind", "missing": 0}
    assert said("off", "--actor", "ann") == {"mode": "off", "deleted": many}
    assert said("status") == {"mode": "off", "missing": many}
