# RFC 4865 4.2, RFC 6710 4.1, RFC 8689 4.1: offered under TLS to who may log in, and strict
service: submissions
tls: yes
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: AUTH PLAIN {plain}
S: 235 2\.7\.0 .*
C: EHLO client.example
S* 250-(?!MT-PRIORITY).*
S: 250-MT-PRIORITY
S: 250-FUTURERELEASE 2592000 \d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ
S* 250-.*
S: 250 .*
C: MAIL FROM:<{user}> HOLDFOR=0
S: 501 5\.5\.4 .*
C: MAIL FROM:<{user}> HOLDFOR=2592001
S: 501 5\.5\.4 .*
C: MAIL FROM:<{user}> HOLDUNTIL=2999-01-01T00:00:00Z
S: 501 5\.5\.4 .*
C: MAIL FROM:<{user}> HOLDFOR=60 HOLDUNTIL=2026-01-01T00:00:00Z
S: 501 5\.5\.4 .*
C: MAIL FROM:<{user}> MT-PRIORITY=4
S: 250 2\.3\.6 0 .*
C: RSET
S: 250 .*
C: MAIL FROM:<{user}> HOLDFOR=60 MT-PRIORITY=-4 REQUIRETLS
S: 250 2\.1\.0 .*
C: QUIT
S: 221 .*
CLOSED
