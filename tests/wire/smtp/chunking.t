# RFC 3030 2: BDAT
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: MAIL FROM:<joe@elsewhere.example>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: BDAT 16
C~ Subject: chunk\r\n
S: 250 .*
C: DATA
S: 503 .*
C: BDAT 9 LAST
C~ \r\n.\r\nab\r\n
S: 250 2\.0\.0 .*
C: MAIL FROM:<joe@elsewhere.example>
S: 250 .*
C: BDAT 3
C~ abc
S: 503 .*
C: RSET
S: 250 .*
C: MAIL FROM:<joe@elsewhere.example>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
# nobody knows how many octets follow: nothing behind it may be read as a command
C: BDAT 99999999999999999999
S: 501 .*
CLOSED
