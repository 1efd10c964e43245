# RFC 2920 3.1: recipients said in one go are looked up together, and each has its own answer
service: smtp
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C~ MAIL FROM:<joe@elsewhere.example>\r\nRCPT TO:<{user}>\r\nRCPT TO:<nobody@example.org>\r\nRCPT TO:<joe@elsewhere.example>\r\nRCPT TO:<\r\nrcpt to:<{user}>\r\nRCPT TO:<postmaster>\r\nRCPT TO:<nobody@example.org>\r\nDATA\r\n
S: 250 2\.1\.0 .*
S: 250 2\.1\.5 .*
S: 550 5\.1\.1 <nobody@example\.org>.*
S: 550 5\.7\.1 <joe@elsewhere\.example>.*
S: 501 5\..*
S: 250 2\.1\.5 .*
S: 250 2\.1\.5 .*
S: 550 5\.1\.1 .*
S: 354 .*
C~ Subject: one\r\n\r\nbody\r\n.\r\nMAIL FROM:<>\r\nRCPT TO:<{user}>\r\nRCPT TO:<nobody@example.org>\r\nRSET\r\nQUIT\r\n
S: 250 2\.0\.0 .*
S: 250 .*
S: 250 .*
S: 550 5\.1\.1 .*
S: 250 .*
S: 221 .*
CLOSED
