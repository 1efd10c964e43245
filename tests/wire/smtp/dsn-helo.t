# RFC 5321 4.1.1.1: after HELO no extension is in force
service: smtp
S: 220 .*
C: HELO client.example
S: 250 .*
C: MAIL FROM:<a@b.example> RET=HDRS
S: 555 5\.5\.4 .*
C: MAIL FROM:<a@b.example>
S: 250 .*
C: RCPT TO:<{user}> NOTIFY=NEVER
S: 555 5\.5\.4 .*
C: QUIT
S: 221 .*
CLOSED
