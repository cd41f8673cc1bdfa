"""Who a client is: passwords, signatures and certificates at the Logon."""

from __future__ import annotations

import base64
import hmac
import json
import re
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from fixgw.session.checks import Objection
from fixgw.session.credentials import (
    SIGNED_TAGS,
    Credentials,
    CredentialsError,
    Freshness,
    signed_text,
)
from fixgw.session.identity import SessionId
from fixgw.session.passwords import HASH_BYTES, PasswordHash
from fixgw.session.policies import Authentication
from fixgw.session.reasons import DisconnectReason
from fixgw.session.settings import SessionSettings
from fixgw.wire import Message, parse_message, parse_utc_timestamp

SPEC = Path(__file__).parents[2] / "spec" / "logon_authentication.md"
BUYER = SessionId("FIX.4.4", "EXCHANGE", "BUYER")
NS_PER_S = 1_000_000_000
SALT = bytes(range(16))
GOOD_PASSWORD = b"correct horse battery"
HASH = str(PasswordHash.make(GOOD_PASSWORD, SALT))
OTHER_HASH = str(PasswordHash.make(b"another long password", SALT))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
SECRET = bytes(range(32, 64))
SECRET_TEXT = base64.b64encode(SECRET).decode()
NOBODY: frozenset[str] = frozenset()

NO_PASSWORD = "Username(553) or Password(554) is wrong"
NO_SIGNATURE = "the signature in RawData(96) is wrong"


def settings(
    method: Authentication, session_id: SessionId = BUYER, *names: str
) -> SessionSettings:
    return SessionSettings(
        session_id=session_id,
        authentication=method,
        client_certificate_names=names,
    )


def logon(fields: dict[int, bytes], begin_string: bytes = b"FIX.4.4") -> Message:
    body = b"35=A\x01" + b"".join(
        b"%d=%s\x01" % (tag, value) for tag, value in fields.items()
    )
    data = b"8=%s\x019=%d\x01%s" % (begin_string, len(body), body)
    message = parse_message(data + b"10=%03d\x01" % (sum(data) % 256))
    assert isinstance(message, Message)
    return message


FIELDS = {
    34: b"1",
    49: b"BUYER",
    52: b"20261121-14:00:00.123",
    56: b"EXCHANGE",
    98: b"0",
    108: b"30",
}
PASSWORD = settings(Authentication.PASSWORD)
SIGNATURE = settings(Authentication.SIGNATURE)


def with_password(password: bytes, user: bytes | None = b"buyer") -> Message:
    name = {} if user is None else {553: user}
    return logon({**FIELDS, **name, 554: password})


def signed(fields: dict[int, bytes], key: Ed25519PrivateKey | bytes = KEY) -> Message:
    text = signed_text(logon(fields))
    if isinstance(key, bytes):
        return with_signature(fields, hmac.digest(key, text, "sha256"))
    return with_signature(fields, key.sign(text))


def with_signature(fields: dict[int, bytes], signature: bytes) -> Message:
    raw = base64.b64encode(signature)
    return logon({**fields, 95: b"%d" % len(raw), 96: raw})


def problems(text: str) -> list[str]:
    with pytest.raises(CredentialsError) as caught:
        Credentials.parse(text, "c.toml")
    assert str(caught.value).splitlines() == list(caught.value.problems)
    return list(caught.value.problems)


def failed(objection: Objection | None) -> str:
    assert objection is not None
    assert objection.reason is DisconnectReason.AUTHENTICATION_FAILED
    return objection.text


# Passwords

BY_PASSWORD = Credentials.parse(
    f'[BUYER]\nusername = "buyer"\npassword = "{HASH}"\n', "c.toml"
)


def test_a_good_password() -> None:
    assert BY_PASSWORD.check(PASSWORD, with_password(GOOD_PASSWORD), NOBODY) is None


@pytest.mark.parametrize(
    "message",
    [
        with_password(b"wrong"),
        with_password(GOOD_PASSWORD + b"!"),
        with_password(GOOD_PASSWORD, b"Buyer"),
        with_password(GOOD_PASSWORD, None),
        logon(FIELDS),
        logon({**FIELDS, 95: b"21", 96: GOOD_PASSWORD}),
    ],
)
def test_a_bad_password(message: Message) -> None:
    assert failed(BY_PASSWORD.check(PASSWORD, message, NOBODY)) == NO_PASSWORD


