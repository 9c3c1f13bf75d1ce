"""The command line: one file a noun, over the same use-cases as the other doors. Nothing here decides."""

from doorward.cli.frame import Noun

main = Noun(
    name="doorward",
    help="Any credential in, one identity out.",
    files={
        "init": "init",
        "serve": "serve",
        "check": "check",
        "demo": "demo",
        "key": "key",
        "account": "account",
        "client": "client",
        "service": "service",
        "cert": "cert",
        "session": "session",
        "webhook": "webhook",
        "token": "token",
        "sign": "sign",
        "verify": "verify",
        "rotate": "rotate",
        "audit": "audit",
        "explain": "explain",
        "generate": "generate",
        "base64": "base64",
    },
)
