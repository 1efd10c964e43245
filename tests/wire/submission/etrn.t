# RFC 1985: the answers to who may ask
service: submissions
tls: yes
S: 220 .*
C: EHLO client.example
S* 250-(?!ETRN).*
S: 250 .*
C: ETRN nothing{rand}.example
S: 459 4\.7\.1 .*
C: AUTH PLAIN {plain}
S: 235 2\.7\.0 .*
C: EHLO client.example
S* 250-(?!ETRN).*
S: 250-ETRN
S* 250-.*
S: 250 .*
C: ETRN nothing{rand}.example
S: 251 2\.0\.0 OK, no messages waiting for node nothing{rand}.example
C: etrn @Nothing{rand}.Example
S: 251 2\.0\.0 OK, no messages waiting for node nothing{rand}.example
C: ETRN
S: 501 5\.5\.4 .*
C: ETRN a b.example
S: 501 5\.5\.4 .*
C: ETRN -x.example
S: 501 5\.5\.4 .*
C: ETRN example
S: 501 5\.5\.4 .*
C: ETRN [192.0.2.1]
S: 501 5\.5\.4 .*
C: ETRN #uucp
S: 459 4\.7\.1 Node #uucp not allowed: .*
C: MAIL FROM:<{user}>
S: 250 .*
C: ETRN nothing{rand}.example
S: 503 5\.5\.1 .*
C: RSET
S: 250 .*
C: ETRN nothing{rand}.example
S: 251 .*
C: QUIT
S: 221 .*
CLOSED
