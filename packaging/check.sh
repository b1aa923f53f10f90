#!/bin/sh
# check.sh DEB… looks into packages, installs those of this machine into an empty
# root, starts what they hold and removes them again.
set -eu
for deb; do
	[ "$(dpkg-deb -f "$deb" Package)" = assay ]
	arch=$(dpkg-deb -f "$deb" Architecture)
	list=$(dpkg-deb -c "$deb")
	for want in usr/bin/assay usr/lib/systemd/system/assay-agent.service usr/lib/sysusers.d/assay.conf usr/share/man/man1/assay-agent-run.1.gz \
		usr/share/bash-completion/completions/assay usr/share/zsh/vendor-completions/_assay usr/share/fish/vendor_completions.d/assay.fish; do
		echo "$list" | grep -q " \./$want\$" || { echo "$deb holds no $want" >&2; exit 1; }
	done
	case $arch in amd64 | arm64) echo "$list" | grep -q ' \./usr/bin/assay-ort$' || { echo "$deb holds no assay-ort" >&2; exit 1; } ;; esac
	echo "$deb: $(dpkg-deb -f "$deb" Version), $(($(wc -c <"$deb") / 1000)) kB"
	[ "$arch" = "$(dpkg --print-architecture)" ] || continue
	[ "$(id -u)" = 0 ] || { echo "not installed into an empty root: only root can" >&2; continue; }
	root=$(mktemp -d)
	trap 'rm -rf "$root"' EXIT
	mkdir -p "$root/var/lib/dpkg/updates" "$root/var/lib/dpkg/info" "$root/etc"
	: >"$root/var/lib/dpkg/status"
	dpkg --root="$root" --force-script-chrootless --force-depends -i "$deb" >/dev/null
	"$root/usr/bin/assay" version | grep -q '^assay '
	grep -q '^assay:' "$root/etc/passwd"
	[ -d "$root/var/lib/assay" ]
	[ -L "$root/etc/systemd/system/multi-user.target.wants/assay-agent.service" ]
	dpkg --root="$root" --force-script-chrootless -r assay >/dev/null
	[ ! -e "$root/usr/bin/assay" ] && [ ! -e "$root/etc/systemd/system/multi-user.target.wants/assay-agent.service" ]
	echo "$deb: installed, started and removed in an empty root"
	rm -rf "$root"
done