def test_no_password_is_good_for_a_client_without_one() -> None:
    for text in ("", '[BUYER]\nusername = "buyer"\n', f'[BUYER]\ned25519 = "{PUBLIC}"'):
        nobody = Credentials.parse(text, "c.toml")
        for password in (GOOD_PASSWORD, b"x"):
            message = with_password(password)
            assert failed(nobody.check(PASSWORD, message, NOBODY)) == NO_PASSWORD


def test_an_empty_password_is_none() -> None:
    empty = PasswordHash.make(b"", SALT)
    made = Credentials.parse(f'[BUYER]\npassword = "{empty}"', "c.toml")
    assert failed(made.check(PASSWORD, logon(FIELDS), NOBODY)) == NO_PASSWORD


def test_an_old_and_a_new_password_are_both_good() -> None:
    made = Credentials.parse(
        f'[BUYER]\npassword = ["{OTHER_HASH}", "{HASH}"]\n', "c.toml"
    )
    for password in (GOOD_PASSWORD, b"another long password"):
        # Without a username of ours, the client's is not looked at.
        assert made.check(PASSWORD, with_password(password, None), NOBODY) is None
        assert made.check(PASSWORD, with_password(password, b"x"), NOBODY) is None
    assert made.check(PASSWORD, with_password(b"wrong"), NOBODY) is not None


def test_older_versions_have_the_password_in_raw_data() -> None:
    old = SessionId("FIX.4.2", "EXCHANGE", "BUYER")
    made = Credentials.parse(f'[BUYER]\npassword = "{HASH}"\n', "c.toml")
    message = logon({**FIELDS, 95: b"21", 96: GOOD_PASSWORD}, b"FIX.4.2")
    assert made.check(settings(Authentication.PASSWORD, old), message, NOBODY) is None


def test_a_whole_session_goes_before_a_client() -> None:
    made = Credentials.parse(
        f'["FIX.4.4:EXCHANGE->BUYER"]\npassword = "{HASH}"\n'
        f'[BUYER]\npassword = "{OTHER_HASH}"\n',
        "c.toml",
    )
    good, other = (
        with_password(each) for each in (GOOD_PASSWORD, b"another long password")
    )
    assert made.check(PASSWORD, good, NOBODY) is None
    assert made.check(PASSWORD, other, NOBODY) is not None
    second = settings(Authentication.PASSWORD, SessionId("FIX.4.3", "E", "BUYER"))
    assert made.check(second, other, NOBODY) is None


