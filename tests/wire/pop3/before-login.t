# RFC 1939 4, RFC 2595 4: nothing in clear but STLS
service: pop3
S: \+OK .*
C: CAPA
S: \+OK.*
S* [A-Z].*
S: \.
C: USER {user}
S: -ERR .*
C: APOP mrose c4c9334bac560ecc979e58001b3e22fb
S: -ERR APOP is not offered
C: STAT
S: -ERR .*
C: QUIT
S: \+OK.*
CLOSED
