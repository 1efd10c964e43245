# RFC 7162 3.2: QRESYNC
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
C: 4 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 4 OK \[APPENDUID .*
C: 5 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 5 OK \[APPENDUID .*
C: 6 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 6 OK \[APPENDUID .*
C: 7 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 7 OK \[APPENDUID .*
C: 8 SELECT INBOX (QRESYNC (1 1))
S: 8 BAD .*
C: 9 ENABLE QRESYNC X-NOSUCH
S: \* ENABLED QRESYNC
S: 9 OK .*
C: 10 SELECT INBOX
S* (?!\* OK \[UIDVALIDITY).*
S: \* OK \[UIDVALIDITY (?P<v>\d+)\] .*
S: \* OK \[UIDNEXT 8\] .*
S: \* OK \[HIGHESTMODSEQ (?P<m0>\d+)\] .*
S: 10 OK .*
C: 11 STORE 2:3,6 +FLAGS.SILENT (\Deleted)
S: \* 2 FETCH \(UID 2 MODSEQ \((?P<m1>\d+)\)\)
S: \* 3 FETCH \(UID 3 MODSEQ \({m1}\)\)
S: \* 6 FETCH \(UID 6 MODSEQ \({m1}\)\)
S: 11 OK .*
C: 12 EXPUNGE
S: \* VANISHED 2:3,6
S: 12 OK \[HIGHESTMODSEQ (?P<m2>\d+)\] .*
C: 13 UID FETCH 1:* (FLAGS) (CHANGEDSINCE {m1} VANISHED)
S: \* VANISHED \(EARLIER\) 2:3,6
S: 13 OK .*
C: 14 UID FETCH 3:5 (FLAGS) (CHANGEDSINCE {m1} VANISHED)
S: \* VANISHED \(EARLIER\) 3
S: 14 OK .*
C: 15 UID FETCH 1:* (FLAGS) (CHANGEDSINCE {m2} VANISHED)
S: 15 OK .*
C: 16 UID STORE 4 +FLAGS.SILENT (\Seen)
S: \* 2 FETCH \(UID 4 MODSEQ \((?P<m3>\d+)\)\)
S: 16 OK .*
C: 17 MOVE 4 Trash
S: \* OK \[COPYUID \d+ 7 1\] .*
S: \* VANISHED 7
S: 17 OK \[HIGHESTMODSEQ (?P<m4>\d+)\] .*
# the same again from afar: what is known, what changed, what is gone
C: 18 SELECT INBOX (QRESYNC ({v} {m0}))
S: \* OK \[CLOSED\] .*
S* (?!\* OK \[HIGHESTMODSEQ).*
S: \* OK \[HIGHESTMODSEQ {m4}\] .*
S: \* VANISHED \(EARLIER\) 2:3,6:7
S: \* 2 FETCH \(UID 4 MODSEQ \({m3}\) FLAGS \(\\Seen.*\)\)
S: 18 OK \[READ-WRITE\] .*
C: 19 EXAMINE INBOX (QRESYNC ({v} {m2} 1:5,7))
S* (?!\* VANISHED).*
S: \* VANISHED \(EARLIER\) 7
S: \* 2 FETCH \(UID 4 MODSEQ \({m3}\) FLAGS \(\\Seen\)\)
S: 19 OK \[READ-ONLY\] .*
C: 20 SELECT INBOX (CONDSTORE QRESYNC ({v} {m0} 1:7 (1:3 1,4:5)))
S* (?!\* VANISHED).*
S: \* VANISHED \(EARLIER\) 6:7
S* \* 2 FETCH \(UID 4 .*
S: 20 OK .*
C: 21 SELECT INBOX (QRESYNC ({v} {m0} (1,2,900 1,3,4)))
S* (?!\* VANISHED).*
S: \* VANISHED \(EARLIER\) 2:3,6:7
S* \* 2 FETCH .*
S: 21 OK .*
# another UIDVALIDITY: a plain SELECT
C: 22 SELECT INBOX (QRESYNC (1 {m0}))
S: \* OK \[CLOSED\] .*
S* \* (?!VANISHED|\d+ FETCH).*
S: 22 OK .*
# longer ago than is known: all that is not there (a MODSEQ of 1 is below every folder's first)
C: 23 SELECT INBOX (QRESYNC ({v} 1 1:10000))
S* (?!\* VANISHED).*
S: \* VANISHED \(EARLIER\) 2:3,6:7
S* \* \d+ FETCH .*
S: 23 OK .*
C: 24 SELECT INBOX (QRESYNC ({v} 9223372036854775807))
S* \* (?!VANISHED|\d+ FETCH).*
S: 24 OK .*
# expunged by another: not while numbers are spoken of, and HIGHESTMODSEQ says that something is held back
2S: \* OK .*
2C: 0 LOGIN {user} "{password}"
2S: 0 OK .*
2C: 1 SELECT INBOX
2S* (?!1 OK).*
2S: 1 OK .*
2C: 2 STORE 1 +FLAGS.SILENT (\Deleted)
2S: 2 OK .*
C: 25 NOOP
S: \* 1 FETCH \(UID 1 MODSEQ \((?P<m5>\d+)\) FLAGS \(\\Deleted.*\)\)
S: 25 OK .*
2C: 3 EXPUNGE
2S: \* 1 EXPUNGE
2S: 3 OK Expunge completed
C: 26 STORE 2 +FLAGS.SILENT (\Flagged)
S: \* 2 FETCH \(UID 4 MODSEQ \((?P<m6>\d+)\)\)
S: \* OK \[HIGHESTMODSEQ {m5}\] .*
S: 26 OK .*
C: 27 UID SEARCH 1:3
S: \* SEARCH 4 5
S: \* OK \[HIGHESTMODSEQ {m5}\] .*
S: 27 OK .*
C: 28 UID SEARCH ALL
S: \* SEARCH 4 5
S: \* VANISHED 1
S: 28 OK .*
C: 29 UID STORE 4:5 -FLAGS.SILENT (\Flagged)
S: \* 1 FETCH \(UID 4 MODSEQ \((?P<m7>\d+)\)\)
S: 29 OK .*
C: 30 CLOSE
S: 30 OK Close completed
# hostile
C: 31 SELECT INBOX (QRESYNC ({v} 0))
S: 31 BAD .*
C: 32 SELECT INBOX (QRESYNC (0 1))
S: 32 BAD .*
C: 33 SELECT INBOX (QRESYNC (4294967296 1))
S: 33 BAD .*
C: 34 SELECT INBOX (QRESYNC ({v} 9223372036854775808))
S: 34 BAD .*
C: 35 SELECT INBOX (QRESYNC ({v} 1 1:*))
S: 35 BAD .*
C: 36 SELECT INBOX (QRESYNC ({v} 1 (1:3 1:2)))
S: 36 BAD .*
C: 37 SELECT INBOX (QRESYNC ({v} 1 (3,1 1,3)))
S: 37 BAD .*
C: 38 SELECT INBOX (QRESYNC ({v} 1 1:9 (1:4294967294 1:4294967294)))
S* (?!38 ).*
S: 38 OK .*
C: 39 SELECT INBOX (QRESYNC ({v} 1 ((((1:2 1:2)))))
S: 39 BAD .*
C: 40 SELECT INBOX (QRESYNC ({v} 1) QRESYNC ({v} 1))
S: 40 BAD .*
C: 41 UID FETCH 1:* FLAGS (VANISHED)
S: 41 BAD .*
C: 42 FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)
S: 42 BAD .*
C: 43 UID FETCH 1:4294967295 (UID) (VANISHED CHANGEDSINCE 1)
S: \* VANISHED \(EARLIER\) 1:3,6:7
S: \* 1 FETCH \(UID 4 MODSEQ \(\d+\)\)
S: \* 2 FETCH \(UID 5 MODSEQ \(\d+\)\)
S: 43 OK .*
2C: 4 UID FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)
2S: 4 BAD .*