@given(st.binary(max_size=80))
def test_a_hash_is_read_as_it_is_written(digest: bytes) -> None:
    text = f"scrypt$16384$8$1${base64.b64encode(digest).decode()}$"
    text += base64.b64encode(bytes(HASH_BYTES)).decode()
    if len(digest) < 16:
        with pytest.raises(ValueError, match="too short"):
            PasswordHash.parse(text)
    else:
        assert str(PasswordHash.parse(text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is not scrypt"),
        (HASH + "$", "is not scrypt"),
        (HASH.replace("scrypt", "md5"), "is not scrypt"),
        (HASH.replace("16384", "-16384"), "no numbers"),
        (HASH.replace("16384", "1" * 9), "no numbers"),
        (HASH.replace("16384", "1024"), "other than n=16384 to 65536"),
        (HASH.replace("16384", "131072"), "other than"),
        (HASH.replace("$8$", "$16$"), "other than"),
        (HASH.replace("$1$", "$5$"), "other than"),
        (HASH.replace("$1$", "$0$"), "other than"),
        (HASH.replace("==", "=?"), "not base64"),
        (HASH[:-8], "too short|not base64"),
    ],
)
def test_what_is_not_a_hash(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        PasswordHash.parse(text)


def test_the_dearest_hash_can_be_checked() -> None:
    salt, digest = HASH.split("$")[4:]
    dear = PasswordHash.parse(f"scrypt$65536$8$4${salt}${digest}")
    assert not dear.matches(GOOD_PASSWORD)


# Signatures

SIGNERS = {
    "ed25519": (f'[BUYER]\nusername = "buyer"\ned25519 = "{PUBLIC}"', KEY),
    "hmac": (f'[BUYER]\nusername = "buyer"\nhmac_sha256 = "{SECRET_TEXT}"', SECRET),
}
SIGNED = {**FIELDS, 553: b"buyer", 141: b"Y", 789: b"1", 50: b"DESK"}


@pytest.fixture(params=SIGNERS, name="way")
def _way(
    request: pytest.FixtureRequest,
) -> tuple[Credentials, Ed25519PrivateKey | bytes]:
    text, key = SIGNERS[request.param]
    return Credentials.parse(text, "c.toml"), key


def test_a_good_signature(way: tuple[Credentials, Ed25519PrivateKey]) -> None:
    made, key = way
    assert made.check(SIGNATURE, signed(SIGNED, key), NOBODY) is None


@pytest.mark.parametrize("tag", [tag for tag in SIGNED_TAGS if tag not in (8, 35)])
def test_what_is_signed_cannot_be_changed(
    way: tuple[Credentials, Ed25519PrivateKey], tag: int
) -> None:
    made, key = way
    raw = signed(SIGNED, key).get(96) or b""
    for changed in (
        {**SIGNED, tag: b"2"},
        {each: value for each, value in SIGNED.items() if each != tag},
    ):
        if changed != SIGNED:
            message = with_signature(changed, base64.b64decode(raw))
            assert failed(made.check(SIGNATURE, message, NOBODY)) == NO_SIGNATURE


def test_a_value_cannot_move_to_another_field(
    way: tuple[Credentials, Ed25519PrivateKey],
) -> None:
    made, key = way
    raw = base64.b64decode(signed(SIGNED, key).get(96) or b"")
    moved = {tag: value for tag, value in SIGNED.items() if tag != 50}
    message = with_signature({**moved, 142: b"DESK"}, raw)
    assert made.check(SIGNATURE, message, NOBODY) is not None


def test_another_version_is_another_text(
    way: tuple[Credentials, Ed25519PrivateKey],
) -> None:
    made, key = way
    raw = signed(SIGNED, key).get(96) or b""
    message = logon({**SIGNED, 95: b"%d" % len(raw), 96: raw}, b"FIX.4.3")
    assert made.check(SIGNATURE, message, NOBODY) is not None


def test_a_good_signature_under_a_wrong_name(
    way: tuple[Credentials, Ed25519PrivateKey],
) -> None:
    made, key = way
    message = signed({**SIGNED, 553: b"seller"}, key)
    assert made.check(SIGNATURE, message, NOBODY) is not None


@pytest.mark.parametrize("raw", [b"", b"*", b"AA==", b"A" * 44, b"A" * 88, b"\xff"])
def test_what_is_no_signature(
    way: tuple[Credentials, Ed25519PrivateKey], raw: bytes
) -> None:
    made, _ = way
    more = {95: b"%d" % len(raw), 96: raw} if raw else {}
    message = logon({**SIGNED, **more})
    assert failed(made.check(SIGNATURE, message, NOBODY)) == NO_SIGNATURE


def test_nothing_is_a_good_signature_of_nobody() -> None:
    nobody = Credentials({})
    for key in (KEY, SECRET, bytes(32)):
        assert failed(nobody.check(SIGNATURE, signed(SIGNED, key), NOBODY))


def test_an_old_and_a_new_key_are_both_good() -> None:
    new = Ed25519PrivateKey.from_private_bytes(bytes(32))
    public = base64.b64encode(new.public_key().public_bytes_raw()).decode()
    made = Credentials.parse(
        f'[BUYER]\ned25519 = ["{PUBLIC}", "{public}"]\nhmac_sha256 = "{SECRET_TEXT}"',
        "c.toml",
    )
    for key in (KEY, new, SECRET):
        assert made.check(SIGNATURE, signed(SIGNED, key), NOBODY) is None


# A signature is good once

SENT = parse_utc_timestamp(FIELDS[52])


def test_a_signed_logon_is_good_once() -> None:
    fresh = Freshness(SENT - NS_PER_S)
    message = logon(FIELDS)
    assert fresh.check(SIGNATURE, message, SENT) is None
    again = fresh.check(SIGNATURE, message, SENT + NS_PER_S)
    assert failed(again) == "SendingTime(52) is not newer than that of the last Logon"
    later = logon({**FIELDS, 52: b"20261121-14:00:00.124"})
    assert fresh.check(SIGNATURE, later, SENT + NS_PER_S) is None
    # Another session has a memory of its own.
    other = settings(Authentication.SIGNATURE, SessionId("FIX.4.4", "E", "S"))
    assert fresh.check(other, message, SENT) is None


def test_a_signed_logon_of_before_the_start_is_old() -> None:
    assert Freshness(SENT).check(SIGNATURE, logon(FIELDS), SENT) is not None


@pytest.mark.parametrize(("off_s", "good"), [(120, True), (121, False), (-121, False)])
def test_a_signed_logon_is_near_our_clock(off_s: int, good: bool) -> None:
    fresh = Freshness(0)
    found = fresh.check(SIGNATURE, logon(FIELDS), SENT + off_s * NS_PER_S)
    assert (found is None) is good
    # What was too far off is not remembered.
    assert (fresh.check(SIGNATURE, logon(FIELDS), SENT) is None) is not good


def test_a_signed_logon_has_a_time() -> None:
    message = logon({**FIELDS, 52: b"now"})
    found = Freshness(0).check(SIGNATURE, message, SENT)
    assert failed(found) == "SendingTime(52) is no time"


def test_other_logons_need_not_be_new() -> None:
    fresh = Freshness(SENT)
    for _ in range(2):
        assert fresh.check(PASSWORD, logon(FIELDS), SENT) is None


# Certificates


@pytest.mark.parametrize(
    ("method", "text", "names", "peer", "bound"),
    [
        ("NONE", "", (), (), True),
        ("NONE", "", ("a",), (), False),
        ("NONE", "", ("a", "b"), ("b", "c"), True),
        ("NONE", '[BUYER]\ncertificates = ["x"]', (), ("x",), True),
        ("NONE", '[BUYER]\ncertificates = "x"', (), ("y",), False),
        ("CERTIFICATE", "", (), ("BUYER",), True),
        ("CERTIFICATE", "", (), ("SELLER",), False),
        ("CERTIFICATE", "", (), (), False),
        ("CERTIFICATE", "", ("a",), ("BUYER",), False),
        ("CERTIFICATE", '[BUYER]\ncertificates = ["x"]', ("a",), ("x",), True),
    ],
)
def test_certificates_are_bound_to_sessions(
    method: str, text: str, names: tuple[str, ...], peer: tuple[str, ...], bound: bool
) -> None:
    session = settings(Authentication(method), BUYER, *names)
    made = Credentials.parse(text, "c.toml")
    found = made.check(session, logon(FIELDS), frozenset(peer))
    if bound:
        assert found is None
    else:
        assert found is not None
        assert found.reason is DisconnectReason.CERTIFICATE_NOT_BOUND


def test_a_password_alone_is_not_enough_where_a_certificate_is_bound() -> None:
    session = settings(Authentication.PASSWORD, BUYER, "a")
    good = with_password(GOOD_PASSWORD)
    found = BY_PASSWORD.check(session, good, frozenset({"b"}))
    assert found is not None
    assert found.reason is DisconnectReason.CERTIFICATE_NOT_BOUND
    assert BY_PASSWORD.check(session, good, frozenset({"a"})) is None


# The file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a", "c.toml: Expected '=' after a key in a key/value pair"),
        ("a = 1", "c.toml: a: stands before any [client]"),
        ("[A]\nx = '1'", "c.toml: [A] x: is not known"),
        (
            "[A]\npassword_ = '1'",
            "c.toml: [A] password_: is not known; did you mean password?",
        ),
        ("[A]\nusername = 1", "c.toml: [A] username: is neither a text nor a list"),
        ("[A]\nusername = ['']", "c.toml: [A] username: is neither a text nor a list"),
        ("[A]\nusername = ['a', 'b']", "c.toml: [A] username: must be one"),
        ("[A]\ned25519 = []", "c.toml: [A] ed25519: has more than 4 values, or none"),
        (
            "[A]\npassword = ['a','b','c','d','e']",
            "c.toml: [A] password: has more than 4 values, or none",
        ),
        ("[A]\npassword = 'x'", "c.toml: [A] password: is not scrypt$n$r$p$salt$hash"),
        ("[A]\nhmac_sha256 = '?'", "c.toml: [A] hmac_sha256: is not base64"),
        (
            "[A]\nhmac_sha256 = 'AAAA'",
            "c.toml: [A] hmac_sha256: is shorter than 16 bytes",
        ),
        (
            "[A]\ned25519 = 'AAAA'",
            "c.toml: [A] ed25519: is not the base64 of 32 bytes, a public key",
        ),
    ],
)
def test_what_is_wrong_with_a_file(text: str, told: str) -> None:
    (found,) = problems(text)
    assert found.startswith(told)


