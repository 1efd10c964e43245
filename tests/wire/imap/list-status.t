# RFC 5819: LIST-STATUS; RFC 8438: STATUS=SIZE
service: imaps
tls: yes
S: \* OK .*
C: 0 LOGIN {user} "{password}"
S: 0 OK .*
C: 1 APPEND INBOX (\Seen) {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 1 OK \[APPENDUID .*
C: 2 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 2 OK \[APPENDUID .*
C: 3 CREATE Work/Open
S: 3 OK .*
C: 4 DELETE Work
S: 4 OK .*
C: 5 SUBSCRIBE Work/Open
S: 5 OK .*
C: 6 LIST "" ("INBOX" "Work*") RETURN (STATUS (MESSAGES UNSEEN SIZE))
S: \* LIST \(\\HasNoChildren\) "/" "INBOX"
S: \* STATUS "INBOX" \(MESSAGES 2 UNSEEN 1 SIZE 34\)
S: \* LIST \(\\NonExistent \\HasChildren\) "/" "Work"
S: \* LIST \(\\HasNoChildren\) "/" "Work/Open"
S: \* STATUS "Work/Open" \(MESSAGES 0 UNSEEN 0 SIZE 0\)
S: 6 OK .*
# told because of what is below: no STATUS of its own
C: 7 CREATE Work
S: 7 OK .*
C: 8 LIST (SUBSCRIBED RECURSIVEMATCH) "" "Work" RETURN (STATUS (MESSAGES) CHILDREN)
S: \* LIST \(\\HasChildren\) "/" "Work" \("CHILDINFO" \("SUBSCRIBED"\)\)
S: 8 OK .*
C: 9 LIST "" INBOX RETURN (STATUS (HIGHESTMODSEQ UIDVALIDITY))
S: \* LIST .*
S: \* STATUS "INBOX" \(UIDVALIDITY \d+ HIGHESTMODSEQ [1-9]\d*\)
S: 9 OK .*
C: 10 SELECT INBOX
S* (?!10 OK).*
S: 10 OK .*
# HIGHESTMODSEQ was asked for: the session knows of MODSEQ now
C: 11 STORE 1 -FLAGS.SILENT (\Seen)
S: \* 1 FETCH \(UID 1 MODSEQ \(\d+\)\)
S: 11 OK .*
C: 12 LIST "" "*" RETURN (STATUS)
S: 12 BAD .*
C: 13 LIST "" "*" RETURN (STATUS ())
S: 13 BAD .*
C: 14 LIST "" "*" RETURN (STATUS (MESSAGES)
S: 14 BAD .*
C: 15 LIST "" "*" RETURN (STATUS (MESSAGES X))
S: 15 BAD .*
C: 16 STATUS INBOX (SIZE)
S: \* STATUS "INBOX" \(SIZE 34\)
S: 16 OK .*
