"""What only one module may do, and what the floor's vocabulary promises to the outside."""

import ast
from pathlib import Path

import consent
from consent.denials import DenialCode
from consent.refusals import Refusal, RefusalCode

ROOT = Path(consent.__file__).parent.parent


def test_only_the_permits_module_issues_permits():
    callers = [
        str(path.relative_to(ROOT))
        for floor in ("consent", "breach", "api")
        for path in (ROOT / floor).rglob("*.py")
        if _uses_issue(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert callers == ["consent/permits/issue.py"]


def _uses_issue(tree: ast.AST) -> bool:
    names = {"issue", "permit", "vault.permit", "scan_permit", "vault.scan.permit"}
    return any(
        name.name in names
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("vault"))
        for name in node.names
    )


def test_the_search_that_weighs_parts_and_masks_stays_inside_the_vault():
    callers = [
        str(path.relative_to(ROOT))
        for floor in ("consent", "breach", "api")
        for path in (ROOT / floor).rglob("*.py")
        if _imports_find(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert callers == []


def _imports_find(tree: ast.AST) -> bool:
    return any(
        (isinstance(node, ast.ImportFrom) and node.module in {"vault.finding.find", "vault.tags.agreement"})
        or (
            isinstance(node, ast.ImportFrom | ast.Import)
            and _names(node) & {"vault.finding.find", "vault.tags.agreement"}
        )
        or (isinstance(node, ast.ImportFrom) and node.module == "vault" and "find" in _names(node))
        for node in ast.walk(tree)
    )


def _names(node: ast.ImportFrom | ast.Import) -> set[str]:
    return {name.name for name in node.names}


def test_every_refusal_has_an_error_that_oauth_clients_know():
    known = {
        "invalid_request",
        "invalid_authorization_details",
        "invalid_request_uri",
        "unauthorized_client",
    }
    assert {Refusal(code=code).error for code in RefusalCode} == known


def test_codes_are_stable_words():
    for code in (*DenialCode, *RefusalCode):
        assert code.value.replace(".", "_").isidentifier()
        assert code.value == code.value.lower()