def test_all_problems_are_told_together_and_no_secret_is() -> None:
    text = "[A]\npassword = 'hunter2'\n[B]\nhmac_sha256 = 'hunter2'\nx = 'hunter2'"
    found = problems(text)
    assert len(found) == 3
    assert "hunter2" not in "".join(found)


def test_nothing_shows_a_secret() -> None:
    made = Credentials.parse(
        f'[BUYER]\npassword = "{HASH}"\nhmac_sha256 = "{SECRET_TEXT}"', "c.toml"
    )
    assert list(made.summary()) == [("BUYER", "password, hmac_sha256")]
    shown = repr(made) + "".join(map(repr, made._entries.values()))
    assert "scrypt" not in shown
    assert str(SECRET) not in shown


def test_sessions_without_what_they_need() -> None:
    made = Credentials.parse(f'[BUYER]\ned25519 = "{PUBLIC}"\n[X]\n', "c.toml")
    sessions = [
        PASSWORD,
        SIGNATURE,
        settings(Authentication.NONE),
        settings(Authentication.SIGNATURE, SessionId("FIX.4.4", "E", "SELLER")),
        settings(Authentication.PASSWORD, SessionId("FIX.4.4", "E", "*")),
    ]
    assert list(made.problems(sessions)) == [
        "FIX.4.4:EXCHANGE->BUYER has no password, which LogonAuthentication=PASSWORD"
        " needs",
        "FIX.4.4:E->SELLER has no hmac_sha256 or ed25519, which"
        " LogonAuthentication=SIGNATURE needs",
    ]
    assert made.unused(sessions) == []
    assert made.unused(sessions[:4]) == ["X"]


