# RFC 6409 6, RFC 3463 (5.7.1): without [send] smarthost nothing leaves, and the reply names the setting
service: submissions
tls: yes
S: 220 .*
C: EHLO client.example
S* 250-.*
S: 250 .*
C: AUTH PLAIN {plain}
S: 235 2\.7\.0 .*
C: MAIL FROM:<{user}>
S: 250 .*
C: RCPT TO:<someone@elsewhere.example>
S: 550 5\.7\.1 <someone@elsewhere\.example>: this server sends no mail to other domains, neither \[send\] direct nor smarthost is set
C: RCPT TO:<someone@[192.0.2.1]>
S: 550 5\.7\.1 .*
C: RCPT TO:<@{hostname}:someone@elsewhere.example>
S: 550 5\.7\.1 .*
C: RCPT TO:<nobody.{rand}@example.org>
S: 550 5\.1\.1 .*
C: RCPT TO:<{user2}> NOTIFY=FAILURE ORCPT=rfc822;{user2}
S: 250 .*
C: QUIT
S: 221 .*
CLOSED
