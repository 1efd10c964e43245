# RFC 3501 6.1, 6.2: what a stranger may say
service: imap
S: \* OK \[CAPABILITY IMAP4rev1 .*STARTTLS.*LOGINDISABLED.*\] .*
C: a1 CAPABILITY
S: \* CAPABILITY IMAP4rev1 .*
S: a1 OK .*
C: a2 NOOP
S: a2 OK .*
C: a3 LOGIN {user} {password}
S: a3 (NO|BAD) .*
C: a4 SELECT INBOX
S: a4 BAD .*
C: a5 ID NIL
S: \* ID .*
S: a5 OK .*
C: a6 FROB
S: a6 BAD .*
C: a7 LOGOUT
S: \* BYE .*
S: a7 OK .*
CLOSED
