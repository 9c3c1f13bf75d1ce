"""Writes docs/rfc.md from the marks `@pytest.mark.rfc("7636", "4.6")`: which test holds which section.

`make docs` writes it; tests/test_rfc_page.py fails while it is stale.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "rfc.md"

TITLES: Final = {
    "1123": "Requirements for Internet Hosts",
    "2104": "HMAC",
    "2585": "X.509: Operational Protocols, FTP and HTTP",
    "2986": "PKCS #10: Certification Request Syntax",
    "3986": "URI: Generic Syntax",
    "4231": "Test Vectors for HMAC-SHA-2",
    "4291": "IPv6 Addressing Architecture",
    "4648": "Base16, Base32 and Base64",
    "5280": "X.509 Certificates and CRLs",
    "5869": "HKDF",
    "6265": "Cookies",
    "6454": "The Web Origin Concept",
    "6455": "The WebSocket Protocol",
    "6585": "Additional HTTP Status Codes",
    "6749": "OAuth 2.0",
    "6750": "OAuth 2.0: Bearer Token Usage",
    "7009": "OAuth 2.0 Token Revocation",
    "7239": "Forwarded HTTP Extension",
    "7515": "JSON Web Signature",
    "7517": "JSON Web Key",
    "7518": "JSON Web Algorithms",
    "7519": "JSON Web Token",
    "7520": "JOSE: Examples",
    "7521": "Assertion Framework for OAuth 2.0 Client Authentication",
    "7523": "JWT Profile for OAuth 2.0 Client Authentication",
    "7591": "OAuth 2.0 Dynamic Client Registration",
    "7617": "The Basic HTTP Authentication Scheme",
    "7638": "JWK Thumbprint",
    "7662": "OAuth 2.0 Token Introspection",
    "8037": "EdDSA in JOSE",
    "8259": "JSON",
    "8265": "PRECIS: Usernames and Passwords",
    "8414": "OAuth 2.0 Authorization Server Metadata",
    "8446": "The Transport Layer Security (TLS) Protocol Version 1.3",
    "8705": "OAuth 2.0 Mutual-TLS and Certificate-Bound Tokens",
    "8707": "Resource Indicators for OAuth 2.0",
    "8725": "JWT Best Current Practices",
    "9068": "JWT Profile for OAuth 2.0 Access Tokens",
    "9106": "Argon2",
    "9110": "HTTP Semantics",
    "9112": "HTTP/1.1",
    "9113": "HTTP/2",
    "9207": "OAuth 2.0 Issuer Identification",
    "9421": "HTTP Message Signatures",
    "9440": "Client-Cert HTTP Header Field",
    "9449": "OAuth 2.0 Demonstrating Proof of Possession (DPoP)",
    "9457": "Problem Details for HTTP APIs",
    "9470": "OAuth 2.0 Step Up Authentication Challenge",
    "9530": "Digest Fields",
    "9651": "Structured Field Values for HTTP",
    "9700": "OAuth 2.0 Security Best Current Practice",
    "9864": "Fully-Specified Algorithms for JOSE",
}
"""Of the standards that tests name; a missing one is shown by its number alone."""

HEAD: Final = """# Which test holds which section

Written by `make docs` from the tests' own marks; do not edit.
"""


def marks(tree: ast.AST) -> Iterator[tuple[str, str, str]]:
    """Number, section and the test's name; a mark on a class holds for the class, one in a module for the module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            for decorator in node.decorator_list:
                yield from ((number, section, node.name) for number, section in _calls(decorator))
        elif isinstance(node, ast.Assign) and any(isinstance(name, ast.Name) and name.id == "pytestmark" for name in node.targets):
            yield from ((number, section, "") for number, section in _calls(node.value))


def _calls(node: ast.AST) -> Iterator[tuple[str, str]]:
    for call in ast.walk(node):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "rfc":
            number, section = (str(ast.literal_eval(argument)) for argument in call.args)
            yield number, section


def page() -> str:
    found: dict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, section, name in marks(ast.parse(path.read_text("utf-8"))):
            found[number].add((section, path.relative_to(ROOT).as_posix(), name))
    parts = [HEAD]
    for number in sorted(found, key=lambda each: (len(each), each)):
        parts.append(f"## RFC {number}{': ' + TITLES[number] if number in TITLES else ''}\n\n| section | test |\n|---|---|\n")
        for section, path_name, name in sorted(found[number], key=lambda each: (_order(each[0]), each[1:])):
            says = name.removeprefix("test_").replace("_", " ") or "all of this file"
            parts.append(f"| {section} | [{says}](../{path_name}) |\n")
        parts.append("\n")
    return "\n".join([parts[0], "".join(parts[1:])]).rstrip() + "\n"


def _order(section: str) -> tuple[tuple[bool, int, str], ...]:
    """4.10 comes after 4.9, and letters (appendices) after numbers."""
    return tuple((not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in section.split("."))


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
