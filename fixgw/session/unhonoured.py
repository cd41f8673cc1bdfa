"""Keys that are not honoured: pure tables, as those of :mod:`fixgw.session.catalogue`.

A refused key with a default is accepted with its default, which is what this acceptor
does anyway; any other value is refused, and every value if there is no default.
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
    "the store always syncs as its promise requires": """
FileStoreSync | bool | N | sync after every write
FileStoreMaxCachedMsgs | int 0..2147483647 | 10000 | messages indexed in memory
""",
    "the log of the exchange has its own settings": """
DebugFileLogPath | text | | folder of the debug log
DebugLogFilePath | text | | folder of the debug log
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
    "a message log is written on where it is; rotate it as other logs": """
FileLogBackupPath | text | | folder of older logs
""",
    "a message log holds every message, with its time in nanoseconds": """
FileLogHeartbeats | bool | N | Heartbeats in the log
FileIncludeMilliseconds | bool | N | milliseconds in log times
FileIncludeTimeStampForMessages | bool | N | times on logged messages
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

REFUSED = {
    "it is in no message, so an acceptor cannot tell such sessions apart": """
SessionQualifier | text | | tells sessions with the same CompIDs apart
DynamicQualifier | bool | N | tell dynamic sessions apart by a number
""",
    "connections are TCP": """
SocketAcceptProtocol | text | TCP | transport to accept
""",
    "Java keystores are not read; export certificates and key as PEM and name them in"
    " SocketCertificateFile, SocketPrivateKeyFile, SocketCAFile": """
SocketKeyStore | text | | our certificate and key
SocketKeyStorePassword | text | | password of that file
KeyStoreType | text | | format of that file
KeyManagerFactoryAlgorithm | text | | algorithm of that file
SocketTrustStore | text | | whose certificates we trust
SocketTrustStorePassword | text | | password of that file
TrustStoreType | text | | format of that file
TrustManagerFactoryAlgorithm | text | | algorithm of that file
""",
    "secrets do not belong into this file; name a PEM file in SocketCertificateFile,"
    " SocketPrivateKeyFile, SocketCAFile": """
SocketCertificateBytes | text | | our certificate, in place
SocketPrivateKeyBytes | text | | its key, in place
SocketCABytes | text | | whose certificates we trust, in place
""",
    "a key with a password cannot be read at an unattended start; export it as PEM"
    " without one, readable by its owner alone": """
SSLCertificatePassword | text | | password of the certificate's file
""",
    "certificates are read from one file each; join them and name it in"
    " CertificationAuthoritiesFile or CertificateRevocationListFile": """
CertificationAuthoritiesDirectory | text | | whose certificates we trust
CertificateRevocationListDirectory | text | | certificates not to trust
""",
    "revocation is judged by CertificateRevocationListFile alone, without asking"
    " anybody": """
SSLCheckCertificateRevocation | bool | N | check that none is revoked
""",
    "a certificate that is shown is always checked": """
SSLValidateCertificates | bool | Y | check certificates
""",
    "the ciphers of TLS 1.3 are all safe and none is left out": """
TLSCipherSuites | text | | ciphers of TLS 1.3
""",
    "Java's names of ciphers are not known here; give OpenSSL's in SSLCipherSuite": """
CipherSuites | text | | ciphers
""",
    "the socket option is left to the system": """
SocketOobInline | bool | N | SO_OOBINLINE
SocketSendTimeout | int 0..2147483647 | 0 | milliseconds a write may take
SocketReceiveTimeout | int 0..2147483647 | 0 | milliseconds a read may take
""",
    "a slow client is cut by SlowConsumerBytes and SlowConsumerSeconds": """
MaxScheduledWriteRequests | int 0..2147483647 | 0 | cut a client with more unsent
""",
    "what cannot be read from the store is never made up": """
ForceResendWhenCorruptedStore | bool | N | resend Heartbeats for what cannot be read
""",
    "resent messages are as FIX says": """
CmeEnhancedResend | bool | N | resend as CME wants it
""",
    "BodyLength(9) and CheckSum(10) are judged together; ValidateLengthAndChecksum"
    " switches both": """
ValidateChecksum | bool | Y | CheckSum(10) must be right
""",
    "fields are sent in ascending order": """
PreserveMessageFieldsOrder | bool | N | fields in the order of the dictionary
""",
    "a file with a fault is refused whole, so that no session is missing unnoticed": """
ContinueInitializationOnError | bool | N | start although a session is faulty
""",
    "there is no control page; `fixgw sessions` controls the sessions": """
HttpAcceptPort | int 0..65535 | 0 | port of the control page
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
