# RFC 3501 5.1, C12: mailbox names that must not be
service: imaps
tls: yes
S: \* OK .*
C: 1 LOGIN {user} "{password}"
S: 1 OK .*
C: 2 CREATE ".."
S: 2 NO .*
C: 3 CREATE "a/../b"
S: 3 NO .*
C: 4 CREATE "/etc"
S: 4 NO .*
C: 5 CREATE "a//b"
S: 5 NO .*
C: 6 CREATE "x&AC4ALg-"
S: 6 (NO|BAD) .*
C: 7 CREATE "bad&utf"
S: 7 NO .*
C: 8 CREATE {3}
S: \+ .*
C~ a\x01b\r\n
S: 8 (NO|BAD) .*
C: 9 SELECT "../../x"
S: 9 NO .*
C: 10 RENAME INBOX ".."
S: 10 NO .*
C: 11 SUBSCRIBE "../x"
S: 11 NO .*
C: 12 CREATE "with.dot"
S: 12 OK .*
C: 13 LIST "" "with*"
S: \* LIST \(.*\) "/" "?with.dot"?
S: 13 OK .*
C: 14 CREATE "with.dot"
S: 14 NO \[ALREADYEXISTS\] .*|14 NO .*
C: 15 STATUS "no such" (MESSAGES)
S: 15 NO .*
C: 16 LOGOUT
S: \* BYE .*
S: 16 OK .*
CLOSED
