# Plain `make` prints this file's targets. Tools are pinned here; npm packages in package.json.
TEMPL         := github.com/a-h/templ/cmd/templ@v0.3.977
GOLANGCI_LINT := v2.15.0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
LINT    := bin/tools/golangci-lint
RUN     ?= --data ./data

export GOLANGCI_LINT
# Everything is built without cgo, so that building, vetting and linting share one build cache; only -race needs it.
export CGO_ENABLED := 0

.DEFAULT_GOAL := help
.PHONY: help run build dev generate fmt lint test test-unit e2e bench bench-admin fuzz migrate seed ci clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: build ## build and start on port 4000 with its data in ./data (RUN="--config my.yaml" for other arguments)
	exec bin/gatehouse $(RUN)

build: ## build bin/gatehouse, one static file
	go build -ldflags '$(LDFLAGS)' -o bin/gatehouse .

dev: ## rebuild pages, styles and server on every change
	tools/need.sh npm
	tools/dev.sh $(TEMPL) $(RUN)

generate: ## write all generated files again: pages, icons, styles, scripts, prices
	tools/need.sh npm
	npm run --silent build
	npm run --silent --if-present prices
	go run $(TEMPL) generate -path views -log-level error

fmt: ## format Go and templ files
	tools/need.sh golangci-lint
	$(LINT) fmt
	go run $(TEMPL) fmt -log-level error views

lint: ## golangci-lint with the import rules, go vet, shellcheck
	tools/need.sh golangci-lint shellcheck
	$(LINT) run
	go vet ./...
	shellcheck .ci/run tools/*.sh

test: ## everything, on a bare machine too: installs what it lacks, starts what it needs
	TEMPL=$(TEMPL) tools/test.sh

test-unit: ## the tests that need no server
	GATEHOUSE_TEST_NO_SERVICES=1 go test ./...

e2e: ## the browser journeys and the SDK tests, against the real binary
	tools/test.sh e2e

bench: ## benchmarks of the hot path, six runs, for benchstat
	go test -run '^$$' -bench . -benchmem -count 6 ./proxy/...

soak: ## a million distinct questions through the response cache: its memory stays within its bound (about four minutes)
	go test -run '^$$' -bench CacheSoak -benchtime 1000000x ./proxy

FUZZ_PACKAGES := ./proxy ./proxy/cache ./proxy/inbound/... ./proxy/provider/... ./proxy/stream ./proxy/tokens ./proxy/wire
RUNS ?= 10000000

fuzz: ## ten million executions of each target that reads a provider's bytes (RUNS=, TARGET=FuzzX; docs/fuzzing.md)
	GOGC=800 GATEHOUSE_FUZZ_RUNS=$(RUNS) GATEHOUSE_FUZZ_LOG=$${GATEHOUSE_FUZZ_LOG:-$(CURDIR)/fuzz.log} nice -n 10 \
		go test -vet=off -count 1 -p 1 -timeout 0 -run '^$(or $(TARGET),Fuzz)' $(FUZZ_PACKAGES)

bench-admin: build ## lists, logs and reports with 100,000 keys and 5 million calls on PostgreSQL (GATEHOUSE_BENCH_DATABASE keeps them)
	GATEHOUSE_BINARY=$(CURDIR)/bin/gatehouse nice -n 10 go test -vet=off -run '^$$' -bench . -benchtime 50x -timeout 60m ./e2e/bench

migrate: build ## bring the database up to date without starting (DATABASE_URL, else ./data)
	bin/gatehouse migrate $(RUN)

seed: ## sample teams, people and keys for a gateway that runs here (needs LITELLM_MASTER_KEY)
	node tools/seed.mjs

screenshots: build ## take the pictures of docs/portal.md anew
	tools/need.sh chromium npm
	node tools/screenshots.mjs

lighthouse: build ## measure sign-in, keys and usage as a phone sees them (needs npm install --no-save lighthouse@12.8.2)
	tools/need.sh chromium npm
	node tools/lighthouse.mjs

ci: test ## what CI runs

clean: ## remove what was built
	rm -rf bin e2e/shots e2e/results
