"""The catalogue of honoured keys: pure tables, of which :mod:`fixgw.session.keys` makes
sense; those that are not honoured are in :mod:`fixgw.session.unhonoured`.

A line of a table is ``name | kind | default | meaning``; tables stand under the topic
they have in docs/sessions.md. A name in OWN is known to no other engine.

Where engines spell one key differently, the spellings share a field (:data:`FIELDS`):
the value that all of them set.
"""

FIELDS = {
    "SocketAcceptHost": "host",
    "SocketAcceptAddress": "host",
    "SocketAcceptPort": "port",
    "SocketNodelay": "no_delay",
    "SocketTcpNoDelay": "no_delay",
    "SocketKeepAlive": "keep_alive",
    "SocketSendBufferSize": "send_buffer_bytes",
    "SocketReceiveBufferSize": "receive_buffer_bytes",
    "SocketTrafficClass": "traffic_class",
    "SSLEnable": "tls_enabled",
    "SocketUseSSL": "tls_enabled",
    "ServerCertificateFile": "tls_certificate_file",
    "SocketCertificateFile": "tls_certificate_file",
    "SSLCertificate": "tls_certificate_file",
    "ServerCertificateKeyFile": "tls_key_file",
    "SocketPrivateKeyFile": "tls_key_file",
    "CertificationAuthoritiesFile": "tls_ca_file",
    "SocketCAFile": "tls_ca_file",
    "SSLCACertificate": "tls_ca_file",
    "CertificateRevocationListFile": "tls_crl_file",
    "CertificateVerifyLevel": "tls_verify_level",
    "NeedClientAuth": "tls_client_certificate",
    "SSLRequireClientCertificate": "tls_client_certificate",
    "SSLProtocol": "tls_minimum_version",
    "EnabledProtocols": "tls_minimum_version",
    "SocketMinimumTLSVersion": "tls_minimum_version",
    "SSLProtocols": "tls_minimum_version",
    "SSLCipherSuite": "tls_ciphers",
    "UseTCPProxy": "use_tcp_proxy",
    "LogonFailuresSeconds": "logon_failures_s",
    "LogonBlockSeconds": "logon_block_s",
    "MaxLatency": "max_latency_s",
    "LogonTimeout": "logon_timeout_s",
    "LogoutTimeout": "logout_timeout_s",
    "HeartBtInt": "heart_bt_int_s",
    "HeartBtIntMin": "heart_bt_int_s_min",
    "HeartBtIntMax": "heart_bt_int_s_max",
    "TimeStampPrecision": "timestamp_precision",
    "MaxMessagesInResendRequest": "resend_request_chunk_size",
    "ResendAgeMax": "resend_age_s_max",
    "SendNextExpectedMsgSeqNum": "enable_next_expected_msg_seq_num",
    "HeartBeatTimeoutMultiplier": "heartbeat_timeout_multiplier",
    "DisableHeartBeatCheck": "disable_heartbeat_check",
    "AllowUnknownMessageFields": "allow_unknown_msg_fields",
    "CheckUserDefinedFields": "validate_user_defined_fields",
    "ThrottleMessagesPerSecond": "throttle_messages_per_s",
    "SlowConsumerBytes": "slow_consumer_bytes_max",
    "SlowConsumerSeconds": "slow_consumer_s_max",
    "LogonAuthentication": "authentication",
    "AcceptorTemplate": "is_template",
    "CancelOnDisconnectGrace": "cancel_on_disconnect_grace_s",
    "ApplVerIDOnBusinessReject": "appl_ver_id_on_business_reject",
    "RedactFieldsInLogs": "redacted_fields",
    "RedactionLogText": "redaction_text",
}
"""The fields that are not the name of the key in lower case with underscores."""

