# SPDX-License-Identifier: ISC
# Sourced: the system users of a separated run (docs/PROCESSES.md); only root can make them.
make_users() {
	local u
	for u in _front _auth _dns _smtp _queue _send _mail _trace _web; do
		getent group $u >/dev/null || groupadd --system $u || return 1
		getent passwd $u >/dev/null ||
			useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin -g $u $u || return 1
	done
	id -nG _auth | grep -qw _mail || usermod -a -G _mail _auth
}
