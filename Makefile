# make test  installs what the tests need (Debian) and runs everything
# make build builds ./simurgh; needs Go alone

GO ?= go

.PHONY: build test quick lint fuzz bench deps

build:
	CGO_ENABLED=0 $(GO) build -trimpath -o simurgh ./cmd/simurgh

test: deps build lint
	CI=1 $(GO) test -race -timeout 15m ./...
	CI=1 $(GO) test -run OverMany ./internal/store
	./scripts/fuzz 4000x

# What a developer runs between two edits: no race detector, no installing.
quick:
	$(GO) vet ./...
	$(GO) test ./...

lint: deps
	$(GO) vet ./...
	$$($(GO) env GOPATH)/bin/golangci-lint run

fuzz:
	./scripts/fuzz 60s

bench:
	./scripts/bench

deps:
	./scripts/deps
