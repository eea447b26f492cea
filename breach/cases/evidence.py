"""The evidence pack of one person in one incident: a zip that is checked off-line and names nobody else.

| member          | content                                                                              |
|-----------------|--------------------------------------------------------------------------------------|
| README.txt      | what each member proves and how to check it, in English and Chinese                   |
| claim.json      | the draft: number, respondent, agreed sum, found fields, hashes of all it rests on    |
| report.json     | the trace, exactly as it was written; its SHA-256 stands in claim.json                |
| disclosures.zip | ledger bundle of this person's disclosures to the respondents (`perusal verify`)      |
| manifest.json   | SHA-256 of every other member                                                         |

Equal inputs give equal bytes. The pack says which fields were found, never a value.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from breach.cases.claims import Claim, find_claim
from breach.cases.incidents import Incident, find, one_affected
from breach.pipeline.report import PREFIX as TRACE_PREFIX
from breach.pipeline.report import TraceReport, report_json
from breach.pipeline.task import load
from consent.exposure import grants_behind
from consent.ids import DisclosureId, GrantId, grant_text
from consent.ledger.bundles import container
from consent.ledger.bundles.bundle import build
from consent.ledger.formats.policy import NO_WITNESSES, Policy
from consent.ledger.publishing.signer import Signer
from consent.recipients.register import recipient
from consent.redemption.evidence import evidence
from consent.signing.keys import receipt_keys
from consent.wording.terms import terms
from vault.ids import Bucket, SubjectId, bucket_for, encode_id
from vault.opening import Vault

README = """\
EVIDENCE PACK

claim.json       the draft claim: who against whom, which fields, the sum agreed in the grant
report.json      the trace of the leaked file: counts, ranking, statement, assumptions
disclosures.zip  signed ledger entries of what the respondents received of you, and when
manifest.json    SHA-256 of each member

1. Compare the SHA-256 of each member with manifest.json, and those of report.json and disclosures.zip with claim.json.
2. Check the ledger entries without any network:  perusal verify disclosures.zip
3. The figures in report.json weigh what was found against stories. They are not chances of guilt.

证据包

claim.json       索赔草稿:向谁主张、涉及哪些字段、授权中约定的金额
report.json      对泄露文件的追溯:计数、排序、结论陈述、假设
disclosures.zip  被主张方何时收到您哪些数据的账本签名记录
manifest.json    每个成员文件的 SHA-256

1. 将每个成员文件的 SHA-256 与 manifest.json 比对，并将 report.json 与 disclosures.zip 的与 claim.json 比对。
2. 无需网络即可核验账本记录:perusal verify disclosures.zip
3. report.json 中的数值衡量所发现内容对各种情形的支持程度，并非有责的概率。
"""


def pack(vault: Vault, incident_id: bytes, subject: SubjectId, *, witnesses: Policy = NO_WITNESSES) -> bytes:
    """The zip; raises UnknownIncident, or the ledger's NotYetPublished until the entries are signed.

    `witnesses` are the operator's, whose quorum should have cosigned what the entries are proven by.
    """
    bucket = bucket_for(subject, vault.installation.buckets)
    with vault.data.read() as conn:
        opened = find(conn, incident_id)
        one_affected(conn, incident_id, bucket, subject)
        drafted = find_claim(conn, incident_id, bucket, subject)
        report = load(vault, opened.trace)
        reads = _reads(conn, opened, drafted, report.before_ms)
        document = _document(conn, opened, drafted, report)
    members = {"README.txt": README.encode(), "report.json": report_json(report).encode()}
    if reads:
        members["disclosures.zip"] = _bundle(vault, bucket, reads, witnesses)
    document["rests_on"] = _hashes({name: data for name, data in members.items() if name != "README.txt"})
    members["claim.json"] = _json(document)
    members["manifest.json"] = _json(_hashes(members))
    return container.write(members)


def _reads(conn: Connection, opened: Incident, drafted: Claim, before_ms: int) -> list[DisclosureId]:
    """What the respondents received of this person before the dump came in."""
    person = [(drafted.bucket, drafted.subject)]
    against = (drafted.respondent,) if drafted.respondent else opened.respondents
    rows = [row for one in against for row in grants_behind(conn, person, one, before_ms)]
    return [disclosure for _, _, disclosure, _, _ in rows]


def _bundle(vault: Vault, bucket: Bucket, reads: list[DisclosureId], witnesses: Policy) -> bytes:
    found = evidence(vault, [(bucket, disclosure) for disclosure in reads])
    proven = [one for one in found if one is not None]
    keys = receipt_keys(vault)
    return build(vault.data, Signer.of(vault), proven, receipt_keys=keys, witnesses=witnesses)


def _document(conn: Connection, opened: Incident, drafted: Claim, report: TraceReport) -> dict[str, Any]:
    return {
        "version": 1,
        "claim": drafted.number,
        "state": drafted.state.value,
        "drafted_at": drafted.drafted_at,
        "incident": opened.name,
        "trace": encode_id(TRACE_PREFIX, opened.trace),
        "dump_sha256": report.body["dump"]["sha256"],
        "fields_found": list(drafted.fields),
        "respondent": _party(conn, drafted.respondent) if drafted.respondent else None,
        "one_of": [_party(conn, one) for one in opened.respondents] if opened.joint else [],
        "agreed": _agreed(conn, drafted),
        "notes": list(drafted.notes),
    }


def _party(conn: Connection, recipient_id: str) -> dict[str, Any]:
    found = recipient(conn, recipient_id)
    assert found is not None  # recipients are never deleted
    return {
        "recipient": recipient_id,
        "name": found.legal_name,
        "contact": found.contact,
        "registration_no": found.registration_no,
    }


def _agreed(conn: Connection, drafted: Claim) -> dict[str, Any] | None:
    found = terms(conn, drafted.terms) if drafted.terms else None
    if found is None or drafted.sum is None or drafted.grant is None:
        return None
    return {
        "amount": str(drafted.sum),
        "currency": drafted.sum.currency,
        "grant": grant_text(GrantId(drafted.grant)),
        "terms": found.id,
        "terms_hash": found.hash,
        "per_record": str(found.per_record),
        **found.rates.document(),
        "cap": str(found.cap),
        "cap_limits": "the agreed part only, never a proven loss",
    }


def _hashes(members: Mapping[str, bytes]) -> dict[str, str]:
    return {name: hashlib.sha256(data).hexdigest() for name, data in sorted(members.items())}


def _json(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, sort_keys=True, ensure_ascii=False, indent=1) + "\n").encode()
