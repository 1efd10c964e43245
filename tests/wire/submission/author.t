# RFC 5322 3.6.2: the author that people see is one of the account's, whatever the envelope says
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
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C: Subject: another's
C: FROM :
C:  "{user}" <{user2}>
C:
C: x
C: .
S: 550 5\.7\.1 From: <{user2}> is not an address of the account {user}: .*
C: MAIL FROM:<>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C: From: {user}
C: From: {user2}
C:
C: x
C: .
S: 554 5\.6\.0 .*
C: MAIL FROM:<{user}>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C: From: <boss@elsewhere.example>
C: Resent-From: {user}
C:
C: x
C: .
S: 550 5\.7\.1 From: <boss@elsewhere\.example> .*
C: MAIL FROM:<{user}>
S: 250 .*
C: RCPT TO:<{user}>
S: 250 .*
C: DATA
S: 354 .*
C: From: "{user2}" <{user}>
C: Reply-To: {user2}
C:
C: x
C: .
S: 250 .*
C: QUIT
S: 221 .*
CLOSED
