# RFC 3501 6.2.2, RFC 4959: the mechanism in any case
service: imaps
tls: yes
S: \* OK .*
C: a authenticate Plain {plain}
S: a OK .*
C: b LOGOUT
S: \* BYE.*
S: b OK .*
CLOSED
