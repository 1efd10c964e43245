# C20: a browser is shown the door at its first line
service: smtp
S: 220 .*
C: POST / HTTP/1.1
CLOSED