HONOURED_BY_ACCEPTOR = {
    "Listener": """
SocketAcceptPort | int 0..65535 | | port to listen on; 0 = any free one
SocketAcceptHost | host | | address to listen on; none = every interface
SocketAcceptAddress | host | | SocketAcceptHost, as QuickFIX/J calls it
SocketNodelay | bool | Y | TCP_NODELAY: send small messages at once
SocketTcpNoDelay | bool | Y | SocketNodelay, as QuickFIX/J calls it
SocketKeepAlive | bool | N | SO_KEEPALIVE: the system probes a silent peer
SocketSendBufferSize | int 0..1073741824 | 0 | SO_SNDBUF in bytes; 0 = the system's
SocketReceiveBufferSize | int 0..1073741824 | 0 | SO_RCVBUF in bytes; 0 = the system's
SocketTrafficClass | traffic | 0 | IP_TOS: 0 to 255, or names as IPTOS_LOWDELAY
UseTCPProxy | bool | N | connections begin with a PROXY header of a balancer
TrustedProxies | addresses | | whose PROXY header is believed; none = everybody's
ConnectionsPerAddressMax | int 0..100000 | 100 | open at once; 0 = no limit
ConnectionsPerAddressPerMinuteMax | int 0..100000 | 0 | opened; 0 = no limit
LogonFailuresMax | int 0..100000 | 15 | refused Logons per address; 0 = no limit
LogonFailuresSeconds | int 1..86400 | 30 | within so many seconds
LogonBlockSeconds | int 1..86400 | 15 | then nothing is accepted from there for so long
ReplaysMax | int 1..1000 | 5 | ResendRequests served at once, of all sessions
DynamicSessionsMax | int 1..100000 | 1000 | so many sessions not listed, at most
FileStorePath | text | | folder of the message store; none = in the data folder
CredentialsFile | text | | passwords and keys of clients: see Logon authentication
""",
    "TLS": """
SocketUseSSL | bool | | TLS; N switches it off, whatever else is given
SSLEnable | bool | | SocketUseSSL, as QuickFIX/n calls it
ServerCertificateFile | pem | | our certificate (and those above it); switches TLS on
SocketCertificateFile | pem | | the same, as quickfixgo calls it
SSLCertificate | pem | | the same, as QuickFIX/n calls it
ServerCertificateKeyFile | pem | | its key; none = in the certificate's file
SocketPrivateKeyFile | pem | | the same, as quickfixgo calls it
CertificationAuthoritiesFile | pem | | who vouches for clients' certificates
SocketCAFile | pem | | the same, as quickfixgo calls it
SSLCACertificate | pem | | the same, as QuickFIX/n calls it
CertificateRevocationListFile | pem | | clients' certificates not to trust
CertificateVerifyLevel | int 0..2 | | certificate of a client: 0 not asked for, \
1 checked if there, 2 demanded; none = 1 if somebody vouches
NeedClientAuth | bool | | demand a certificate of clients
SSLRequireClientCertificate | bool | | the same, as QuickFIX/n calls it
SSLProtocol | tls | TLSv1.2 | lowest version of TLS: 1.2 or 1.3, in any notation
EnabledProtocols | tls | TLSv1.2 | the same, as QuickFIX/J calls it
SocketMinimumTLSVersion | tls | TLSv1.2 | the same, as quickfixgo calls it
SSLProtocols | tls | TLSv1.2 | the same, as QuickFIX/n calls it
SSLCipherSuite | text | | ciphers of TLS 1.2, as OpenSSL writes them
""",
}

