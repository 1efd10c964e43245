# RFC 7162 3.1: CONDSTORE
service: imaps
tls: yes
S: \* OK .*
C: 0 LOGIN {user} "{password}"
S: 0 OK .*
C: 1 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 1 OK \[APPENDUID .*
C: 2 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 2 OK \[APPENDUID .*
C: 3 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 3 OK \[APPENDUID .*
C: 4 SELECT INBOX (CONDSTORE)
S* (?!\* OK \[UIDNEXT).*
S: \* OK \[UIDNEXT 4\] .*
S: \* OK \[HIGHESTMODSEQ (?P<high>\d+)\] .*
S: 4 OK \[READ-WRITE\] .*
C: 5 FETCH 1:3 (MODSEQ)
S: \* 1 FETCH \(MODSEQ \((?P<m1>\d+)\)\)
S: \* 2 FETCH \(MODSEQ \((?P<m2>\d+)\)\)
S: \* 3 FETCH \(MODSEQ \({high}\)\)
S: 5 OK .*
# a change: MODSEQ and UID are told, also in silence
C: 6 STORE 1 +FLAGS (\Flagged)
S: \* 1 FETCH \(UID 1 MODSEQ \((?P<m1>\d+)\) FLAGS \(\\Flagged.*\)\)
S: 6 OK .*
C: 7 STORE 1 +FLAGS.SILENT (\Seen)
S: \* 1 FETCH \(UID 1 MODSEQ \((?P<m1b>\d+)\)\)
S: 7 OK .*
# nothing changes: MODSEQ does not (3.1.11)
C: 8 STORE 1 +FLAGS.SILENT (\Seen)
S: 8 OK .*
C: 9 FETCH 1:* (FLAGS) (CHANGEDSINCE {m1})
S: \* 1 FETCH \(FLAGS \(\\Flagged \\Seen.*\) MODSEQ \({m1b}\)\)
S: 9 OK .*
C: 10 UID FETCH 1:* FLAGS (CHANGEDSINCE {m1b})
S: 10 OK .*
# UNCHANGEDSINCE
C: 11 UID STORE 1:3 (UNCHANGEDSINCE {m1}) +FLAGS.SILENT (\Seen \Deleted)
S: \* 1 FETCH \(UID 1 MODSEQ \({m1b}\) FLAGS \(\\Flagged \\Seen.*\)\)
S: \* 2 FETCH \(UID 2 MODSEQ \((?P<m2>\d+)\)\)
S: \* 3 FETCH \(UID 3 MODSEQ \({m2}\)\)
S: 11 OK \[MODIFIED 1\] .*
C: 12 STORE 2,1,3 (UNCHANGEDSINCE {m1b}) -FLAGS (\Deleted)
S: \* 1 FETCH \(UID 1 MODSEQ \({m1b}\) FLAGS \(\\Flagged \\Seen.*\)\)
S: \* 2 FETCH \(UID 2 MODSEQ \({m2}\) FLAGS \(\\Deleted \\Seen.*\)\)
S: \* 3 FETCH \(UID 3 MODSEQ \({m2}\) FLAGS \(\\Deleted \\Seen.*\)\)
S: 12 OK \[MODIFIED 2:3\] .*
C: 13 STORE 2 (UNCHANGEDSINCE 0) +FLAGS.SILENT ($MDNSent)
S: \* FLAGS .*
S: \* OK \[PERMANENTFLAGS .*
S: \* 2 FETCH \(UID 2 MODSEQ \({m2}\) FLAGS .*
S: 13 OK \[MODIFIED 2\] .*
# SEARCH MODSEQ (3.1.5), with the highest of what is found
C: 14 SEARCH MODSEQ "/flags/\\draft" all {m2}
S: \* SEARCH 2 3 \(MODSEQ {m2}\)
S: 14 OK .*
C: 15 UID SEARCH NOT MODSEQ {m2}
S: \* SEARCH 1 \(MODSEQ {m1b}\)
S: 15 OK .*
C: 16 SEARCH MODSEQ 9223372036854775807
S: \* SEARCH
S: 16 OK .*
C: 17 SEARCH RETURN (MIN MAX) MODSEQ 1
S: \* ESEARCH \(TAG "17"\) MIN 1 MAX 3 MODSEQ {m2}
S: 17 OK .*
C: 18 SEARCH RETURN (MIN) MODSEQ 1
S: \* ESEARCH \(TAG "18"\) MIN 1 MODSEQ {m1b}
S: 18 OK .*
# \Seen by FETCH: its FLAGS, MODSEQ and UID
C: 19 APPEND INBOX {16+}
C~ Subject: x\r\n\r\n\r\n
C~ \r\n
S: \* 4 EXISTS
S: \* 4 RECENT
S: 19 OK .*
C: 20 FETCH 4 BODY[TEXT]
S: \* 4 FETCH \(BODY\[TEXT\] \{2\}
S: 
S:  FLAGS \(\\Seen.*\) MODSEQ \((?P<m4>\d+)\) UID 4\)
S: 20 OK .*
C: 21 STATUS INBOX (HIGHESTMODSEQ)
S: \* STATUS "INBOX" \(HIGHESTMODSEQ {m4}\)
S: 21 OK .*
# hostile
C: 22 FETCH 1 FLAGS (CHANGEDSINCE 9223372036854775808)
S: 22 BAD .*
C: 23 FETCH 1 FLAGS (CHANGEDSINCE 99999999999999999999999999999999999999)
S: 23 BAD .*
C: 24 FETCH 1 FLAGS (CHANGEDSINCE -1)
S: 24 BAD .*
C: 25 FETCH 1 FLAGS (CHANGEDSINCE 1
S: 25 BAD .*
C: 26 FETCH 1 FLAGS (CHANGEDSINCE 1 CHANGEDSINCE 1)
S: 26 BAD .*
C: 27 FETCH 1 FLAGS (NOSUCH)
S: 27 BAD .*
C: 28 STORE 1 (UNCHANGEDSINCE) +FLAGS (\Seen)
S: 28 BAD .*
C: 29 STORE 1 (UNCHANGEDSINCE 1 UNCHANGEDSINCE 1) +FLAGS (\Seen)
S: 29 BAD .*
C: 30 SELECT INBOX (CONDSTORE
S: 30 BAD .*
C: 31 SELECT INBOX (NOSUCH)
S: 31 BAD .*
C: 32 SELECT INBOX ()
S: 32 BAD .*
C: 33 SEARCH MODSEQ 9223372036854775808
S: 33 BAD .*
C: 34 FETCH 1:4294967295,1,2,3,4 (FLAGS) (CHANGEDSINCE 1)
S: 34 BAD .*
C: 35 UID FETCH 1:4294967295,4294967295,*:1 (FLAGS) (CHANGEDSINCE {m2})
S: \* 4 FETCH \(UID 4 FLAGS .*
S: 35 OK .*
# still selected; the first CONDSTORE command of a session that has a mailbox tells HIGHESTMODSEQ (3.1)
2S: \* OK .*
2C: 0 LOGIN {user} "{password}"
2S: 0 OK .*
2C: 1 SELECT INBOX
2S* (?!1 OK).*
2S: 1 OK .*
2C: 2 STORE 1 -FLAGS.SILENT (\Flagged)
2S: 2 OK .*
2C: 3 FETCH 1 MODSEQ
2S: \* OK \[HIGHESTMODSEQ (?P<m5>\d+)\] .*
2S: \* 1 FETCH \(MODSEQ \({m5}\)\)
2S: 3 OK .*
# somebody else changed another flag: a conditional +FLAGS is no conflict (3.1.12), FLAGS is
C: 36 STORE 1 (UNCHANGEDSINCE {m1b}) +FLAGS.SILENT (\Answered)
S: \* 1 FETCH \(UID 1 MODSEQ \((?P<m6>\d+)\) FLAGS \(\\Answered \\Seen.*\)\)
S: 36 OK Store .*
2C: 4 STORE 1 (UNCHANGEDSINCE {m5}) FLAGS.SILENT (\Draft)
2S: \* 1 FETCH \(UID 1 MODSEQ \({m6}\) FLAGS \(\\Answered \\Seen.*\)\)
2S: 4 OK \[MODIFIED 1\] .*
2C: 5 SELECT INBOX
2S: \* OK \[CLOSED\] .*
2S* (?!5 OK).*
2S: 5 OK .*
