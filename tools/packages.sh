# SPDX-License-Identifier: ISC
# Sourced by quickstart, runtests and tools/fresh: Debian packages from a list file.

# The packages of list file $1 that are not installed, one a line. A line "npm unless npm" names a
# package that is needed only where there is no such command (another package may bring it).
packages_missing() {
	local p word command
	grep -v '^#' "$1" | while read -r p word command; do
		[ -n "$p" ] || continue
		[ "$word" != unless ] || ! command -v "$command" >/dev/null || continue
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || echo "$p"
	done
}

# Installs what is missing of the lists given; starts no service on the host.
# Returns 1 with a sentence on standard error when it cannot.
packages_install() {
	local missing list policy=
	missing=$(for list; do packages_missing "$list"; done)
	[ -n "$missing" ] || return 0
	echo "missing packages:" $missing
	if [ "$(id -u)" != 0 ]; then
		echo "Install them as root, then run this again:" >&2
		echo "  apt-get install --no-install-recommends" $missing >&2
		return 1
	fi
	if [ ! -e /usr/sbin/policy-rc.d ]; then
		printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
		chmod 755 /usr/sbin/policy-rc.d
		policy=1
	fi
	export DEBIAN_FRONTEND=noninteractive
	local rc=0
	apt-get update -q </dev/null && apt-get install -y -q --no-install-recommends $missing </dev/null || rc=1
	[ -z "$policy" ] || rm -f /usr/sbin/policy-rc.d
	[ $rc = 0 ] || echo "apt-get could not install the packages above" >&2
	return $rc
}
