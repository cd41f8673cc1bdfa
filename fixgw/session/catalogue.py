"""The catalogue of keys: a pure table, of which :mod:`fixgw.session.keys` makes sense.

A line of a table is ``name | kind | default | meaning``. A key that is not offered is
accepted with its default, which is what this acceptor does anyway; any other value is
refused, and every value if there is no default.

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
    "MaxLatency": "max_latency_s",
    "LogonTimeout": "logon_timeout_s",
    "LogoutTimeout": "logout_timeout_s",
    "TimeStampPrecision": "timestamp_precision",
    "MaxMessagesInResendRequest": "resend_request_chunk_size",
    "HeartBeatTimeoutMultiplier": "heartbeat_timeout_multiplier",
    "DisableHeartBeatCheck": "disable_heartbeat_check",
    "AllowUnknownMessageFields": "allow_unknown_msg_fields",
    "CheckUserDefinedFields": "validate_user_defined_fields",
}
"""The fields that are not the name of the key in lower case with underscores."""

HONOURED_BY_ACCEPTOR = """
SocketAcceptPort | int 0..65535 | | port to listen on; 0 = any free one
SocketAcceptHost | host | | address to listen on; none = every interface
SocketAcceptAddress | host | | SocketAcceptHost, as QuickFIX/J calls it
SocketNodelay | bool | Y | TCP_NODELAY: send small messages at once
SocketTcpNoDelay | bool | Y | SocketNodelay, as QuickFIX/J calls it
SocketKeepAlive | bool | N | SO_KEEPALIVE: the system probes a silent peer
SocketSendBufferSize | int 0..1073741824 | 0 | SO_SNDBUF in bytes; 0 = the system's
SocketReceiveBufferSize | int 0..1073741824 | 0 | SO_RCVBUF in bytes; 0 = the system's
"""

HONOURED_BY_SESSION = """
ConnectionType | connection | | acceptor
BeginString | version | | version of FIX
SenderCompID | id | | our name, SenderCompID(49) of what we send
TargetCompID | id | | the client's name, TargetCompID(56) of what we send
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
CheckCompID | bool | Y | SenderCompID(49) and TargetCompID(56) must be the session's
CheckLatency | bool | Y | SendingTime(52) must be near our clock
MaxLatency | int 1..86400 | 120 | how near, in seconds
ResetOnLogon | bool | N | reset the sequence numbers at every Logon
ResetOnLogout | bool | N | reset them after a clean Logout
ResetOnDisconnect | bool | N | reset them after an abnormal end
PersistMessages | bool | Y | N: one GapFill answers every ResendRequest
MillisecondsInTimeStamp | bool | Y | N: whole seconds, unless the precision is given
TimestampPrecision | digits | 3 | digits of fractions of a second in times: 0, 3, 6, 9
TimeStampPrecision | unit | MILLIS | the same as SECONDS, MILLIS, MICROS, NANOS
UseDataDictionary | bool | Y | check messages against a data dictionary
DataDictionary | text | | file of the data dictionary; none = the one that comes with us
LogonTimeout | int 1..3600 | 10 | seconds from connection to Logon
LogoutTimeout | int 1..3600 | 2 | seconds from our Logout to the answer
TestRequestDelayMultiplier | ratio 0..10 | 0.2 | silence before TestRequest: 1 + this
HeartBeatTimeoutMultiplier | ratio 0..10 | 1.4 | silence before the cut: 1 + this
DisableHeartBeatCheck | bool | N | never cut a silent client
ResendRequestChunkSize | int 0..1000000 | 0 | messages asked for at once; 0 = all
MaxMessagesInResendRequest | int 0..1000000 | 0 | the same, as QuickFIX/n calls it
ClosedResendInterval | bool | N | ask up to the true end of a gap, not up to "all"
SendRedundantResendRequests | bool | N | ask although already asked
ResendSessionLevelRejects | bool | N | Rejects are resent, not filled
EnableLastMsgSeqNumProcessed | bool | N | LastMsgSeqNumProcessed(369) on every message
ValidateFieldsOutOfOrder | bool | Y | a header field in the body is rejected
ValidateFieldsHaveValues | bool | Y | a tag without value is rejected
ValidateUserDefinedFields | bool | Y | tags from 5000 on must be defined
CheckUserDefinedFields | bool | Y | the same, as quickfixgo calls it
AllowUnknownMsgFields | bool | N | tolerate tags below 5000 foreign to a message
AllowUnknownMessageFields | bool | N | the same, as quickfixgo calls it
AllowUnknownEnumValues | bool | N | tolerate values that a field does not list
RequiresOrigSendingTime | bool | Y | PossDupFlag(43)=Y demands OrigSendingTime(122)
SendLogoutBeforeDisconnectFromTimeout | bool | N | say so before cutting a silent client
AllowedRemoteAddresses | addresses | | who may connect: addresses, networks; none = all
"""

INITIATOR = """
SocketConnectHost | host | | host to connect to
SocketConnectPort | int 0..65535 | | port to connect to
SocketConnectProtocol | text | TCP | transport to connect with
SocketConnectSourceHost | host | | address to connect from
SocketConnectSourcePort | int 0..65535 | | port to connect from
SocketLocalHost | host | | address to connect from
SocketLocalPort | int 0..65535 | | port to connect from
SocketConnectTimeout | int 0..86400 | | seconds to wait for a connection
SocketTimeout | text | 0s | time to wait for a connection
SocketIgnoreProxy | bool | N | connect past the system's proxy
HostSelectionPolicy | text | | which of several hosts to try first
HostSelectionPolicyPriorityStartOverInterval | int 0..86400 | | when to begin anew
ReconnectInterval | text | 30 | seconds between attempts to connect
HeartBtInt | int 1..86400 | 30 | interval an initiator proposes; ours is the client's
SendResetSeqNumFlag | bool | N | ResetSeqNumFlag(141) on our own Logon
LogonTag | text | | field added to our own Logon
DynamicSession | bool | N | session connects only when told to
ProxyType | text | | kind of proxy to connect through
ProxyVersion | text | | version of the proxy's protocol
ProxyHost | host | | host of the proxy
ProxyPort | int 0..65535 | | port of the proxy
ProxyUser | text | | user at the proxy
ProxyPassword | text | | password at the proxy
ProxyDomain | text | | domain of the user
ProxyWorkstation | text | | workstation of the user
ClientCertificateFile | text | | our certificate as a client
ClientCertificateKeyFile | text | | its key
SocketInsecureSkipVerify | bool | N | trust any server
SocketServerName | host | | name the server's certificate must have
SSLServerName | host | | name the server's certificate must have
UseSNI | bool | N | name the server in the TLS handshake
SNIHostName | host | | that name
EndpointIdentificationAlgorithm | text | | how the server's name is checked
"""

NO_EFFECT = {
    "the store has its own place and always syncs as its promise requires": """