HONOURED_BY_SESSION = {
    "Identity": """
ConnectionType | connection | | acceptor
BeginString | version | | version of FIX: FIX.4.0 to FIX.4.4, FIXT.1.1
SenderCompID | id | | our name, SenderCompID(49) of what we send
SenderSubID | id | | SenderSubID(50) of what we send
SenderLocationID | id | | SenderLocationID(142) of what we send
TargetCompID | id | | the client's name, TargetCompID(56) of what we send
TargetSubID | id | | TargetSubID(57) of what we send
TargetLocationID | id | | TargetLocationID(143) of what we send
DefaultApplVerID | applver | | FIXT.1.1 needs it: FIX.5.0SP2, or 9
CheckCompID | bool | Y | SenderCompID(49) and TargetCompID(56) must be the session's
AcceptorTemplate | bool | N | the section stands for all clients not listed
DynamicSessions | bool | N | the same; in [DEFAULT]: clients not listed get its values
AllowedRemoteAddresses | addresses | | who may connect: addresses, networks; none = all
""",
    "Schedule": """
StartTime | time | | when the session opens
EndTime | time | | when it closes; equal to StartTime = all day, reset at that time
StartDay | day | | day on which a weekly window opens
EndDay | day | | day on which a weekly window closes
Weekdays | days | | days on which a daily window opens
TimeZone | zone | UTC | zone of all times without one of their own
UseLocalTime | bool | N | times are in the zone of this machine
NonStopSession | bool | N | always open, never reset by time
LogonTime | time | | from when on a Logon is accepted; none = StartTime
LogoutTime | time | | until when, and then we log out; none = EndTime
LogonDay | day | | day for LogonTime; none = StartDay
LogoutDay | day | | day for LogoutTime; none = EndDay
ResetSeqTime | time | | reset the numbers daily at this time, within the session
EnableResetSeqTime | bool | N | N: ResetSeqTime has no effect
""",
    "Logon and timers": """
LogonTimeout | int 1..3600 | 5 | seconds from connection to Logon
LogoutTimeout | int 1..3600 | 2 | seconds from our Logout to the answer
HeartBtInt | int 1..3600 | 30 | the interval HeartBtIntOverride=Y dictates, in seconds
HeartBtIntOverride | bool | N | we say HeartBtInt(108), not the client
TestRequestDelayMultiplier | ratio 0..10 | 0.2 | silence before TestRequest: 1 + this
HeartBeatTimeoutMultiplier | ratio 0..10 | 1.4 | silence before the cut: 1 + this
DisableHeartBeatCheck | bool | N | never cut a silent client
SendLogoutBeforeDisconnectFromTimeout | bool | N | say so before cutting a silent client
CheckLatency | bool | Y | SendingTime(52) must be near our clock
MaxLatency | int 1..86400 | 120 | how near, in seconds
MillisecondsInTimeStamp | bool | Y | N: whole seconds, unless the precision is given
TimestampPrecision | digits | 3 | digits of fractions of a second in times: 0, 3, 6, 9
TimeStampPrecision | unit | MILLIS | the same as SECONDS, MILLIS, MICROS, NANOS
""",
    "Sequence numbers": """
ResetOnLogon | bool | N | reset the sequence numbers at every Logon
ResetOnLogout | bool | N | reset them after a clean Logout
ResetOnDisconnect | bool | N | reset them after an abnormal end
ResetOnError | bool | N | reset them after an error of our own
DisconnectOnError | bool | N | disconnect after an error of our own
RefreshOnLogon | bool | N | numbers are the store's at a Logon; they always are
SendNextExpectedMsgSeqNum | bool | N | NextExpectedMsgSeqNum(789) on Logon
EnableNextExpectedMsgSeqNum | bool | N | the same, as QuickFIX/J calls it
EnableLastMsgSeqNumProcessed | bool | N | LastMsgSeqNumProcessed(369) on every message
ValidateSequenceNumbers | bool | Y | N: MsgSeqNum(34) is not looked at
""",
    "Resending": """
PersistMessages | bool | Y | N: one GapFill answers every ResendRequest
ResendRequestChunkSize | int 0..1000000 | 0 | messages asked for at once; 0 = all
MaxMessagesInResendRequest | int 0..1000000 | 0 | the same of QuickFIX/n, with the \
true end of the last part
ClosedResendInterval | bool | N | ask up to the true end of a gap, not up to "all"
SendRedundantResendRequests | bool | N | ask although already asked
ResendSessionLevelRejects | bool | N | Rejects are resent, not filled
IgnorePossDupResendRequests | bool | Y | serve none that has PossDupFlag(43)=Y
RequiresOrigSendingTime | bool | Y | PossDupFlag(43)=Y demands OrigSendingTime(122)
AllowPosDup | bool | N | the application may set PossDupFlag(43)
""",
    "Validation": """
UseDataDictionary | bool | Y | check messages against a data dictionary
DataDictionary | text | | its file, up to FIX.4.4; none = the one that comes with us
TransportDataDictionary | text | | file for the session messages of FIXT.1.1
AppDataDictionary | text | | file for DefaultApplVerID; with a suffix as .FIX.4.4, for \
that version
ValidateIncomingMessage | bool | Y | N: messages are not checked by the dictionary
RejectInvalidMessage | bool | Y | N: log a bad message and let it pass
RejectGarbledMessage | bool | N | answer what cannot be read with a Reject
ValidateLengthAndChecksum | bool | Y | BodyLength(9) and CheckSum(10) must be right
ValidateFieldsOutOfOrder | bool | Y | a header field in the body is rejected
ValidateFieldsHaveValues | bool | Y | a tag without value is rejected
ValidateUserDefinedFields | bool | Y | tags from 5000 on must be defined
CheckUserDefinedFields | bool | Y | the same, as quickfixgo calls it
AllowUnknownMsgFields | bool | N | tolerate tags below 5000 foreign to a message
AllowUnknownMessageFields | bool | N | the same, as quickfixgo calls it
AllowUnknownEnumValues | bool | N | tolerate values that a field does not list
ValidateUnorderedGroupFields | bool | Y | fields of a group must be in order
FirstFieldInGroupIsDelimiter | bool | N | any field may begin a group's entry
""",
    "Message log": """
FileLogPath | text | | folder of a log of every message, per session; none = no log
RedactFieldsInLogs | tags | | tags whose values the log hides beside passwords
RedactionLogText | text | <redacted> | what it shows instead
""",
}

