"""Why nothing was fetched: a closed list, for logs and counters. None of it says more of the inside than its name."""

from enum import Enum


class Failure(Enum):
    BAD_URL = "the URL is not one that is fetched"
    NOT_HTTPS = "plain http is for addresses that [fetch] allow lists"
    NO_ADDRESS = "the name has no address"
    NOT_PUBLIC = "the name leads to an address that is not public; [fetch] allow would list it"
    UNREACHABLE = "no connection could be made"
    BAD_CERTIFICATE = "TLS failed: the certificate is not one for this name, or nobody trusted has signed it"
    TOO_SLOW = "it took too long"
    TOO_LARGE = "the answer is larger than allowed"
    CUT_SHORT = "the connection ended before the answer did"
    NOT_HTTP = "the answer is not HTTP/1.1"
    REDIRECTED = "the answer is a redirect, and none is followed"
    BAD_STATUS = "the answer has another status than 200"
    BAD_TYPE = "the answer is of another media type"
    ENCODED = "the answer is compressed, which was not asked for"
    BUSY = "too much is being fetched already"


class FetchError(Exception):
    """`note` is for the log: the host, a status; never what the other side wrote."""

    def __init__(self, why: Failure, note: str = "") -> None:
        super().__init__(f"{why.value} ({note})" if note else why.value)
        self.why, self.note = why, note
