"""The acts of their own that an approval takes, done one by one as a person would."""

from consent.approving.approve import agree
from consent.approving.separate_acts import needed


def agree_to_all(vault, person, shown, now, fields=None):
    for act in needed(shown):
        assert agree(vault, person, shown.id, fields, act, now) is None