FileStorePath | text | | folder of the file store
FileStoreSync | bool | N | sync after every write
FileStoreMaxCachedMsgs | int 0..2147483647 | 10000 | messages indexed in memory
""",
    "logs have their own settings": """
FileLogPath | text | | folder of the logs
FileLogBackupPath | text | | folder of older logs
DebugFileLogPath | text | | folder of the debug log
DebugLogFilePath | text | | folder of the debug log
FileLogHeartbeats | bool | N | Heartbeats in the log
FileIncludeMilliseconds | bool | N | milliseconds in log times
FileIncludeTimeStampForMessages | bool | N | times on logged messages
ScreenLogShowIncoming | bool | Y | received messages on the screen
ScreenLogShowOutgoing | bool | Y | sent messages on the screen
ScreenLogShowEvents | bool | Y | events on the screen
ScreenLogEvents | bool | Y | events on the screen
ScreenLogShowHeartBeats | bool | N | Heartbeats on the screen
SLF4JLogEventCategory | text | quickfixj.event | category of events
SLF4JLogErrorEventCategory | text | quickfixj.errorEvent | category of errors
SLF4JLogIncomingMessageCategory | text | quickfixj.msg.incoming | category of input
SLF4JLogOutgoingMessageCategory | text | quickfixj.msg.outgoing | category of output
SLF4JLogPrependSessionID | bool | Y | session's name on every line
SLF4JLogHeartbeats | bool | Y | Heartbeats in the log
LogMessageWhenSessionNotFound | bool | Y | log a Logon of an unknown client
""",
    "SO_REUSEADDR is always set, so that a restart need not wait": """
