package main

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// usage reports arguments that kong refused.
func (sh *shell) usage(err error) int {
	if sh.JSON {
		sh.printError("usage", err.Error(), nil)
	} else {
		sh.note("simurgh: %s\nRun simurgh --help, or --help behind a command, for the manual.", err)
	}
	return exitUsage
}

// fail reports why a command failed, and what to do about it.
func (sh *shell) fail(err error) int {
	message := sh.sentence(err)
	if sh.JSON {
		e, _ := errors.AsType[*fault.Error](err)
		if e == nil {
			e = &fault.Error{Code: "internal"}
		}
		sh.printError(e.Code, message, e.Fields)
		return exitFailed
	}
	sh.note("simurgh: %s", message)
	if next := sh.advice(err); next != "" {
		sh.note("%s", next)
	}
	return exitFailed
}

// printError writes the one object that --json promises on standard error.
func (sh *shell) printError(code, message string, fields []fault.Field) {
	type report struct {
		Code    string        `json:"code"`
		Message string        `json:"message"`
		Fields  []fault.Field `json:"fields,omitempty"`
	}
	_ = json.NewEncoder(sh.stderr).Encode(map[string]report{"error": {code, message, fields}})
}

// sentence says an error with the fields named as flags.
func (sh *shell) sentence(err error) string {
	if errors.Is(err, context.Canceled) {
		return "interrupted"
	}
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || len(e.Fields) == 0 {
		return err.Error()
	}
	named := *e
	named.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		named.Fields[i] = fault.Field{Name: sh.flagFor(f.Name), Reason: f.Reason}
	}
	return named.Error()
}

// flagFor returns the flag of the command that a field was given with, or the
// field itself. A secret comes from a file, and what is no flag where there is
// --config is one of its settings.
func (sh *shell) flagFor(field string) string {
	var b strings.Builder
	for i, r := range strings.TrimSuffix(field, "Id") {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	if name := b.String(); sh.hasFlag(name) {
		return "--" + name
	} else if sh.hasFlag(name + "-file") {
		return "--" + name + "-file"
	}
	if sh.hasFlag("config") {
		return "--config " + field
	}
	return field
}

func (sh *shell) hasFlag(name string) bool {
	return slices.ContainsFunc(sh.flags, func(f *kong.Flag) bool { return f.Name == name })
}

// nextSteps say what helps, by the code of a fault that can end a command.
var nextSteps = map[string]string{
	"portfolio.not_found":   "See the accounts with: simurgh portfolio list",
	"portfolio.exists":      "Leave out --id for a fresh one.",
	"invalid.portfolioId":   "See the accounts with: simurgh portfolio list",
	"package.not_found":     "See the packages with: simurgh package list",
	"package.exists":        "Leave out --id for the next free one.",
	"plan.not_linked":       "Link it with: simurgh package link --package N --portfolio ID",
	"plan.link_inactive":    "Offer it again with: simurgh package link --package N --portfolio ID",
	"plan.currency_differs": "Make one in that currency with: simurgh package create --currency CODE",
	"user.exists":           "Choose another --username.",
	"invalid.passwordStdin": "For example: printf %s \"$PASSWORD\" | simurgh user create ... --password-stdin",
	"network.not_found":     "Add it with: simurgh network add --name NAME --driver DRIVER; see its --help for the drivers",
	"network.exists":        "Choose another --name.",
	"network.unreachable":   "See how it is set with: simurgh network list",
	"network.busy":          "Another process holds the network's file; try again.",
	"network.folder":        "Choose a folder that you may write, with --data or SIMURGH_DATA.",
	"invalid.network":       "See the networks with: simurgh network list",
	"invalid.amount":        "For example: 1.50",

	"sim.not_found":       "Search with: simurgh sims list --search TEXT",
	"sim.batch":           "Split the list.",
	"sims.refused":        "Nothing was changed: all or none. Leave out those SIMs, or lift what refuses them.",
	"job.not_found":       "See the jobs with: simurgh bulk list",
	"invalid.file":        "Start from: simurgh bulk template TYPE",
	"invalid.type":        "See the types with: simurgh bulk run --help",
	"task.not_found":      "See what waits with: simurgh tasks list",
	"task.over":           "See what waits with: simurgh tasks list",
	"import.strict":       "Correct the rows and import again, or leave out --strict to take the good ones.",
	"batch.encrypted":     "If the keys in the file are in the clear: --keys-are-plain",
	"batch.second_header": "Import the batches one by one.",
	"input.file":          "Check the path; - reads standard input.",

	"store.open":       "Check the address in --database or SIMURGH_DATABASE, and that the database runs.",
	"store.folder":     "Choose a folder that you may write, with --data or SIMURGH_DATA.",
	"store.disk":       "Check the disk's space and the folder's rights.",
	"store.damaged":    "Stop the servers and restore the newest backup.",
	"store.tally":      "Report this as a defect, with the output of: simurgh version",
	"invalid.database": "For example: --database postgres://simurgh@localhost/simurgh",
	"invalid.data":     "For example: --data ./data",
	"vault.file":       "Check the rights of the key file, or name another with --key-file or SIMURGH_KEY_FILE.",
	"serve.listen":     "For example: --http 127.0.0.1:8081",
	"demo.occupied":    "Choose an empty folder with --data, or leave it out for a fresh one.",
}

func (sh *shell) advice(err error) string { return nextSteps[fault.CodeOf(err)] }
