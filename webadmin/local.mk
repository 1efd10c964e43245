# The admin page comes with its own issue; nothing is built here yet.