KEY_NAMES = st.sampled_from(
    ["username", "password", "hmac_sha256", "ed25519", "certificates", "x"]
)
SCALARS = st.text("aA= $scrypt0", max_size=9) | st.integers() | st.booleans()


def credentials_or_problems(text: str) -> None:
    """Nothing else may come of a text; an error names at least one problem."""
    try:
        Credentials.parse(text, "c.toml")
    except CredentialsError as error:
        if not error.problems:
            raise AssertionError("refused for nothing") from error


@given(st.text() | st.text('[]a="\n#', max_size=30))
def test_any_text_is_credentials_or_problems(text: str) -> None:
    credentials_or_problems(text)


@given(st.dictionaries(KEY_NAMES, SCALARS | st.lists(SCALARS, max_size=6)))
def test_any_table_is_credentials_or_problems(table: dict[str, object]) -> None:
    lines = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
    credentials_or_problems("\n".join(["[BUYER]", *lines]))


# The document


def test_the_example_of_the_document() -> None:
    text = SPEC.read_text()
    frame = next(line for line in text.splitlines() if line.startswith("8=FIX"))
    message = parse_message(frame.replace("|", "\x01").encode())
    assert isinstance(message, Message)
    (said,) = (line for line in text.splitlines() if line.startswith("2026"))
    assert signed_text(message) == said.replace("|", "\x01").encode()
    assert f"has {len(signed_text(message))} bytes" in " ".join(text.split())
    pem = re.search(r"-----BEGIN.*?END PRIVATE KEY-----\n", text, re.DOTALL)
    assert pem is not None
    key = load_pem_private_key(pem[0].encode(), password=None)
    assert isinstance(key, Ed25519PrivateKey)
    raw = base64.b64encode(key.sign(signed_text(message)))
    assert message.get(96) == raw
    assert message.get(95) == b"%d" % len(raw)
    mac = base64.b64encode(hmac.digest(SECRET, signed_text(message), "sha256"))
    assert f"`{mac.decode()}`" in text.replace("\n", " ")
    assert f"`{SECRET_TEXT}`" in text
    assert f"TAGS = {SIGNED_TAGS}" in text


def test_the_file_in_the_document() -> None:
    (toml,) = re.findall(r"```toml\n(.*?)```", SPEC.read_text(), re.DOTALL)
    made = Credentials.parse(toml, "c.toml")
    assert [who for who, _ in made.summary()] == [
        "BUYER",
        "SELLER",
        "FIX.4.2:EXCHANGE->MAKER",
    ]
    assert made.check(PASSWORD, with_password(GOOD_PASSWORD), NOBODY) is None
