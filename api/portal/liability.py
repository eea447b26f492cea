"""What a recipient would owe, as the approval page says it: one sum as an example, and each rate it comes from."""

from collections.abc import Collection

from api.i18n import Catalogue
from consent.approving.approve import Showing
from consent.wording.currencies import written
from consent.wording.terms import Terms


def liability(shown: Showing, sensitive: Collection[str], texts: Catalogue) -> str:
    """An example: everything that is needed leaks once; `sensitive` are the fields that are so in this person's case."""
    return texts.text(
        "approve.liability_example",
        amount=written(shown.example_sum(sensitive), shown.terms.currency),
        most=written(shown.terms.cap, shown.terms.currency),
    )


def rate_lines(owed: Terms, texts: Catalogue) -> tuple[str, ...]:
    """What the example is made of, and what else costs something; nothing for terms of one sum."""
    rates = (*owed.rates.per_field.items(), *owed.rates.per_event.items())
    if not rates:
        return ()
    first = texts.text("approve.rate_base", amount=written(owed.per_record, owed.currency))
    return (
        first,
        *(
            texts.text(f"approve.rate_{kind.value}", amount=written(rate, owed.currency))
            for kind, rate in rates
        ),
    )
