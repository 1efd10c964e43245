# RFC 5034 4: the mechanism in any case
service: pop3s
tls: yes
S: \+OK .*
C: auth Plain {plain}
S: \+OK.*
C: QUIT
S: \+OK.*
CLOSED
