"""What a recipient is answered over HTTP, and a file of such rows brought to a trace: the two ends of a red team's work."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from breach.intake.quarantine import receive
from breach.pipeline.report import TraceReport
from breach.pipeline.run import trace
from consent.tokens.exchange import Issued, exchange
from tests.bench.proofs import ProofKey
from tests.consent.world import World
from tests.flow.installation import START
from vault.opening import Vault


def received(site, world: World, app, code: str, key: ProofKey, fields: Sequence[str]) -> list[str]:
    """The values of these fields that `app` gets for the code of a person's approval."""
    issued = exchange(world.vault, world.exchanging(app, code, jkt=key.jkt), world.now)
    assert isinstance(issued, Issued)
    proof = key.proof("POST", f"{site.issuer}/v1/disclosures", issued.token, START // 1000)
    answer = site.http.post(
        "/v1/disclosures", headers={"Authorization": f"DPoP {issued.token}", "DPoP": proof}
    )
    assert answer.status_code == 200, answer.text
    return [answer.json()["data"][field] for field in fields]


def traced(vault: Vault, folder: Path, rows: Sequence[Sequence[str]], now_ms: int) -> TraceReport:
    """The report of a file that holds these rows."""
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    dump = receive(vault, [text.getvalue().encode()], folder / "q", now_ms=now_ms, actor="t", limit=1 << 24)
    return trace(vault, dump, now_ms=now_ms)
