# RFC 5321 3.6, 4.2.5; RFC 3463: who is taken and who not
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: MAIL FROM:<joe@elsewhere.example>
S: 250 .*
C: RCPT TO:<nobody.{rand}@example.org>
S: 550 5\.1\.1 .*
C: RCPT TO:<someone@elsewhere.example>
S: 550 5\.7\.1 .*
C: RCPT TO:<"a b"@example.org>
S: 550 5\.1\.1 .*
C: RCPT TO:<someone%elsewhere.example@example.org>
S: 550 5\..*
C: RCPT TO:<@elsewhere.example:{user}>
S: 250 .*
C: RCPT TO:<{user}
S: 501 5\..*
C: RCPT TO:{user}
S: 501 5\..*
C: RCPT TO:<no domain@>
S: 501 5\..*
C: RCPT TO:<>
S: 501 5\..*
C: RCPT TO:<{user}> FROB=1
S: 555 5\.5\.4 .*
C: RCPT TO:<postmaster>
S: 2.*
C: QUIT
S: 221 .*
CLOSED
