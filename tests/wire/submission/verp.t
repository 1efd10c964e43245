# XVERP as Postfix documents it (VERP_README): offered to who may log in, with delimiters or without, never without a sender
service: submissions
tls: yes
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: AUTH PLAIN {plain}
S: 235 2\.7\.0 .*
C: EHLO client.example
S* 250-(?!XVERP).*
S: 250-XVERP
S* 250-.*
S: 250 .*
C: MAIL FROM:<{user}> XVERP=+
S: 501 5\.5\.4 .*
C: MAIL FROM:<{user}> XVERP=@=
S: 501 5\.5\.4 .*
C: MAIL FROM:<> XVERP
S: 503 5\.5\.4 .*
C: MAIL FROM:<{user}> XVERP=+=
S: 250 2\.1\.0 .*
C: RSET
S: 250 .*
C: MAIL FROM:<{user}> XVERP
S: 250 2\.1\.0 .*
C: QUIT
S: 221 .*
CLOSED
