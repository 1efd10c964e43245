# C05: bytes behind STLS
service: pop3
S: \+OK .*
C~ STLS\r\nCAPA\r\n
CLOSED
