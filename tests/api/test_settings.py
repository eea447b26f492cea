"""Settings: each can be set."""

import dataclasses

from api.setting_texts import READERS
from api.settings import Settings


def test_every_setting_but_the_folder_has_a_reader() -> None:
    named = {field.name.upper() for field in dataclasses.fields(Settings)} - {"HOME"}

    assert named == set(READERS)
