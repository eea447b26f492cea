"""Settings: each can be set."""

import dataclasses

from api.settings import _READERS, Settings


def test_every_setting_but_the_folder_has_a_reader() -> None:
    named = {field.name.upper() for field in dataclasses.fields(Settings)} - {"HOME"}

    assert named == set(_READERS)
