# RFC 4954: AUTH, its errors, and sender addresses
service: submissions
tls: yes
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: AUTH FROB
S: 504 5\.5\.4 .*
C: AUTH PLAIN !!!
S: 501 5\.5\.2 .*
C: AUTH LOGIN
S: 334 .*
C: *
S: 501 .*
C: AUTH PLAIN AGFubmEAd3Jvbmc=
S: 535 5\.7\.8 .*
C: Auth Plain {plain}
S: 235 2\.7\.0 .*
C: AUTH PLAIN {plain}
S: 503 5\.5\.1 .*
C: MAIL FROM:<someone@elsewhere.example>
S: 55[03] 5\.7\.1 .*
C: MAIL FROM:<{user2}>
S: 55[03] 5\.7\.1 .*
C: MAIL FROM:<{user}>
S: 250 .*
C: RCPT TO:<someone@elsewhere.example>
S: 550 5\..*
C: RCPT TO:<{user2}>
S: 250 .*
C: DATA
S: 354 .*
C: Subject: hello
C:
C: .
S: 250 .*
C: AUTH PLAIN {plain}
S: 503 5\.5\.1 .*
C: QUIT
S: 221 .*
CLOSED
