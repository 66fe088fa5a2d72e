"""What a service says becomes one of the contract's errors, in words, without its secrets."""

from __future__ import annotations

import pytest
from statekeep.backends.object_store.failures import UnansweredError, failure, is_missing_bucket, unopened
from statekeep.errors import StoreUnusableError, UnavailableError

ANSWER = "Error performing PUT - status code: {status}: <Error><Code>{code}</Code>{more}</Error>"

UNDELETED = (
    "S3 error: DeleteObjects request failed for key p/_entries/d/del/t: Something (code: {code})\n\nDebug"
)


def said(status: int, code: str, more: str = "") -> str:
    return ANSWER.format(status=status, code=code, more=more)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (said(404, "NoSuchBucket"), "bucket does not exist"),
        (said(403, "InvalidAccessKeyId"), "access key id is unknown"),
        (said(403, "SignatureDoesNotMatch"), "secret access key is wrong"),
        (said(403, "RequestTimeTooSkewed"), "clock is wrong"),
        (said(403, "AccessDenied"), "do not allow it"),
        (said(403, "AuthorizationFailure"), "account key or token is wrong"),
        (said(400, "ExpiredToken"), "expired"),
        (said(400, "AuthorizationHeaderMalformed"), "region is wrong"),
        (said(301, "PermanentRedirect"), "another region"),
        (said(400, "SomethingElse"), "it answered 400 SomethingElse"),
        ("error performing PUT http://169.254.169.254/latest/api/token", "no credentials"),
        (
            "error: source: BadScheme",
            "give an https:// endpoint, or allow_http=true among the client_options",
        ),
        (
            "error: source: InvalidMessage(InvalidContentType)",
            "does not speak TLS; correct its port, or give",
        ),
        (said(403, "SignatureDoesNotMatch"), "; correct it, in the option or in the environment"),
        (UNDELETED.format(code="AccessDenied"), "the credentials do not allow deleting objects; grant what"),
    ],
)
def test_what_repeating_cannot_mend_is_unusable_and_says_what_to_do(text: str, words: str) -> None:
    error = failure("s3://bucket/p", text)
    assert isinstance(error, StoreUnusableError)
    assert words in str(error)
    assert "s3://bucket/p" in str(error)
    assert not error.retryable


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (said(503, "SlowDown"), "it answered 503 SlowDown"),
        (said(500, "InternalError", "<Message>try later\nRequestId:1</Message>"), "(try later)"),
        (said(429, "TooManyRequests"), "it answered 429"),
        ("HTTP error: error sending request ... dns error ...", "host name is not known"),
        ("HTTP error ... tls handshake eof", "if its endpoint does not speak TLS, give it as http://"),
        (UNDELETED.format(code="SlowDown"), "it answered SlowDown to deleting objects"),
        ("HTTP error ... TimedOut", "did not answer in time"),
        ("HTTP error ... ConnectionRefused", "connection was refused"),
        ("HTTP error ... IncompleteMessage", "connection was cut"),
        ("some new error\nDebug source: pages of it", "some new error"),
    ],
)
def test_what_may_pass_is_unavailable(text: str, words: str) -> None:
    error = failure("s3://bucket/p", text)
    assert isinstance(error, UnavailableError)
    assert words in str(error)
    assert "Debug" not in str(error)


SILENCE = "Error performing {method} - HTTP error\n retries: {retries},\n max_retries: 3,\n kind: {kind},\n"


@pytest.mark.parametrize(
    ("retries", "kind", "is_unanswered"),
    [(0, "Timeout", True), (2, "Timeout", True), (3, "Timeout", False), (0, "Connect", False)],
)
def test_silence_that_the_client_did_not_repeat_is_told_from_the_rest(
    retries: int, kind: str, is_unanswered: bool
) -> None:
    error = failure("s3://b", SILENCE.format(method="PUT", retries=retries, kind=kind))
    assert isinstance(error, UnansweredError) is is_unanswered
    assert error.code == "unavailable"


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_what_could_not_be_deleted_is_not_named_by_a_path_that_nobody_gave(code: str) -> None:
    assert "_entries" not in str(failure("s3://bucket/p", UNDELETED.format(code=code)))


@pytest.mark.parametrize(
    ("text", "option", "words"),
    [
        (
            "Generic S3 error: Missing SecretAccessKey",
            "secret_access_key",
            "secret_access_key is not; set secret",
        ),
        ("Generic S3 error: Missing AccessKeyId", "access_key_id", "access_key_id is not; set"),
        ("Generic X error: Invalid Access Key: it is s3cret", "account_key", "is not base64"),
        ("Generic X error: something new.\n\nDebug: pages", "url", "something new; correct its url"),
    ],
)
def test_what_no_client_can_be_made_of_is_blamed_on_its_option(text: str, option: str, words: str) -> None:
    error = unopened("s3://bucket/p", text)
    assert error.facts["option"] == option
    assert words in str(error)
    assert "s3cret" not in str(error)


def test_nothing_that_signs_is_repeated() -> None:
    more = "<StringToSign>AWS4-HMAC</StringToSign><SignatureProvided>abc123</SignatureProvided>"
    for code in ("SignatureDoesNotMatch", "Unheard"):
        assert "abc123" not in str(failure("s3://b", said(403, code, more)))


def test_the_address_of_a_request_is_not_repeated() -> None:
    text = "Error performing GET http://me:s3cret@host/b/k?sig=s3cret in 1ms - HTTP error: error sending"
    assert "GET (url) in 1ms - HTTP error" in str(failure("s3://b", text))
    assert "s3cret" not in str(failure("s3://b", text))


def test_an_absent_bucket_is_told_from_an_absent_object() -> None:
    assert is_missing_bucket(said(404, "NoSuchBucket"))
    assert is_missing_bucket("404: ContainerNotFound")
    assert is_missing_bucket("The specified bucket does not exist.")
    assert not is_missing_bucket(said(404, "NoSuchKey"))
