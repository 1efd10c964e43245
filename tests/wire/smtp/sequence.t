# RFC 5321 4.1.4: order of commands
service: smtp
S: 220 .*
C: MAIL FROM:<a@b.example>
S: 503 5\.5\.1 .*
C: HELO client.example
S: 250 mail\.example\.org.*
C: RCPT TO:<{user}>
S: 503 5\.5\.1 .*
C: DATA
S: 503 5\.5\.1 .*
C: MAIL FROM:<a@b.example>
S: 250 .*
C: MAIL FROM:<c@b.example>
S: 503 5\.5\.1 .*
C: DATA
S: 503 5\.5\.1 .*
C: RSET
S: 250 .*
C: RCPT TO:<{user}>
S: 503 .*
C: QUIT
S: 221 .*
CLOSED
