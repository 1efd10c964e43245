# RFC 1870 6, RFC 6152, RFC 6531 3.4, RFC 5321 4.1.1.11
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: MAIL FROM:<a@b.example> SIZE=99999999999
S: 552 5\.3\.4 .*
C: MAIL FROM:<a@b.example> SIZE=abc
S: 501 5\.5\.4 .*
C: MAIL FROM:<a@b.example> FROB=1
S: 555 5\.5\.4 .*
C: MAIL FROM:<a@b.example> BODY=9BIT
S: 501 5\.5\.4 .*
C: MAIL FROM:<ä@b.example>
S: 553 5\.6\.7 .*
C: MAIL FROM:<ä@b.example> SMTPUTF8 BODY=8BITMIME
S: 250 .*
C: RSET
S: 250 .*
C~ MAIL FROM:<\xc3@b.example> SMTPUTF8\r\n
S: 5(01|53) 5\..*
C: MAIL FROM:<> BODY=8BITMIME SIZE=1
S: 250 .*
C: QUIT
S: 221 .*
CLOSED
