"""The session test cases of the FIX Trading Community, version 1.0: what each wants.

Cases that a script cannot play name the tests that prove them. Those of group 17 and
14.n that speak of encryption are answered as a whole: EncryptMethod(98) other than 0 is
refused (17.b), so nothing encrypted is ever taken.
"""

from __future__ import annotations

from dataclasses import dataclass

NO_ENCRYPTION = "17.b"
"""The case that stands for what only an encrypting engine can be asked."""

_CLIENT = "tests/unit/test_client_session.py::test_"

TESTS = {
    "1B.a": _CLIENT + "logon_counts_once_it_is_answered",
    "1B.b": _CLIENT + "logon_counts_once_it_is_answered",
    "1B.c": _CLIENT + "a_gap_at_logon_is_asked_for_and_shown_in_order",
    "1B.d": _CLIENT + "1b_d_an_invalid_answer_gets_a_logout",
    "1B.e": _CLIENT + "1b_e_the_first_message_is_no_logon",
    "14.l": "tests/sessions/test_processing.py"
    "::test_an_error_of_ours_is_answered_and_counted",
    "17.c": "tests/unit/test_credentials.py::test_a_good_signature",
}
"""Tests that prove a case no script can play, as ``file::name``."""


@dataclass(frozen=True, slots=True)
class Case:
    """One case: its condition in a few words."""

    id: str
    is_mandatory: bool
    condition: str
    instead: str = ""
    """Another case that answers it."""

    @property
    def test(self) -> str:
        """A test of its own, as ``file::name``; empty if scripts prove it."""
        return TESTS.get(self.id, "")


def _cases(text: str) -> list[Case]:
    found = []
    for line in text.strip().splitlines():
        name, need, condition, *instead = (part.strip() for part in line.split("|"))
        found.append(Case(name, need == "M", condition, "".join(instead)))
    return found


CASES = _cases(
    f"""
1B.a | M | the initiator connects
1B.b | M | the initiator sends a Logon
1B.c | M | the Logon reply is valid
1B.d | M | the Logon reply is invalid
1B.e | M | the first reply is no Logon
1S.a | M | a valid Logon arrives
1S.b | M | a second Logon with the same identity
1S.c | M | a Logon of an unknown or unauthenticated client
1S.d | M | an invalid Logon
2S | M | the first message is no Logon
2.a | M | MsgSeqNum(34) as expected
2.b | M | MsgSeqNum(34) above the expected
2.c | M | MsgSeqNum(34) below the expected, without PossDupFlag(43)
2.d | M | a garbled message
2.e | M | PossDupFlag(43)=Y, OrigSendingTime(122) not after SendingTime(52)
2.f | M | PossDupFlag(43)=Y, OrigSendingTime(122) after SendingTime(52)
2.g | M | PossDupFlag(43)=Y without OrigSendingTime(122)
2.h | M | BeginString(8) as agreed
2.i | M | another BeginString(8)
2.j | M | CompIDs as agreed
2.k | M | other CompIDs
2.l | M | BodyLength(9) right
2.m | M | BodyLength(9) wrong
2.n | M | SendingTime(52) in UTC and near enough
2.o | M | SendingTime(52) not UTC, or too far off
2.p | M | MsgType(35) known
2.q | M | MsgType(35) unknown
2.r | M | MsgType(35) valid, not supported here
2.s | M | BeginString, BodyLength, MsgType first
2.t | M | BeginString, BodyLength, MsgType not first
3.a | M | CheckSum(10) right
3.b | M | CheckSum(10) wrong
3.c | M | garbled bytes
3.d | M | CheckSum(10) last, three digits, SOH behind
3.e | M | CheckSum(10) not last, not three digits, or without SOH
4.a | M | nothing sent for HeartBtInt(108)
4.b | M | a TestRequest
5 | M | a Heartbeat
6 | M | nothing received for HeartBtInt(108) and a fifth
7 | M | a Reject
8 | M | a ResendRequest
9 | O | numbers are lost
10.a | M | GapFill above the expected number
10.b | M | GapFill at the expected number
10.c | M | GapFill below it, PossDupFlag(43)=Y
10.d | M | GapFill below it
10.e | M | GapFill that does not lead forward
11.a | M | Reset to a number above the expected
11.b | M | Reset to the expected number
11.c | M | Reset to a number below it
12 | M | we begin the logout
13.a | M | the reply to our Logout
13.b | M | a Logout unasked
14.a | M | undefined tag
14.b | M | required tag missing
14.c | M | tag of another message
14.d | M | tag without value
14.e | M | value not listed or out of range
14.f | M | value of a wrong format
14.g | M | header, body and trailer mixed
14.h | M | tag twice outside a group
14.i | M | count of a group wrong
14.j | M | order within a group wrong
14.k | M | SOH inside a value that is not data
14.l | M | the application is not available
14.m | M | conditionally required field missing
14.n | M | clear and encrypted value differ | {NO_ENCRYPTION}
15 | O | the same message with another order of fields
16.a | M | messages to send while the client is away
16.b | M | the client comes back to a queue
17.a | O | EncryptMethod(98) supported
17.b | O | EncryptMethod(98) not supported
17.c | O | a good signature
17.d | O | length of the signature wrong
17.e | O | a wrong signature
17.f | O | SecureData(91) good | {NO_ENCRYPTION}
17.g | O | SecureDataLen(90) wrong
17.h | O | not decryptable | {NO_ENCRYPTION}
17.i | O | a field that must be clear is not | {NO_ENCRYPTION}
17.j | O | bytes left over by decryption | {NO_ENCRYPTION}
18.a | M | OnBehalfOfCompID(115), DeliverToCompID(128) as agreed
18.b | M | OnBehalfOfCompID(115), DeliverToCompID(128) not agreed
19.a | M | PossResend(97)=Y with an ID seen before
19.b | M | PossResend(97)=Y with a new ID
20 | M | a ResendRequest while ours is open
"""
)
"""All 85, in their order."""
