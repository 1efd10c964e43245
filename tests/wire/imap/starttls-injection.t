# C05: bytes behind STARTTLS
service: imap
S: \* OK .*
C~ a1 STARTTLS\r\na2 NOOP\r\n
CLOSED
