# Assay's targets; bare `make` lists them.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X assay/bench/engine/native.Version=$(VERSION)
export GOFLAGS := -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build setup browser run test race noasm nocgo cross lint fuzz bench kernels golden simulate storm faults conformance prove zoo influxd clean

help: ## list the targets
	@grep -hE '^[a-z0-9]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## bin/assay (pure Go) and bin/assay-ort (the ONNX Runtime worker, cgo)
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o bin/assay ./cmd/assay
	CGO_ENABLED=1 $(GO) build -ldflags '-s -w' -o bin/assay-ort ./cmd/assay-ort

setup: build ## fetch ONNX Runtime's library into the user's cache, once
	@bin/assay setup

run: setup ## measure suite quick, print the table, store the run
	bin/assay run --suite quick

# InfluxDB 1.8.10 is the last that is pure Go; reports/store/influxd runs it from here.
INFLUXD := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/assay/influxd/1.8.10
influxd: $(INFLUXD)/influxd ## build InfluxDB for the tests into the user's cache, once
$(INFLUXD)/influxd:
	cd / && CGO_ENABLED=0 GOFLAGS= GOBIN='$(INFLUXD)' $(GO) install -trimpath -ldflags '-s -w -X main.version=1.8.10' github.com/influxdata/influxdb/cmd/influxd@v1.8.10
browser: ## Chromium, for the tests that open the HTML report: installed where missing, as root
	@for b in chromium chromium-browser google-chrome chrome; do command -v $$b >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; then exit 0; fi; \
	echo "no Chromium: the tests that open the HTML report are skipped (install the package chromium)"

test: setup influxd browser ## every test (needs a C compiler, npm and, for the HTML report, Chromium)
	$(GO) test -timeout 14m ./...
	$(GO) test -tags nvml ./bench/energy

race: influxd ## the packages that share memory between goroutines, under the race detector
	$(GO) test -race -timeout 20m ./bench/... ./reports/... ./agents/...

ONNX_TESTS ?= /usr/share/libonnx-testdata/data
conformance: ## ONNX's own backend tests on the native engine (Debian's libonnx-testdata)
	@[ -d $(ONNX_TESTS) ] || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || apt-get install -y --no-install-recommends libonnx-testdata
	@if [ -d $(ONNX_TESTS) ]; then $(GO) run ./bench/engine/native/conformance -data $(ONNX_TESTS) -list bench/engine/native/conformance/passed.txt; \
	  else echo "conformance: skipped, $(ONNX_TESTS) is not there (as root on Debian: apt-get install libonnx-testdata)"; fi

noasm: ## reference kernels only
	$(GO) test -tags noasm ./bench/kernel/... ./bench/engine/native/...

