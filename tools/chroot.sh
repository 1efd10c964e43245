# SPDX-License-Identifier: ISC
# Sourced by tools/fresh and tools/package-test: empty Debian systems in FRESH_DIR (default /var/tmp/mansio-fresh).
#   chroot_base            makes $dir/base with debootstrap, once
#   chroot_new NAME        $dir/NAME: a copy of it, which trusts the certificate authorities that were added to this machine
#   inside NAME CMD...     runs there, in a mount and process namespace of its own
#   booted NAME SCRIPT     boots it with systemd-nspawn, without a network, and runs the file SCRIPT as root
dir=${FRESH_DIR:-/var/tmp/mansio-fresh}
suite=bookworm

need() {
	command -v "$1" >/dev/null || apt-get install -y -q --no-install-recommends "$2"
}

chroot_base() {
	local mirror
	[ "$(id -u)" = 0 ] || { echo "$0: debootstrap and chroot need root" >&2; exit 1; }
	need debootstrap debootstrap
	# Package source and download settings are those of this machine's apt.
	mirror=$(apt-get indextargets --format '$(RELEASE) $(REPO_URI)' | awk -v s=$suite '$1 == s { print $2; exit }')
	[ -n "$mirror" ] || { echo "$0: no package source for $suite: run apt-get update" >&2; exit 1; }
	mkdir -p "$dir/cache"
	[ ! -e "$dir/base/.done" ] || return 0
	rm -rf --one-file-system "$dir/base"
	debootstrap --variant=minbase --include=ca-certificates --cache-dir="$(readlink -f "$dir/cache")" $suite "$dir/base" "$mirror"
	rm -f "$dir/base/etc/apt/sources.list"
	cp -a /etc/apt/sources.list.d/debian.sources "$dir/base/etc/apt/sources.list.d/" 2>/dev/null ||
		echo "deb $mirror $suite main" >"$dir/base/etc/apt/sources.list"
	apt-config dump | grep -E '^Acquire::(https?|Check|Retries|Force)' >"$dir/base/etc/apt/apt.conf.d/90host" || true
	printf '%s\n' 'Binary::apt::APT::Keep-Downloaded-Packages "true";' 'APT::Keep-Downloaded-Packages "true";' \
		'APT::Sandbox::User "root";' >"$dir/base/etc/apt/apt.conf.d/91fresh"
	cp /etc/resolv.conf "$dir/base/etc/resolv.conf"
	touch "$dir/base/.done"
}

chroot_new() {
	rm -rf --one-file-system "${dir:?}/$1"
	cp -a "$dir/base" "$dir/$1"
	cp /etc/hosts "$dir/$1/etc/hosts"
	authorities "$1"
}

# What this machine's administrator added to Debian's certificate authorities: the way out may lead through a proxy that opens TLS.
authorities() {
	local added=/usr/local/share/ca-certificates
	[ -n "$(find $added -name '*.crt' 2>/dev/null)" ] || return 0
	mkdir -p "$dir/$1$added"
	cp -rL $added/. "$dir/$1$added"
	inside "$1" update-ca-certificates >/dev/null 2>&1 || { echo "$0: update-ca-certificates failed in $dir/$1" >&2; exit 1; }
}

inside() {
	local root=$1
	shift
	unshare --mount --pid --fork --propagation private bash -c '
		root=$1 cache=$2; shift 2
		mount --bind "$root" "$root"
		mount -t proc proc "$root/proc"
		mkdir -p "$root/dev/pts"
		mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts "$root/dev/pts"
		rm -f "$root/dev/ptmx"
		ln -s pts/ptmx "$root/dev/ptmx"
		mount -t tmpfs tmpfs "$root/dev/shm"
		mount --bind "$cache" "$root/var/cache/apt/archives"
		exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 CI=true DEBIAN_FRONTEND=noninteractive "$@"
	' inside "$dir/$root" "$dir/cache" "$@" </dev/null
}

booted() {
	local root=$dir/$1 rc
	need systemd-nspawn systemd-container
	cp "$2" "$root/root/booted"
	cat >"$root/etc/systemd/system/booted.service" <<-'EOT'
		[Unit]
		After=multi-user.target
		[Service]
		Type=oneshot
		Environment=LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive HOME=/root
		ExecStart=/bin/sh -c '/bin/bash /root/booted >/root/booted.log 2>&1; echo $? >/root/booted.rc'
		ExecStopPost=/bin/systemctl --no-block poweroff
		[Install]
		WantedBy=default.target
	EOT
	rm -f "$root/root/booted.rc" "$root/root/booted.log"
	mkdir -p "$root/etc/systemd/system/default.target.wants"
	ln -sf ../booted.service "$root/etc/systemd/system/default.target.wants/booted.service"
	timeout -k 10 "${BOOT_SECONDS:-300}" systemd-nspawn --quiet --register=no --keep-unit --private-network \
		--system-call-filter="openat2 seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self" -D "$root" --boot \
		</dev/null >"$root.console" 2>&1 || true
	cat "$root/root/booted.log" 2>/dev/null
	rc=$(cat "$root/root/booted.rc" 2>/dev/null) || { tail -n 40 "$root.console"; echo "the system did not boot, or not to its end" >&2; return 1; }
	return "$rc"
}
