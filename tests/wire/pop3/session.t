# RFC 1939 5, RFC 2449: transaction state of an empty maildrop
service: pop3s
tls: yes
S: \+OK .*
C: USER {user}
S: \+OK.*
C: PASS {password}
S: \+OK.*
C: STAT
S: \+OK 0 0.*
C: LIST
S: \+OK.*
S: \.
C: UIDL
S: \+OK.*
S: \.
C: RETR 1
S: -ERR .*
C: DELE 1
S: -ERR .*
C: TOP 1 1
S: -ERR .*
C: NOOP
S: \+OK.*
C: RSET
S: \+OK.*
C: FROB
S: -ERR .*
C: QUIT
S: \+OK.*
CLOSED