SocketReuseAddress | bool | Y | SO_REUSEADDR
""",
    "what is queued is always sent before a close, within a time limit": """
SocketLinger | int -1..65535 | | SO_LINGER in seconds
""",
    "writing never waits for a client": """
SocketSynchronousWrites | bool | N | wait for every write
SocketSynchronousWriteTimeout | int 0..2147483647 | 30000 | for how many milliseconds
""",
    "queues have fixed limits": """
InChanCapacity | int 0..2147483647 | 1 | messages queued between two threads
""",
    "every message is answered, also when its handling fails": """
RejectMessageOnUnhandledException | bool | N | reject what the application failed on
""",
    "it is for tools that show the session": """
Description | text | | what the session is for
""",
}

NOT_OFFERED = {
    "a session is known by its CompIDs alone": """
SenderSubID | text | | SenderSubID(50) of what we send
SenderLocationID | text | | SenderLocationID(142) of what we send
TargetSubID | text | | TargetSubID(57) of what we send
TargetLocationID | text | | TargetLocationID(143) of what we send
""",
    "it is not in any message, so an acceptor cannot tell such sessions apart": """
SessionQualifier | text | | tells sessions with the same CompIDs apart
""",
    "it belongs to FIXT.1.1": """
DefaultApplVerID | text | | application version when a message names none
TransportDataDictionary | text | | dictionary of the session messages
AppDataDictionary | text | | dictionary of the application messages
""",
    "every session is listed in the file": """
AcceptorTemplate | bool | N | section stands for sessions not listed
DynamicSessions | bool | N | accept sessions not listed
DynamicQualifier | bool | N | tell such sessions apart by a number
""",
    "connections are plain TCP": """
SocketAcceptProtocol | text | TCP | transport to accept
UseTCPProxy | bool | N | PROXY protocol of a balancer
SocketUseSSL | bool | N | TLS
SSLEnable | bool | N | TLS
ServerCertificateFile | text | | our certificate
ServerCertificateKeyFile | text | | its key
CertificationAuthoritiesFile | text | | whose certificates we trust
CertificationAuthoritiesDirectory | text | | whose certificates we trust
CertificateRevocationListFile | text | | certificates not to trust
CertificateRevocationListDirectory | text | | certificates not to trust
CertificateVerifyLevel | int 0..2 | 0 | whether clients need a certificate
SSLProtocol | text | | versions of TLS
SSLCipherSuite | text | | ciphers up to TLS 1.2
TLSCipherSuites | text | | ciphers of TLS 1.3
SocketKeyStore | text | | our certificate and key
SocketKeyStorePassword | text | | password of that file
KeyStoreType | text | | format of that file
KeyManagerFactoryAlgorithm | text | | algorithm of that file
SocketTrustStore | text | | whose certificates we trust
SocketTrustStorePassword | text | | password of that file
TrustStoreType | text | | format of that file
TrustManagerFactoryAlgorithm | text | | algorithm of that file
NeedClientAuth | bool | N | clients need a certificate
EnabledProtocols | text | | versions of TLS
CipherSuites | text | | ciphers
SocketCertificateFile | text | | our certificate
SocketCertificateBytes | text | | our certificate, in place
SocketPrivateKeyFile | text | | its key
SocketPrivateKeyBytes | text | | its key, in place
SocketCAFile | text | | whose certificates we trust
SocketCABytes | text | | whose certificates we trust, in place
SocketMinimumTLSVersion | text | | lowest version of TLS
SSLCertificate | text | | our certificate and key
SSLCertificatePassword | text | | password of that file
SSLCACertificate | text | | whose certificates we trust
SSLProtocols | text | | versions of TLS
SSLValidateCertificates | bool | N | check certificates
SSLCheckCertificateRevocation | bool | N | check that none is revoked
SSLRequireClientCertificate | bool | N | clients need a certificate
""",
    "the socket option is left to the system": """
