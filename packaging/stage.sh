#!/bin/sh
# stage.sh DIST STAGE ASSAY puts the files of a package below the folder STAGE:
# the programs of the folder DIST, and what ASSAY, the same command for this
# machine, writes of itself.
set -eu
dist=$1 stage=$2 assay=$3
share=$stage/usr/share
rm -rf "$stage"
mkdir -p "$stage/usr/bin" "$share/doc/assay" "$share/man" "$share/bash-completion/completions" "$share/zsh/vendor-completions" "$share/fish/vendor_completions.d"
cp "$dist"/assay* "$stage/usr/bin/"
cp LICENSE CHANGELOG.md docs/fleet.md "$share/doc/assay/"
cat reports/chart/echarts/NOTICE reports/chart/echarts/LICENSE.zrender >"$share/doc/assay/NOTICE.echarts"
"$assay" man "$share/man/man1"
gzip -9n "$share"/man/man1/*.1
"$assay" completion bash >"$share/bash-completion/completions/assay"
"$assay" completion zsh >"$share/zsh/vendor-completions/_assay"
"$assay" completion fish >"$share/fish/vendor_completions.d/assay.fish"
"$assay" agent install --root "$stage" --program /usr/bin/assay >/dev/null
mkdir -p "$stage/usr/lib/systemd"
mv "$stage/etc/systemd/system" "$stage/usr/lib/systemd/system"
mv "$stage/etc/sysusers.d" "$stage/etc/tmpfiles.d" "$stage/usr/lib/"
rm -r "$stage/etc"
chmod -R u=rwX,go=rX "$stage"
