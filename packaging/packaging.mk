# What is put on the devices of a fleet. assay is pure Go; assay-ort is cgo, and
# must start on systems as old as glibc 2.31 (JetPack 5, Raspberry Pi OS bullseye)
# while it is compiled on newer ones: glibc231.h binds functions to their old
# versions, the linker names the libraries that these were in, and the start
# file's call goes by way of start.c.
CROSS  := linux/amd64 linux/arm64 linux/arm/6 linux/arm/7 linux/riscv64 darwin/arm64 windows/amd64
OLDC   := -O2 -g -include $(CURDIR)/cmd/assay-ort/glibc231.h
OLDLIBS := -O2 -g -no-pie -Wl,--wrap=__libc_start_main -Wl,--no-as-needed -l:libpthread.so.0 -l:libdl.so.2

.PHONY: cross crossort
cross: crossort ## assay for every platform of the fleet, assay-ort for linux on amd64 and arm64
	@set -e; for p in $(CROSS); do echo "$$p"; arm=$${p#*arm/}; [ "$$arm" != "$$p" ] || arm=; \
	  os=$${p%%/*}; arch=$${p#*/}; CGO_ENABLED=0 GOOS=$$os GOARCH=$${arch%/*} GOARM=$$arm $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/$$os/$${arch%/*}$${arm:+v$$arm}/ ./cmd/assay; done

# x86_64-linux-gnu-gcc is Debian's other name of gcc on amd64.
CC_amd64 := $(or $(shell command -v x86_64-linux-gnu-gcc),$(if $(filter x86_64,$(shell uname -m)),gcc))
CC_arm64  = $(or $(shell command -v aarch64-linux-gnu-gcc),$(if $(filter aarch64,$(shell uname -m)),gcc))
crossort: ## assay-ort for linux on amd64 and arm64, as they start with glibc 2.31
	@[ -n "$(CC_arm64)" ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || { apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross >/dev/null; }
	@$(MAKE) --no-print-directory dist/linux/amd64/assay-ort dist/linux/arm64/assay-ort
	$(GO) test -count=1 -v -run '^TestGlibc$$' ./cmd/assay-ort

.PHONY: dist/linux/amd64/assay-ort dist/linux/arm64/assay-ort
dist/linux/amd64/assay-ort dist/linux/arm64/assay-ort: dist/linux/%/assay-ort:
	@[ -n "$(CC_$*)" ] || { echo "$@ is not built: no C compiler for linux on $* (on Debian: gcc-x86-64-linux-gnu, gcc-aarch64-linux-gnu)"; exit 0; }; \
	  set -x; CC='$(CC_$*)' GOOS=linux GOARCH=$* CGO_ENABLED=1 CGO_CFLAGS='$(OLDC)' CGO_LDFLAGS='$(OLDLIBS)' \
	  $(GO) build -trimpath -tags glibc231 -ldflags '-s -w' -o $@ ./cmd/assay-ort

# nfpm makes the packages; it is a tool of its own, so that none of its many
# modules is assay's. 2.45.2 is the newest that Go 1.26 has built here.
NFPM := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/assay/nfpm/2.45.2
$(NFPM)/nfpm:
	cd / && CGO_ENABLED=0 GOFLAGS= GOBIN='$(NFPM)' $(GO) install -trimpath -ldflags '-s -w' github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

# A version without a tag begins with 0, so that every release is newer.
DEB_VERSION := $(or $(patsubst v%,%,$(filter v%,$(VERSION))),0~$(shell git log -1 --format=%cd.%h --date=format:%Y%m%d 2>/dev/null || echo unknown))
export SOURCE_DATE_EPOCH := $(shell git log -1 --format=%ct 2>/dev/null)
DEBS := amd64:amd64 arm64:arm64 armhf:armv7

.PHONY: packages
packages: cross build $(NFPM)/nfpm ## Debian packages for amd64, arm64 and armhf, with service, man pages and completion
	@set -e; mkdir -p dist/packages; for p in $(DEBS); do deb=$${p%:*}; stage=dist/packages/$$deb; \
	  packaging/stage.sh dist/linux/$${p#*:} $$stage bin/assay; \
	  STAGE=$$stage DEB_ARCH=$$deb DEB_VERSION='$(DEB_VERSION)' $(NFPM)/nfpm package -f packaging/nfpm.yaml -p deb -t dist/packages/assay_$$deb.deb; done
	@if command -v dpkg-deb >/dev/null; then packaging/check.sh dist/packages/assay_*.deb; else echo "not looked into: no dpkg-deb"; fi