SocketTrafficClass | text | | IP_TOS
SocketOobInline | bool | N | SO_OOBINLINE
SocketSendTimeout | int 0..2147483647 | 0 | milliseconds a write may take
SocketReceiveTimeout | int 0..2147483647 | 0 | milliseconds a read may take
""",
    "a slow client is cut at a limit of its own": """
MaxScheduledWriteRequests | int 0..2147483647 | 0 | cut a client with more unsent
""",
    "Logons are compared by MsgSeqNum(34) alone": """
SendNextExpectedMsgSeqNum | bool | N | NextExpectedMsgSeqNum(789) on Logon
EnableNextExpectedMsgSeqNum | bool | N | NextExpectedMsgSeqNum(789) on Logon
""",
    "the client's Logon says the interval": """
HeartBtIntOverride | bool | N | we say the interval
""",
    "the session's state is this process's alone": """
RefreshOnLogon | bool | N | read the state from the store at every Logon
ForceResendWhenCorruptedStore | bool | N | resend Heartbeats for what cannot be read
""",
    "sequence numbers are reset by schedule, Logon, Logout and disconnect only": """
ResetOnError | bool | N | reset the sequence numbers after an error
DisconnectOnError | bool | N | disconnect after an error
ResetSeqTime | time | | time of a reset within the session
EnableResetSeqTime | bool | N | whether there is one
""",
    "resending follows the standard": """
IgnorePossDupResendRequests | bool | N | do not serve a repeated ResendRequest
CmeEnhancedResend | bool | N | resend as CME wants it
AllowPosDup | bool | N | keep PossDupFlag(43) of the application
""",
    "every message is checked, and every fault answered, as the standard says": """
ValidateLengthAndChecksum | bool | Y | BodyLength(9) and CheckSum(10) must be right
ValidateChecksum | bool | Y | CheckSum(10) must be right
ValidateIncomingMessage | bool | Y | check messages at all
ValidateSequenceNumbers | bool | Y | check MsgSeqNum(34)
ValidateUnorderedGroupFields | bool | Y | fields of a group must be in order
FirstFieldInGroupIsDelimiter | bool | N | any field may begin a group's entry
RejectInvalidMessage | bool | Y | N: log a bad message and let it pass
RejectGarbledMessage | bool | N | answer what cannot be read
""",
    "fields are sent in the order of their building": """
PreserveMessageFieldsOrder | bool | N | fields in the order of the dictionary
""",
    "a file with a fault is refused whole": """
ContinueInitializationOnError | bool | N | start although a session is faulty
""",
    "there is no control page": """
HttpAcceptPort | int 0..65535 | 0 | port of the control page
""",
    "what logs hide is not set here": """
RedactFieldsInLogs | text | | tags whose values logs hide
RedactionLogText | text | | what they show instead
""",
    "messages are kept in our own store, not in a database": """
