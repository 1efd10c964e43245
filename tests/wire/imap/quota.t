# RFC 9208: QUOTA without limits (with limits: tests/system/test_quota.py)
service: imaps
tls: yes
S: \* OK .*
C: 0 LOGIN {user} "{password}"
S: 0 OK .*
C: 1 CAPABILITY
S: \* CAPABILITY .* QUOTA QUOTA=RES-STORAGE QUOTA=RES-MESSAGE.*
S: 1 OK .*
C: 2 GETQUOTA ""
S: \* QUOTA "" \(\)
S: 2 OK .*
C: 3 GETQUOTAROOT Nowhere/Yet
S: \* QUOTAROOT "Nowhere/Yet" ""
S: \* QUOTA "" \(\)
S: 3 OK .*
C: 4 GETQUOTA other
S: 4 NO \[NONEXISTENT\] .*
C: 5 SETQUOTA "" (STORAGE 1)
S: 5 BAD .*
C: 6 GETQUOTA
S: 6 BAD .*
C: 7 GETQUOTAROOT "a/../b"
S: \* QUOTAROOT .*
S: \* QUOTA .*
S: 7 OK .*
C: 8 GETQUOTA "" ""
S: 8 BAD .*
C: 9 GETQUOTAROOT &&&
S: 9 NO .*
C: 10 APPEND INBOX (\Deleted) {23+}
C~ Subject: deleted\r\n\r\nx\r\n
C~ \r\n
S: 10 OK \[APPENDUID .*
C: 11 APPEND INBOX {17+}
C~ Subject: m\r\n\r\nx\r\n
C~ \r\n
S: 11 OK \[APPENDUID .*
C: 12 STATUS INBOX (MESSAGES DELETED DELETED-STORAGE SIZE)
S: \* STATUS "INBOX" \(MESSAGES 2 SIZE 40 DELETED 1 DELETED-STORAGE 23\)
S: 12 OK .*
C: 13 STATUS INBOX (DELETED-STORAGE X)
S: 13 BAD .*
C: 14 STATUS INBOX ()
S: 14 BAD .*
