# RFC 3207: the state before the handshake is forgotten
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: STARTTLS
S: 220 2\.0\.0 .*
STARTTLS
C: MAIL FROM:<a@b.example>
S: 503 .*
C: EHLO client.example
S* 250-(?!STARTTLS).*
S: 250 (?!STARTTLS).*
C: STARTTLS
S: 5.*
C: MAIL FROM:<a@b.example>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C: Subject: by TLS
C:
C: .
S: 250 .*
C: QUIT
S: 221 .*
CLOSED
