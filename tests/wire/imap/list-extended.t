# RFC 5258: LIST-EXTENDED; RFC 6154 5: special use
service: imaps
tls: yes
S: \* OK .*
C: 0 LOGIN {user} "{password}"
S: 0 OK .*
C: 1 CREATE Fruit/Apple
S: 1 OK .*
C: 2 CREATE Fruit/Banana
S: 2 OK .*
C: 3 CREATE Tofu
S: 3 OK .*
C: 4 CREATE Vegetable/Broccoli
S: 4 OK .*
C: 5 CREATE Fruit-juice
S: 5 OK .*
C: 6 SUBSCRIBE Fruit/Banana
S: 6 OK .*
C: 7 SUBSCRIBE Vegetable
S: 7 OK .*
C: 8 SUBSCRIBE Vegetable/Broccoli
S: 8 OK .*
C: 9 CREATE Fruit/Peach
S: 9 OK .*
C: 10 SUBSCRIBE Fruit/Peach
S: 10 OK .*
C: 11 DELETE Fruit/Peach
S: 11 OK .*
C: 12 CREATE Gone/Child
S: 12 OK .*
C: 13 SUBSCRIBE Gone/Child
S: 13 OK .*
C: 14 DELETE Gone/Child
S: 14 OK .*
C: 15 DELETE Gone
S: 15 OK .*
C: 16 LIST (SUBSCRIBED) "" ("Fruit*" "Veg*" "Gone*")
S: \* LIST \(\\HasNoChildren \\Subscribed\) "/" "Fruit/Banana"
S: \* LIST \(\\NonExistent \\HasNoChildren \\Subscribed\) "/" "Fruit/Peach"
S: \* LIST \(\\NonExistent \\HasNoChildren \\Subscribed\) "/" "Gone/Child"
S: \* LIST \(\\HasChildren \\Subscribed\) "/" "Vegetable"
S: \* LIST \(\\HasNoChildren \\Subscribed\) "/" "Vegetable/Broccoli"
S: 16 OK .*
C: 17 LIST () "" ("Fruit*" "Tofu" "Tofu" "") RETURN (SUBSCRIBED CHILDREN)
S: \* LIST \(\\HasChildren\) "/" "Fruit"
S: \* LIST \(\\HasNoChildren\) "/" "Fruit-juice"
S: \* LIST \(\\HasNoChildren\) "/" "Fruit/Apple"
S: \* LIST \(\\HasNoChildren \\Subscribed\) "/" "Fruit/Banana"
S: \* LIST \(\\HasNoChildren\) "/" "Tofu"
S: 17 OK .*
# RECURSIVEMATCH: what is above a subscribed name that is not listed itself
C: 18 LIST (SUBSCRIBED RECURSIVEMATCH) "" ("Fruit%" "Veg%" "Gone%" "Tofu%")
S: \* LIST \(\\HasChildren\) "/" "Fruit" \("CHILDINFO" \("SUBSCRIBED"\)\)
S: \* LIST \(\\NonExistent \\HasNoChildren\) "/" "Gone" \("CHILDINFO" \("SUBSCRIBED"\)\)
S: \* LIST \(\\HasChildren \\Subscribed\) "/" "Vegetable" \("CHILDINFO" \("SUBSCRIBED"\)\)
S: 18 OK .*
C: 19 LIST (RECURSIVEMATCH SUBSCRIBED REMOTE) "" "Fruit*"
S: \* LIST \(\\HasNoChildren \\Subscribed\) "/" "Fruit/Banana"
S: \* LIST \(\\NonExistent \\HasNoChildren \\Subscribed\) "/" "Fruit/Peach"
S: 19 OK .*
C: 20 LIST (SPECIAL-USE) "" "*" RETURN (SPECIAL-USE)
S* \* LIST \(.*\\(Archive|Drafts|Junk|Sent)\) "/" "\w+"
S: \* LIST \(.*\\Trash\) "/" "Trash"
S: 20 OK .*
# the empty pattern means the separator only where nothing is extended
C: 21 LIST "" ""
S: \* LIST \(\\Noselect\) "/" ""
S: 21 OK .*
C: 22 LIST () "" ""
S: 22 OK .*
C: 23 LIST "" "" RETURN (CHILDREN)
S: 23 OK .*
# a level that is no mailbox
C: 24 CREATE Level/Below
S: 24 OK .*
C: 25 DELETE Level
S: 25 OK .*
C: 26 LIST "" "Level"
S: \* LIST \(\\Noselect \\HasChildren\) "/" "Level"
S: 26 OK .*
C: 27 LIST () "" "Level"
S: \* LIST \(\\NonExistent \\HasChildren\) "/" "Level"
S: 27 OK .*
C: 28 LIST () Level/ ("%" "nosuch") RETURN ()
S: \* LIST \(\\HasNoChildren\) "/" "Level/Below"
S: 28 OK .*
# hostile
C: 29 LIST (RECURSIVEMATCH) "" "*"
S: 29 BAD .*
C: 30 LIST (REMOTE RECURSIVEMATCH) "" "*"
S: 30 BAD .*
C: 31 LIST (NOSUCH) "" "*"
S: 31 BAD .*
C: 32 LIST "" "*" RETURN (NOSUCH)
S: 32 BAD .*
C: 33 LIST "" "*" RETURN CHILDREN
S: 33 BAD .*
C: 34 LIST () "" ((("*")))
S: 34 BAD .*
C: 35 LIST (SUBSCRIBED "" "*"
S: 35 BAD .*
C: 36 LIST () "" ()
S: 36 BAD .*
C: 37 LIST () "" ("&&&" "Tofu")
S: \* LIST \(\\HasNoChildren\) "/" "Tofu"
S: 37 OK .*
C: 38 LIST () "" (* * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * * *)
S: 38 NO \[LIMIT\] .*
C: 39 LSUB () "" "*"
S: 39 BAD .*
C: 40 LSUB "" "Veg%"
S: \* LSUB \(\) "/" "Vegetable"
S: 40 OK .*
