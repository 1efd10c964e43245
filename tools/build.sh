# SPDX-License-Identifier: ISC
# Sourced: an out-of-tree build. build_tree DIR CONFIGURE-OPTIONS...
# Quiet when nothing is to be done; the log of a failed step is shown.
build_tree() {
	local dir=$1 log
	shift
	# configured before the unit tests' library was installed: ask again
	if [ -e /usr/include/cmocka.h ] && grep -q '"HAVE_CMOCKA_TRUE".="#"' "$dir/config.status" 2>/dev/null; then
		rm -f "$dir/Makefile"
	fi
	if [ -e "$dir/Makefile" ] && make -q -C "$dir" all >/dev/null 2>&1; then
		return 0
	fi
	mkdir -p "$dir" || return 1
	log=$dir/build.log
	(
		set -e
		[ -e "$top/configure" ] && [ "$top/configure" -nt "$top/configure.ac" ] || (cd "$top" && autoreconf -fi)
		[ -e "$dir/Makefile" ] || (cd "$dir" && "$top/configure" -q "$@")
		make -s -C "$dir" -j"$(nproc)" all
	) >"$log" 2>&1 || {
		tail -n 40 "$log" >&2
		echo "the build failed; the whole log is $log" >&2
		return 1
	}
}
