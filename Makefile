# What one does with bellbuoy's sources. `make` alone prints this list.

# How long make fuzz, and so make test, spends on each target.
FUZZTIME ?= 5s
# How many worlds make simulate, and so make test, tries.
SEEDS ?= 2000
# Where properties take their chances from: the same each time, so that make test says the
# same twice; make models RAPID_SEED=0 tries others.
export RAPID_SEED ?= 1
STATICCHECK = go tool -modfile=$(CURDIR)/internal/tools/staticcheck/go.mod staticcheck

.DEFAULT_GOAL := help
.PHONY: help run brokers demo test unit beside postgres names models lint simulate faults mutants fuzz bench lists generate

help: ## print this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-10s %s\n' "$$name" "$$what"; done

run: ## run bellbuoy on loopback with no configuration, keeping its events in ./bellbuoy.db
	@go build ./cmd/bellbuoy && exec ./bellbuoy run

brokers: ## build bin/bellbuoy-sender-brokers, for targets of type kafka, nats and amqp, and print its pins
	@CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/ ./cmd/bellbuoy-sender-brokers
	@go run ./cmd/bellbuoy plugins hash --type kafka,nats,amqp bin/bellbuoy-sender-brokers

demo: ## push an image to a real registry and see the webhook arrive; needs Go only
	@go -C integration run ./demo

test: lint ## all checks and all tests, with the race detector
	@command -v $${CC:-cc} >/dev/null || { echo "make test: the race detector needs a C compiler; on Debian: apt-get install gcc libc6-dev" >&2; exit 1; }
	@$(MAKE) --no-print-directory -j2 unit beside
	go -C integration test -count=1 -timeout 20m ./faults
	@$(MAKE) --no-print-directory simulate
	@$(MAKE) --no-print-directory fuzz

# Both wait more than they compute: for processes, disks and clocks.
unit:
	CGO_ENABLED=1 go test -race -timeout 20m ./internal/store ./internal/app ./internal/delivery ./...
beside:
	CGO_ENABLED=1 go -C integration test -race -timeout 20m $$(go -C integration list ./... | grep -v -e /faults$$ -e /browser$$)
	go -C integration test -count=1 -timeout 20m ./browser
	@$(MAKE) --no-print-directory names
	@$(MAKE) --no-print-directory models
	@$(MAKE) --no-print-directory postgres

postgres: ## hold the store to the same tests on PostgreSQL; needs Debian's package postgresql
	BELLBUOY_TEST_STORE=postgres go test -count=1 -timeout 20m ./internal/store -rapid.checks 10

names: ## try all that strangers may choose as names on the chat senders, without the race detector, which is too slow for that
	go test -run '^TestHostileNames$$' -count=1 ./plugin/senders/...

models: ## hold the store to models of it, without the race detector, which is too slow for that
	go test -run '^TestEveryEventEnds$$' -count=1 ./internal/store -rapid.checks 500
	go test -run '^(TestRetentionModel|TestRateHoldsInAnyWindow|TestListsAgree)$$' -count=1 ./internal/store

simulate: ## simulate delivery by 2000 seeds, or as many as SEEDS says; one that fails says how to repeat it
	BELLBUOY_SEEDS=$(SEEDS) go test ./internal/delivery -run '^TestSimulation$$' -count=1 -timeout 20m

faults: ## break everything as often as a night allows; make test breaks each thing a few times
	go -C integration test -count=1 -timeout 20m -v -run '^TestRedeliverThroughKills$$' .
	BELLBUOY_FAULTS=all go -C integration test ./faults -count=1 -timeout 12h -v

mutants: ## plant one bug after the other, and see the tests find each
	@go -C integration run ./mutants $(MUTANTS)

fuzz: ## fuzz every target for 5 s, or as long as FUZZTIME says (make fuzz FUZZTIME=5m)
	@FUZZTIME=$(FUZZTIME) .ci/fuzz

lint: ## gofmt, go vet and staticcheck
	@out=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' | grep -v '\.pb\.go$$')); [ -z "$$out" ] || { echo "not formatted by gofmt:"; echo "$$out"; exit 1; } >&2
	go vet ./...
	go -C integration vet ./...
	$(STATICCHECK) ./...
	cd integration && $(STATICCHECK) ./...

bench: ## measure speed and cost, as docs/performance.md says; half an hour, or BENCH=-short
	@go -C integration run ./bench $(BENCH)

lists: ## measure how long lists take of a million events, by each filter
	@go test -run xxx -bench 'ListOfAMillion|ListsOfTheAPI' -benchtime 10x -timeout 30m ./internal/store

generate: ## write the generated files anew
	go generate ./...
