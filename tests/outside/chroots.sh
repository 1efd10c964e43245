#!/bin/bash
# SPDX-License-Identifier: ISC
# chroots.sh NAME...: other mail servers for tests/system/test_outside.py, each in an empty Debian of its own (their packages
# exclude one another, and nothing of them comes onto this machine). Made once, kept in PEERS_DIR (default /var/tmp/peers)
# as outside-NAME, beside those of `make bench`, whose base system and packages they share. Prints each one's folder.
#   chroots.sh --run NAME COMMAND...   runs a command in one, as the first process of a tree that ends with it
set -eu
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../bench/peers/lib.sh"
mkdir -p "$PEERS_DIR"
PEERS_DIR=$(readlink -f "$PEERS_DIR")

packages() {
	case $1 in
	postfix) echo postfix ;;
	exim) echo exim4-daemon-light ;;
	opensmtpd) echo opensmtpd/bookworm-backports ;; # Debian 12's own fails every TLS handshake
	auth) echo dovecot-core dovecot-sqlite dovecot-pgsql dovecot-ldap postfix postfix-sqlite postfix-pgsql postfix-ldap ;; # for bench/auth
	courier) echo courier-mta courier-authlib-userdb openssl gnutls-bin ;;
	*) die "no such server: $1" ;;
	esac
}

make_root() {
	local root=$PEERS_DIR/outside-$1 list
	[ ! -e "$root/.done" ] || return 0
	list=$(packages "$1")
	make_base
	rm -rf --one-file-system "$root"
	cp -a "$PEERS_DIR/base" "$root"
	rm "$root/.done"
	cp /etc/resolv.conf "$root/etc/resolv.conf"
	case $list in *backports*)
		echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $(mirror) $SUITE-backports main" >"$root/etc/apt/sources.list.d/backports.list" ;;
	esac
	in_root "$root" apt-get update >&2
	in_root "$root" apt-get -y install $list >&2
	rm -rf "$root/var/lib/apt/lists/"* "$root/var/cache/apt/"*.bin
	touch "$root/.done"
}

if [ "${1:-}" = --run ]; then
	root=$PEERS_DIR/outside-$2
	shift 2
	exec unshare --mount --pid --fork --kill-child --propagation private bash -c '
		root=$1; shift
		mount -t proc proc "$root/proc"
		mount -t tmpfs tmpfs "$root/dev/shm"
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 "$@"' run "$root" "$@"
fi
[ "$(id -u)" = 0 ] || die "must run as root"
exec 9>"$PEERS_DIR/outside.lock"
flock 9
for name; do
	make_root "$name" </dev/null
	echo "$PEERS_DIR/outside-$name"
done
