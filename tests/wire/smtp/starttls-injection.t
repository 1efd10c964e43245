# C05, RFC 3207: bytes behind STARTTLS close the connection, nothing is executed
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C~ STARTTLS\r\nNOOP\r\n
CLOSED
