# RFC 2920 3.1: commands in one go, answers in order
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C~ MAIL FROM:<joe@elsewhere.example>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<{user}>\r\nDATA\r\n
S: 250 2\.1\.0 .*
S: 550 5\.1\.1 .*
S: 250 2\.1\.5 .*
S: 354 .*
C~ Subject: one\r\n\r\nbody\r\n.\r\nMAIL FROM:<joe@elsewhere.example>\r\nRCPT TO:<{user}>\r\nDATA\r\n
S: 250 2\.0\.0 .*
S: 250 .*
S: 250 .*
S: 354 .*
C~ Subject: two\r\n\r\nbody\r\n.\r\nQUIT\r\n
S: 250 2\.0\.0 .*
S: 221 .*
CLOSED