OWN_BY_SESSION = {
    "Conformance": """
Conformance | choice | standard | standard: the FIX session test cases; quickfix: the \
public dialogues of the QuickFIX family
RefuseLogonSilently | bool | | an invalid Logon is answered by closing alone
JudgeLowPossDup | bool | | OrigSendingTime(122) of an old duplicate is judged too
BriefIdentityReject | bool | | wrong CompID or SendingTime: no RefTagID(371), no Text
FixedTestReqID | bool | | TestReqID(112) is TEST, not a unique one
QuietWhileAsking | bool | | no Heartbeat while a TestRequest of ours is open
TolerateGapFillBack | bool | | GapFill not forward: answered briefly or not at all
CloseAfterLogout | bool | | answer a Logout and close, without waiting for the client
IgnoreAdminNumbers | bool | | serve Logout and ResendRequest whatever their number
OldRejectCodesOnly | bool | | SessionRejectReason(373) above 11 is left out in FIX.4.2
ApplVerIDOnBusinessReject | bool | | BusinessMessageReject(j) on FIXT says 1137
PlainRejectTexts | bool | | Text(58) in the words of the public engines
LeaveOutSessionStatus | bool | | Logon and Logout without SessionStatus(1409)
""",
    "Logon authentication": """
LogonAuthentication | choice | NONE | NONE, PASSWORD, SIGNATURE or CERTIFICATE
ClientCertificateNames | names | | the client's certificate must have one of them
""",
    "Routing": """
OnBehalfOfCompIDs | names | | who may send through it, OnBehalfOfCompID(115); none = all
DeliverToCompIDs | names | | whom it may send to, DeliverToCompID(128); none = all
""",
    "Orders": """
SelfMatchPreventionInst | int 0..4 | 0 | what new orders do about self-trades that do \
not say it: SelfMatchPreventionInstruction(2964)
MassStatusMax | int 1..100000 | 5000 | reports that one mass status request brings
""",
    "Orders of a client that leaves": """
CancelOnDisconnect | bool | N | cancel its open orders when a connection is lost
CancelOnLogout | bool | N | cancel its open orders when it logs out
CancelOnDisconnectGrace | int 0..60 | 0 | unless it logs on again within these seconds
CancelKeepsGTC | bool | N | these cancels leave GTC and GTD orders alone
""",
    "Drop copy": """
DropCopyOf | names | | copies of the ExecutionReports(8) of these clients, by \
TargetCompID or REST:ACCOUNT, or * for all; the session itself trades nothing
""",
    "Market data": """
MarketData | bool | Y | N: MarketDataRequests are refused
MarketDataSubscriptionsMax | int 1..100000 | 500 | instruments subscribed to at once
MarketDataChecks | bool | N | MDPrevRptSeq(5083), MDBookChecksum(5084) on W and X
""",
    "Limits of a session": """
ResetSeqNumFlag | choice | ALLOW | ResetSeqNumFlag(141)=Y: ALLOW, AT_LOGON or REFUSE
HeartBtIntMin | int 0..3600 | 0 | least HeartBtInt(108), in seconds
HeartBtIntMax | int 0..3600 | 3600 | greatest HeartBtInt(108), in seconds
InterleaveLiveMessages | bool | N | send live messages into a running replay
ResendMessagesMax | int 0..1000000000 | 0 | messages resent per ResendRequest; 0 = all
ResendRequestsPerMinuteMax | int 0..100000 | 0 | ResendRequests served; 0 = all
ResendOverflow | choice | LOGOUT | above these: GAP_FILL or LOGOUT
ResendAgeMax | int 0..31536000 | 0 | older messages are filled, in seconds; 0 = none is
ResendSkipMsgTypes | msgtypes | | MsgTypes that are filled and never resent
ThrottleMessagesPerSecond | int 0..1000000 | 0 | application messages; 0 = no limit
ThrottleBurst | int 0..1000000 | 0 | so many at once; 0 = those of a second
ThrottleRejectsMax | int 0..1000000 | 0 | refused before a Logout; 0 = no Logout
SlowConsumerBytes | int 262144..1073741824 | 4194304 | cut a client with more unsent
SlowConsumerSeconds | ratio 0..3600 | 10 | cut one that takes nothing for so long
MessageBytesMax | int 1024..16777216 | 1048576 | longest message, in bytes
MessageFieldsMax | int 10..100000 | 10000 | fields of a message
""",
}

OWN = frozenset(
    {
        "TrustedProxies",
        "ConnectionsPerAddressMax",
        "ConnectionsPerAddressPerMinuteMax",
        "LogonFailuresMax",
        "LogonFailuresSeconds",
        "LogonBlockSeconds",
        "ReplaysMax",
        "CredentialsFile",
        "DynamicSessionsMax",
    }
)
"""Keys among the acceptor's that no other engine has; OWN_BY_SESSION has the others."""

FAMILIES = {
    "SocketConnectHost": r"[1-9][0-9]*",
    "SocketConnectPort": r"[1-9][0-9]*",
    "LogonTag": r"[1-9][0-9]*",
    "AppDataDictionary": r"\.FIX\.(?:4\.[0-4]|5\.0(?:SP[12])?)",
}
"""Names that may be followed by a number, or by a version, and what may follow."""
