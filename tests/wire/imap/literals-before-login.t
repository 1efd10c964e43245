# C07: no big literal, not many, before login
service: imaps
tls: yes
S: \* OK .*
C: a LOGIN {1000000000}
S: (a BAD|a NO|\* BYE) .*