MySQLStoreUseConnectionPool | bool | N | share connections
MySQLStoreDatabase | text | | database
MySQLStoreUser | text | | user
MySQLStorePassword | text | | password
MySQLStoreHost | host | | host
MySQLStorePort | int 0..65535 | | port
PostgreSQLStoreUseConnectionPool | bool | N | share connections
PostgreSQLStoreDatabase | text | | database
PostgreSQLStoreUser | text | | user
PostgreSQLStorePassword | text | | password
PostgreSQLStoreHost | host | | host
PostgreSQLStorePort | int 0..65535 | | port
OdbcStoreUser | text | | user
OdbcStorePassword | text | | password
OdbcStoreConnectionString | text | | database
SQLStoreDriver | text | | driver
SQLStoreDataSourceName | text | | database
SQLStoreConnMaxLifetime | text | | age at which a connection is closed
MongoStoreConnection | text | | database
MongoStoreDatabase | text | | database
MongoStoreReplicaSet | text | | replica set
JdbcDataSourceName | text | | database
JdbcDriver | text | | driver
JdbcURL | text | | database
JdbcUser | text | | user
JdbcPassword | text | | password
JdbcStoreMessagesTableName | text | | table of messages
JdbcStoreSessionsTableName | text | | table of sessions
JdbcSessionIdDefaultPropertyValue | text | | what stands for an empty part of a name
JdbcMaxActiveConnection | int 0..2147483647 | | connections at most
JdbcMinIdleConnection | int 0..2147483647 | | idle connections at least
JdbcMaxActiveTime | int 0..2147483647 | | milliseconds a connection may work
JdbcMaxConnectionLifeTime | int 0..2147483647 | | milliseconds a connection may live
JdbcSimultaneousBuildThrottle | int 0..2147483647 | | connections opened at once
JdbcConnectionTimeout | int 0..2147483647 | | milliseconds to wait for a connection
JdbcConnectionIdleTimeout | int 0..2147483647 | | milliseconds one may be idle
JdbcConnectionKeepaliveTime | int 0..2147483647 | | milliseconds between probes
JdbcConnectionTestQuery | text | | query that tests a connection
SleepycatDatabaseDir | text | | folder of the database
SleepycatMessageDbName | text | | database of messages
SleepycatSequenceDbName | text | | database of sequence numbers
""",
    "messages are logged to files, not to a database": """
MySQLLogUseConnectionPool | bool | N | share connections
MySQLLogDatabase | text | | database
MySQLLogUser | text | | user
MySQLLogPassword | text | | password
MySQLLogHost | host | | host
MySQLLogPort | int 0..65535 | | port
MySQLLogIncomingTable | text | | table of received messages
MySQLLogOutgoingTable | text | | table of sent messages
MySQLLogEventTable | text | | table of events
PostgreSQLLogUseConnectionPool | bool | N | share connections
PostgreSQLLogDatabase | text | | database
PostgreSQLLogUser | text | | user
PostgreSQLLogPassword | text | | password
PostgreSQLLogHost | host | | host
PostgreSQLLogPort | int 0..65535 | | port
PostgreSQLLogIncomingTable | text | | table of received messages
PostgreSQLLogOutgoingTable | text | | table of sent messages
PostgreSQLLogEventTable | text | | table of events
OdbcLogUser | text | | user
OdbcLogPassword | text | | password
OdbcLogConnectionString | text | | database
OdbcLogIncomingTable | text | | table of received messages
OdbcLogOutgoingTable | text | | table of sent messages
OdbcLogEventTable | text | | table of events
SQLLogDriver | text | | driver
SQLLogDataSourceName | text | | database
SQLLogConnMaxLifetime | text | | age at which a connection is closed
MongoLogConnection | text | | database
MongoLogDatabase | text | | database
MongoLogReplicaSet | text | | replica set
JdbcLogHeartBeats | bool | N | Heartbeats in the log
JdbcLogIncomingTable | text | | table of received messages
JdbcLogOutgoingTable | text | | table of sent messages
JdbcLogEventTable | text | | table of events
""",
}

FAMILIES = {
    "SocketConnectHost": r"[1-9][0-9]*",
    "SocketConnectPort": r"[1-9][0-9]*",
    "LogonTag": r"[1-9][0-9]*",
    "AppDataDictionary": r"\.\S+",
}
"""Names that may be followed by a number, or by a version, and what may follow."""
