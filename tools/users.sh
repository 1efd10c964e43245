# SPDX-License-Identifier: ISC
# Sourced: the system users of a separated run (docs/PROCESSES.md), as master/programs.def names them.
users_table=$(dirname "${BASH_SOURCE[0]}")/../master/programs.def

# Lines "USER" or "USER FURTHER-GROUP", each user once.
users_list() {
	sed -n 's/^PROGRAM([a-z]*, "\(_[a-z]*\)", "\([_a-z]*\)".*/\1 \2/p; s/^PROGRAM([a-z]*, "\(_[a-z]*\)", NULL.*/\1/p' "$users_table" | sort -u
}

# The same for systemd-sysusers(8).
users_sysusers() {
	local u more
	echo "# Mansio: a user for each kind of process"
	users_list | while read -r u more; do
		echo "u $u - \"Mansio mail suite\" /nonexistent /usr/sbin/nologin"
		[ -z "$more" ] || echo "g $more - -"
		[ -z "$more" ] || echo "m $u $more"
	done
}

# Makes those that are missing; only root can.
make_users() {
	local u more
	while read -r u more; do
		getent group $u >/dev/null || groupadd --system $u || return 1
		[ -z "$more" ] || getent group "$more" >/dev/null || groupadd --system "$more" || return 1
		getent passwd $u >/dev/null ||
			useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin -g $u $u || return 1
	done < <(users_list)
	while read -r u more; do
		[ -z "$more" ] || id -nG $u | grep -qw -- "$more" || usermod -a -G "$more" $u || return 1
	done < <(users_list)
}