# Emulated cores say whether results are right, never how fast they come. Pruned
# models run the kernels of their baselines; where ASSAY_CPU lowers a core, and
# with 32 bits, none of the zoo's models is run. ASSAY_CPU is read before go test
# looks at what a test reads, so that its cache would answer for another value.
EMULATE  := CGO_ENABLED=0 $(GO) test -timeout 10m
MEASURE  := ^TestPeaks$$|^TestMeasure$$
EMULATED := ./bench/kernel/... ./bench/engine/native
.PHONY: arm64
arm64: ## kernels and native engine on emulated ARM cores, with and without dot product, and of 32 bits
	@have() { command -v qemu-aarch64-static && command -v qemu-arm-static; } >/dev/null; \
	if ! { have && command -v aarch64-linux-gnu-as >/dev/null; } && [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends qemu-user-static binutils-aarch64-linux-gnu >/dev/null; fi; \
	have || { echo "no emulator: the tests on ARM cores are skipped (install the packages qemu-user-static and binutils-aarch64-linux-gnu)"; exit 0; }; \
	set -ex; $(GO) test ./bench/kernel/asm/neon; \
	for cpu in cortex-a76 cortex-a72; do GOARCH=arm64 $(EMULATE) -skip '$(MEASURE)|^TestZoo$$/./^(pruned|sparse|student)' -exec "qemu-aarch64-static -cpu $$cpu" $(EMULATED); done; \
	for isa in asimd generic; do ASSAY_CPU=$$isa GOARCH=arm64 $(EMULATE) -count=1 -skip '$(MEASURE)|^TestZoo$$' -exec 'qemu-aarch64-static -cpu cortex-a76' $(EMULATED); done; \
	GOARCH=arm GOARM=7 $(EMULATE) -skip '$(MEASURE)|^TestZoo$$' -exec qemu-arm-static $(EMULATED)

nocgo: ## everything but the ONNX Runtime worker, without a C compiler
	CGO_ENABLED=0 $(GO) vet $$($(GO) list ./... | grep -vE '/(engine/ort|proof|assay-ort)$$')

include packaging/packaging.mk

lint: ## gofumpt, vet, staticcheck, import direction, generated files
	@out=$$($(GO) tool gofumpt -l .); [ -z "$$out" ] || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod verify >/dev/null
	$(GO) generate ./bench/kernel/...
	@git diff --exit-code --stat -- bench/kernel || { echo "go generate ./bench/kernel/... changed these files: commit them"; exit 1; }

FUZZTIME ?= 20s
fuzz: ## every fuzz target for FUZZTIME
	@set -e; for f in $$(grep -rlE '^func Fuzz' --include=*_test.go . | sort); do \
	  for t in $$(grep -oE '^func Fuzz[A-Za-z0-9_]+' $$f | cut -c6-); do \
	    echo "$$t ($${f#./})"; $(GO) test -run '^$$' -fuzz "^$$t\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x ./$$(dirname $$f); done; done

bench: setup ## native against ONNX Runtime, interleaved: the table of docs/performance.md
	CGO_ENABLED=1 $(GO) build -ldflags '$(LDFLAGS)' -o bin/assay-proof ./bench/proof
	bin/assay-proof speed

kernels: ## the kernels' own benchmarks, every variant
	$(GO) test -run '^$$' -bench . ./bench/kernel/...

golden: ## rewrite golden files and generated docs
	$(GO) test ./reports/... ./suites/... ./cmd/assay/... ./bench/energy ./bench/host -update

simulate: ## coverage, power and false alarms of the method, nights of series, and the energy of simulated sensors
	$(GO) run ./bench/stat/simulate
	$(GO) run ./bench/energy/simulate
	$(GO) run ./bench/stat/nights

storm: influxd ## kill the pushing process 250 times and the server now and then, then count
	ASSAY_STORM=250 $(GO) test -count=1 -timeout 10m -v -run '^TestStorm$$' ./reports/store/influx

prove: build ## on this machine: 20 A/A groups, 20 slowed workers, a bare loop (needs quiet)
	CGO_ENABLED=1 $(GO) build -o bin/assay-proof ./bench/proof
	bin/assay-proof
	$(GO) test -run '^$$' -bench BareLoop -benchtime 8x ./cmd/assay-ort

faults: ## kill agents, hub and servers of a cluster, cut networks, fill disks, twice 60 times at random; every job must end once
	ASSAY_FAULTS=60 $(GO) test -v -timeout 30m -run TestStorm ./agents

LOAD ?= -load.agents 1000 -load.jobs 100000 -load.time 15m
.PHONY: load
load: ## jobs per second and memory of one hub with 1,000 simulated agents and 100,000 jobs, 15 minutes at most
	$(GO) test -run '^$$' -bench '^BenchmarkLoad$$' -benchtime 1x -timeout 40m ./cmd/assay $(LOAD)

zoo: ## make the committed INT8 variants again from the committed baselines
	$(GO) run ./models/zoo/make

echarts: ## the library of the HTML reports' plots, from its packages (npm): reports/chart/echarts.min.js
	cd reports/chart/echarts && npm ci --no-audit --no-fund && npm run build && rm -rf node_modules

clean: ## remove what was built
	rm -rf bin dist
