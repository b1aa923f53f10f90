# Assay's targets; bare `make` lists them.
GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X assay/bench/engine/native.Version=$(VERSION)
export GOFLAGS := -buildvcs=false

.DEFAULT_GOAL := help
.PHONY: help build setup run test race noasm nocgo cross lint fuzz bench golden simulate prove storm zoo clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  %-10s %s\n", $$1, $$2}'

build: ## bin/assay (pure Go) and bin/assay-ort (the ONNX Runtime worker, cgo)
	CGO_ENABLED=0 $(GO) build -ldflags '$(LDFLAGS)' -o bin/assay ./cmd/assay
	CGO_ENABLED=1 $(GO) build -ldflags '-s -w' -o bin/assay-ort ./cmd/assay-ort

setup: build ## fetch ONNX Runtime's library into the user's cache, once
	@bin/assay setup

run: setup ## measure suite quick, print the table, store the run
	bin/assay run --suite quick

test: setup ## every test (needs a C compiler and npm, installs nothing else)
	$(GO) test -timeout 14m ./...

race: ## the packages that share memory between goroutines, under the race detector
	$(GO) test -race -timeout 20m ./bench/... ./reports/... ./agents/...

noasm: ## reference kernels only
	$(GO) test -tags noasm ./bench/kernel/... ./bench/engine/native/...

nocgo: ## everything but the ONNX Runtime worker, without a C compiler
	CGO_ENABLED=0 $(GO) vet $$($(GO) list ./... | grep -vE '/(engine/ort|proof|assay-ort)$$')

CROSS := linux/amd64 linux/arm64 linux/arm linux/riscv64 darwin/arm64 windows/amd64
cross: ## assay for every platform of the fleet
	@set -e; for p in $(CROSS); do echo "$$p"; \
	  CGO_ENABLED=0 GOOS=$${p%/*} GOARCH=$${p#*/} $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o dist/$$p/ ./cmd/assay; done

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

bench: ## the kernels' benchmarks
	$(GO) test -run '^$$' -bench . ./bench/kernel/...

golden: ## rewrite golden files and generated docs
	$(GO) test ./reports/... ./suites/... ./cmd/assay/... -update

simulate: ## coverage, power and false fails of the method, by simulation
	$(GO) run ./bench/stat/simulate

prove: build ## on this machine: 20 A/A groups, 20 slowed workers, a bare loop (needs quiet)
	CGO_ENABLED=1 $(GO) build -o bin/assay-proof ./bench/proof
	bin/assay-proof
	$(GO) test -run '^$$' -bench BareLoop -benchtime 8x ./cmd/assay-ort

storm: ## kill agents and hub and cut their network 60 times at random; every job must end once
	ASSAY_FAULTS=60 $(GO) test -v -timeout 30m -run TestStorm ./agents

zoo: ## make the committed INT8 variants again from the committed baselines
	$(GO) run ./models/zoo/make

clean: ## remove what was built
	rm -rf bin dist
