# RFC 5321 3.3: one message to a local recipient
service: smtp
S: 220 mail\.example\.org ESMTP.*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: MAIL FROM:<joe@elsewhere.example> SIZE=100
S: 250 2\.1\.0 .*
C: RCPT TO:<{user}>
S: 250 2\.1\.5 .*
C: DATA
S: 354 .*
C: Subject: hello
C:
C: ..dot
C: .
S: 250 2\.0\.0 .*
C: QUIT
S: 221 2\.0\.0 .*
CLOSED
