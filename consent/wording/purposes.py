"""The closed vocabulary of purposes: what a recipient may want, and the fields each may ever ask for.

Codes are stable; each carries the identifier of the W3C Data Privacy Vocabulary, titles in both languages,
whether it touches sensitive data and so needs consent of its own, and whether law demands consent to it in
writing. A field outside a purpose's list cannot be asked for, granted or disclosed, unless it is one of the
operator's own that is offered to it (`own_fields`): a trigger of every grant sees to it. A purpose that merely may ask for something sensitive, as a payment may for a card,
is not sensitive itself: the field is, wherever it is taken. A purpose that can do without a real contact point
lists its alias too (`marks.aliases`): the person may give it instead, or the recipient ask for no more.

* `seed(conn) -> None` writes the vocabulary, again and again without harm.
* `purpose(conn, code) -> Purpose` raises UnknownPurpose; `PURPOSES: Mapping[str, Purpose]` is the same, pure.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from sqlalchemy import Connection, select

from consent.errors import UnknownPurpose
from consent.schema.tables import own_field, purpose_field
from consent.schema.tables import purpose as purpose_table
from consent.wording.alias_fields import ALIASES
from vault.fields import FIELDS
from vault.storage.rowset import RowSet

_DPV = "https://w3id.org/dpv#"


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """`fields` is the most this purpose may ask for, sorted; `dpv_iri` names it to the rest of the world."""

    code: str
    dpv_iri: str
    sensitive: bool
    title_en: str
    title_zh: str
    fields: tuple[str, ...]
    written: bool = False

    def title(self, lang: str) -> str:
        return self.title_zh if lang.startswith("zh") else self.title_en


def _purpose(  # each argument is a fact of its own
    code: str,
    dpv: str,
    en: str,
    zh: str,
    fields: str,
    *,
    written: bool = False,
    sensitive: bool | None = None,
) -> Purpose:
    """`sensitive` where it is said and not whether any field is."""
    names = tuple(sorted(fields.split()))
    return Purpose(
        code=code,
        dpv_iri=_DPV + dpv,
        sensitive=any(FIELDS[ALIASES.get(name, name)].sensitive for name in names)
        if sensitive is None
        else sensitive,
        title_en=en,
        title_zh=zh,
        fields=names,
        written=written,
    )


PURPOSES: Mapping[str, Purpose] = MappingProxyType(
    {
        p.code: p
        for p in (
            _purpose(
                "delivery",
                "DeliveryOfGoods",
                "Deliver goods to you",
                "向您配送商品",
                "address alias_phone name phone",
            ),
            _purpose(
                "account",
                "AccountManagement",
                "Open or run your account",
                "开立或管理您的账户",
                "alias_email alias_phone email name phone",
            ),
            _purpose(
                "identity_check",
                "IdentityVerification",
                "Check that you are who you say you are",
                "核验您的身份",
                "birth_date name passport phone resident_id",
            ),
            _purpose(
                "age_check",
                "AgeVerification",
                "Check that you are old enough",
                "核验您的年龄",
                "birth_date name resident_id",
            ),
            _purpose(
                "credit_check",
                "CreditChecking",
                "Check your credit standing",
                "查询您的信用状况",
                "bank_card name phone resident_id",
                written=True,  # Regulation on the Credit Reporting Industry 18
            ),
            _purpose(
                "fraud_prevention",
                "FraudPreventionAndDetection",
                "Prevent fraud in your name",
                "防止他人冒用您的名义欺诈",
                "email name phone",
            ),
            _purpose(
                "payment",
                "PaymentManagement",
                "Take or make a payment",
                "处理您的付款",
                "bank_card email name phone",
                sensitive=False,
            ),
            _purpose(
                "customer_care",
                "CustomerCare",
                "Answer you and help you",
                "为您提供客户服务",
                "alias_email alias_phone email name phone",
            ),
            _purpose(
                "marketing",
                "DirectMarketing",
                "Send you offers",
                "向您发送营销信息",
                "alias_email alias_phone email name phone",
            ),
            _purpose(
                "vehicle_service",
                "RequestedServiceProvision",
                "Serve you at your car",
                "为您的车辆提供服务",
                "alias_phone name phone plate",
            ),
            _purpose(
                "hiring",
                "RecruitmentApplicationManagement",
                "Handle your job application",
                "处理您的求职申请",
                "alias_email alias_phone email name phone",
            ),
            _purpose(
                "health_care",
                "ServiceRegistration",
                "Register you for treatment",
                "为您办理就诊登记",
                "birth_date name phone resident_id",
            ),
        )
    }
)

_SEED = RowSet(
    "WITH {rows} INSERT INTO purpose (code, dpv_iri, sensitive, written, title_en, title_zh) "
    "SELECT rows.code, rows.dpv_iri, rows.sensitive = 1, rows.written = 1, rows.title_en, rows.title_zh FROM rows "
    "WHERE true ON CONFLICT DO NOTHING",
    code="text",
    dpv_iri="text",
    sensitive="int",
    written="int",
    title_en="text",
    title_zh="text",
)
_SEED_FIELDS = RowSet(
    "WITH {rows} INSERT INTO purpose_field (purpose, field) SELECT rows.purpose, rows.field FROM rows "
    "WHERE true ON CONFLICT DO NOTHING",
    purpose="text",
    field="text",
)


def seed(conn: Connection) -> None:
    """Write the vocabulary; what is there already stays as it is."""
    known = PURPOSES.values()
    _SEED(
        conn, [(p.code, p.dpv_iri, int(p.sensitive), int(p.written), p.title_en, p.title_zh) for p in known]
    )
    _SEED_FIELDS(conn, [(p.code, field) for p in known for field in p.fields])


def purpose(conn: Connection, code: str) -> Purpose:
    """The purpose as this installation has it; raises UnknownPurpose."""
    row = conn.execute(select(purpose_table).where(purpose_table.c.code == code)).one_or_none()
    if row is None:
        raise UnknownPurpose("not in the vocabulary")
    known = select(purpose_field.c.field).where(purpose_field.c.purpose == code)
    own = select(own_field.c.field).where(own_field.c.purpose == code, own_field.c.withheld_at.is_(None))
    fields = conn.execute(known.union_all(own)).scalars()
    return Purpose(
        code=row.code,
        dpv_iri=row.dpv_iri,
        sensitive=row.sensitive,
        written=row.written,
        title_en=row.title_en,
        title_zh=row.title_zh,
        fields=tuple(sorted(fields)),
    )
