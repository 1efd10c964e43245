# RFC 1985: not offered to who may not use it, and refused
service: smtp
S: 220 .*
C: ETRN example.net
S: 459 4\.7\.1 Node not allowed: .*
C: EHLO client.example
S* 250-(?!ETRN).*
S: 250 .*
C: ETRN example.net
S: 459 4\.7\.1 Node not allowed: .*
C: MAIL FROM:<x@client.example>
S: 250 .*
C: ETRN example.net
S: 503 5\.5\.1 .*
C: RSET
S: 250 .*
C: ETRN example.net
S: 459 4\.7\.1 Node example\.net not allowed: .*
C: QUIT
S: 221 .*
CLOSED
