# RFC 3461 4 (parameters and their limits), PROMISES C02: xtext that decodes to line ends
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-(?!DSN).*
S: 250-DSN
S* 250-.*
S: 250 .*
C: MAIL FROM:<a@b.example> RET=BODY
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> RET
S: 555 5\.5\.4 .*
C: MAIL FROM:<a@b.example> ENVID=a+0Ab
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> ENVID=a+0D+0ARCPT+20TO:<x@y>
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> ENVID=a+0
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> ENVID=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789x
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> XID=abcdefghijkl
S: 555 5\.5\.4 .*
C: MAIL FROM:<a@b.example> RET=HDRS ENVID=QQ314159+2B+20x
S: 250 .*
C: RCPT TO:<{user}> NOTIFY=NEVER,SUCCESS
S: 501 5\.5\.4 .*
C: RCPT TO:<{user}> NOTIFY=SOMETIMES
S: 501 5\.5\.4 .*
C: RCPT TO:<{user}> ORCPT=rfc822;a+0D+0AX-Injected:+20yes
S: 501 5\.5\.4 .*
C: RCPT TO:<{user}> ORCPT={user}
S: 501 5\.5\.4 .*
C: RCPT TO:<{user}> XN=1
S: 555 5\.5\.4 .*
C: RCPT TO:<{user}> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@c.example
S: 250 .*
C: RCPT TO:<{user2}> NOTIFY=never
S: 250 .*
C: DATA
S: 354 .*
C~ Subject: dsn\r\n\r\nx\r\n.\r\n
S: 250 .*
C: QUIT
S: 221 .*
CLOSED
