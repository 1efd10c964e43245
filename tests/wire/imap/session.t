# RFC 3501 6.3, 6.4: a session of a mail program
service: imaps
tls: yes
S: \* OK \[CAPABILITY IMAP4rev1 .*AUTH=PLAIN.*\] .*
C: 1 LOGIN {user} "{password}"
S: 1 OK \[CAPABILITY IMAP4rev1 .*\] .*
C: 2 LIST "" "*"
S: \* LIST \(.*\) "/" "?INBOX"?
S* \* LIST .*
S: 2 OK .*
C: 3 LIST "" ""
S: \* LIST \(\\Noselect\) "/" ""
S: 3 OK .*
C: 4 CREATE "Projects/2026"
S: 4 OK .*
C: 5 LIST "" "Projects*"
S: \* LIST \(.*\\HasChildren.*\) "/" "?Projects"?
S: \* LIST \(.*\\HasNoChildren.*\) "/" "?Projects/2026"?
S: 5 OK .*
C: 6 CREATE "a/../b"
S: 6 NO .*
C: 7 CREATE "x&AC8-"
S: 7 (NO|BAD) .*
C: 8 STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY UNSEEN RECENT)
S: \* STATUS "?INBOX"? \(MESSAGES 0 RECENT 0 UIDNEXT 1 UIDVALIDITY \d+ UNSEEN 0\)
S: 8 OK .*
C: 9 APPEND INBOX (\Seen $Label1) "21-Nov-2026 19:30:54 +0000" {23+}
C~ Subject: one\r\n\r\nfirst\r\n
C~ \r\n
S: 9 OK \[APPENDUID \d+ 1\] .*
C: 10 SELECT INBOX
S* \* .*
S: 10 OK \[READ-WRITE\] .*
C: 11 FETCH 1 (UID FLAGS INTERNALDATE RFC822.SIZE)
S: \* 1 FETCH \(UID 1 FLAGS \(.*\) INTERNALDATE "21-Nov-2026 19:30:54 \+0000" RFC822.SIZE 23\)
S: 11 OK .*
C: 12 STORE 1 +FLAGS (\Flagged)
S: \* 1 FETCH \(FLAGS \(.*\\Flagged.*\)\)
S: 12 OK .*
C: 13 UID SEARCH FLAGGED SUBJECT "ONE"
S: \* SEARCH 1
S: 13 OK .*
C: 14 UID COPY 1 Projects/2026
S: 14 OK \[COPYUID \d+ 1 1\] .*
C: 15 UID MOVE 1 Trash
S: \* OK \[COPYUID \d+ 1 1\].*
S: \* 1 EXPUNGE
S: 15 OK .*
C: 16 COPY 1 Nowhere
S: 16 (NO|BAD) .*
C: 17 RENAME Projects Plans
S: 17 OK .*
C: 18 STATUS Plans/2026 (MESSAGES)
S: \* STATUS "?Plans/2026"? \(MESSAGES 1\)
S: 18 OK .*
C: 19 DELETE Plans/2026
S: 19 OK .*
C: 20 DELETE INBOX
S: 20 NO .*
C: 21 UNSELECT
S: 21 OK .*
C: 22 FETCH 1 FLAGS
S: 22 BAD .*
C: 23 NAMESPACE
S: \* NAMESPACE \(\("" "/"\)\) NIL NIL
S: 23 OK .*
C: 24 STARTTLS
S: 24 BAD .*
C: 25 LOGOUT
S: \* BYE .*
S: 25 OK .*
CLOSED
