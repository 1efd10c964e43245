# C06: only CRLF.CRLF ends DATA, a bare LF is refused and the connection closed
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: MAIL FROM:<joe@elsewhere.example>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C~ Subject: x\r\n\r\nhello\n.\r\nMAIL FROM:<evil@example.org>\r\n.\r\n
S: 5.*
CLOSED
