# RFC 6409 4.3, RFC 4954: nothing without TLS and AUTH
service: submission
S: 220 .*
C: EHLO client.example
S* 250-(?!AUTH).*
S: 250 (?!AUTH).*
C: AUTH PLAIN {plain}
S: 5(38|30) 5\.7\..*
C: MAIL FROM:<{user}>
S: 530 5\.7\.0 .*
C: QUIT
S: 221 .*
CLOSED
