// Package api holds the contracts, and the pages that show them. They are part
// of the program: nothing is fetched from elsewhere.
package api

import _ "embed"

// SIMAPI is the contract of the SIM API v2: OpenAPI 3.0, in YAML.
//
//go:embed simapi.yaml
var SIMAPI []byte

// Terminal is the contract of the Terminal API: OpenAPI 3.0, in YAML.
//
//go:embed terminal.yaml
var Terminal []byte

// Tigrillo is the contract of the Tigrillo API: OpenAPI 3.0, in YAML.
//
//go:embed tigrillo.yaml
var Tigrillo []byte
