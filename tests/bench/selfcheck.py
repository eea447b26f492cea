"""Was I in a leak: how fast identifiers get onto the list, how fast questions are answered, what asking costs.

A dump of made-up people is taken in and published through the parser's process, the list is made anew under
another key, and some of its people and as many strangers ask. The two multiplications of an answer are measured
beside one of the library's own. Seconds of this process's processor, so that a busy machine says nearly the
same as an idle one.
"""

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from breach.intake.quarantine import receive
from breach.selfcheck.answer import Question, answer
from breach.selfcheck.periods import current, renew
from breach.selfcheck.publish import publish
from tests.bench import machine
from tests.bench.people import values_of
from tests.bench.report import note
from tests.bench.site import measured, now_ms
from vault.blinding import blind
from vault.oblivious import LABEL_BYTES, SLOT_BITS, Evaluator, identifier, label_of, slot_of
from vault.opening import Vault

KINDS = ("phone", "email", "resident_id")


def arguments(parser: argparse.ArgumentParser) -> None:
    """The sizes; the defaults are what the published figures use."""
    parser.add_argument("--backend", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rows", type=int, default=100_000, help="rows of the dump, three identifiers each")
    parser.add_argument(
        "--asked", type=int, default=500, help="people of the dump who ask, and as many strangers"
    )


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Publish, make anew, ask."""
    with measured(options.backend) as site:
        vault, identifiers = site.vault, options.rows * len(KINDS)
        dump = receive(vault, _pieces(options.rows), site.folder / "quarantine", now_ms=now_ms())
        told, publishing = _timed(
            lambda: publish(vault, dump, now_ms=now_ms(), actor="bench", report=_silent)
        )
        note(f"selfcheck: {identifiers:,} identifiers published")
        _, renewing = _timed(lambda: renew(vault, now_ms(), _silent))
        asked = _asked(vault, told.name, options)
        with vault.data.read() as conn:
            period = current(conn)
        assert period is not None
        return {
            "machine": machine.describe(),
            "identifiers": identifiers,
            "published_per_cpu_second": round(identifiers / publishing),
            "renewed_per_cpu_second": round(identifiers / renewing),
            "bits": period.bits,
            "answer_bytes": period.size * LABEL_BYTES,
            **_multiplications(),
            **asked,
        }


def _pieces(rows: int) -> Iterator[bytes]:
    for at in range(rows):
        values = values_of(at)
        yield (",".join(values[kind] for kind in KINDS) + "\n").encode()


def _multiplications(rounds: int = 2_000) -> dict[str, Any]:
    server, key = Evaluator(secrets.token_bytes(32), 1), X25519PrivateKey.generate()
    points = [X25519PrivateKey.generate().public_key().public_bytes_raw() for _ in range(rounds)]
    _, both = _timed(lambda: [server.answer(point) for point in points])
    _, one = _timed(lambda: [key.exchange(X25519PublicKey.from_public_bytes(point)) for point in points])
    return {
        "points_answered_per_cpu_second": round(rounds / both),
        "ratio_to_two_exchanges_of_the_library": round(both / one / 2, 3),
    }


def _asked(vault: Vault, leak: str, options: argparse.Namespace) -> dict[str, Any]:
    numbers = [*range(options.asked), *(options.rows + at for at in range(options.asked))]
    known = [identifier(KINDS[at % 3], values_of(at)[KINDS[at % 3]]) for at in numbers]
    blinded, blinding = _timed(lambda: [blind(one) for one in known])
    with vault.data.read() as conn:
        period = current(conn)
    assert period is not None
    questions = [
        Question(
            period=period.number,
            bits=period.bits,
            prefix=slot_of(one) >> SLOT_BITS - period.bits,
            blinded=hidden.point,
        )
        for one, hidden in zip(known, blinded, strict=True)
    ]
    answers, answering = _timed(lambda: [answer(vault, one) for one in questions])
    results, opening = _timed(
        lambda: [hidden.opened(one.evaluated) for hidden, one in zip(blinded, answers, strict=True)]
    )
    found = [
        label_of(result, leak)
        in {one.labels[at : at + LABEL_BYTES] for at in range(0, len(one.labels), LABEL_BYTES)}
        for result, one in zip(results, answers, strict=True)
    ]
    return {
        "questions_answered_per_cpu_second": round(len(numbers) / answering),
        "asking_ms": round((blinding + opening) / len(numbers) * 1000, 2),
        "missed": options.asked - sum(found[: options.asked]),
        "falsely_found": sum(found[options.asked :]),
        "lengths": len({len(one.labels) for one in answers}),
    }


def _timed[Result](work: Callable[[], Result]) -> tuple[Result, float]:
    begun = time.process_time()
    result = work()
    return result, time.process_time() - begun


def _silent(*_: object) -> None:
    """Nobody is waiting."""


def failures(result: dict[str, Any]) -> Iterator[str]:
    """Everybody in the dump is found, nobody else is, and no answer is longer than another."""
    for name in ("missed", "falsely_found"):
        if result[name]:
            yield f"{name}: {result[name]}"
    if result["lengths"] != 1:
        yield "answers differ in length"
