# RFC 1939 4, RFC 2595 4: nothing in clear but STLS
service: pop3
S: \+OK .*
C: CAPA
S: \+OK.*
S* [A-Z].*
S: \.
C: USER {user}
S: -ERR .*
C: STAT
S: -ERR .*
C: QUIT
S: \+OK.*
CLOSED
