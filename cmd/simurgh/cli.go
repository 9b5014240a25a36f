package main

import (
	"context"
	"errors"
	"os"
	"slices"
	"strconv"

	"github.com/alecthomas/kong"

	"github.com/simurgh-iot/simurgh/internal/app"
)

// cli is the command line: flags, environment and manual in one.
type cli struct {
	globals

	Serve serveCmd `cmd:"" group:"Run" help:"Run the server: the APIs, the workers that tell the networks, health and metrics."`
	Demo  demoCmd  `cmd:"" group:"Run" help:"Fill a platform with accounts, packages and 1,000 SIMs in every state, and serve it."`

	Portfolio      portfolioCmd      `cmd:"" group:"Set up" help:"Accounts: a tree of operators, resellers and customers."`
	Portal         portalCmd         `cmd:"" group:"Set up" help:"Sites above accounts, and which accounts are in them."`
	Package        packageCmd        `cmd:"" group:"Set up" help:"Tariffs, and which accounts they are offered to."`
	User           userCmd           `cmd:"" group:"Set up" help:"People who sign in."`
	ServiceAccount serviceAccountCmd `cmd:"" group:"Set up" help:"Programs that call the SIM API."`
	APIUser        apiUserCmd        `cmd:"" name:"api-user" group:"Set up" help:"Programs that call the Terminal API."`
	AlertRule      alertRuleCmd      `cmd:"" name:"alert-rule" group:"Set up" help:"What accounts are alerted about."`
	NAS            nasCmd            `cmd:"" name:"nas" group:"Set up" help:"Gateways that may speak RADIUS to the server."`
	Network        networkCmd        `cmd:"" group:"Set up" help:"Networks that SIMs live on."`
	Profile        profileCmd        `cmd:"" group:"Set up" help:"eSIM profiles that accounts may download."`

	SIMs       simsCmd       `cmd:"" name:"sims" group:"Operate" help:"Import, find, explain, export and command SIMs."`
	Bulk       bulkCmd       `cmd:"" group:"Operate" help:"Change many SIMs from a file, in the background."`
	Tasks      tasksCmd      `cmd:"" group:"Operate" help:"What waits for a person: approve or reject it."`
	Operations operationsCmd `cmd:"" group:"Operate" help:"What was asked of SIMs, and what became of it."`
	SetAside   setAsideCmd   `cmd:"" name:"set-aside" group:"Operate" help:"Gateways' reports that could not be counted."`
	Reconcile  reconcileCmd  `cmd:"" group:"Operate" help:"Read a network back and show, or repair, what differs."`

	DB      dbCmd      `cmd:"" name:"db" group:"Maintain" help:"The database: schema and integrity."`
	Version versionCmd `cmd:"" group:"Maintain" help:"Print which build this is."`
}

const manual = `Self-hosted connectivity management for IoT SIMs.

Every flag can be set in the environment, under the name in brackets. Commands work while servers run. ` +
	`Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 partly done.`

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitPartly = 3
)

// errPartly ends a command that has printed what it left undone.
var errPartly = errors.New("partly done")

// errShown ends a command that failed and has said so.
var errShown = errors.New("failed")

func run(ctx context.Context, args []string) int {
	var c cli
	sh := &shell{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	parser, err := kong.New(&c, kong.Name("simurgh"), kong.Description(manual), kong.DefaultEnvars("SIMURGH"), kong.Vars{"quarantine": strconv.Itoa(app.QuarantineDays), "drivers": driverNames(), "controls": controlNames()},
		kong.Writers(sh.stdout, sh.stderr), kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 120}))
	if err != nil {
		panic(err) // the struct above is wrong
	}
	k, err := parser.Parse(args)
	if err != nil {
		sh.JSON = wantsJSON(args)
		return sh.usage(err)
	}
	sh.globals, sh.flags = c.globals, k.Flags()
	k.BindTo(ctx, (*context.Context)(nil))
	err = k.Run(sh)
	if sh.lines != nil {
		sh.lines.flush()
	}
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, errPartly):
		return exitPartly
	case errors.Is(err, errShown):
		return exitFailed
	}
	return sh.fail(err)
}

// wantsJSON finds out how to report arguments that could not be parsed.
func wantsJSON(args []string) bool {
	env, _ := strconv.ParseBool(os.Getenv("SIMURGH_JSON"))
	return env || slices.Contains(args, "--json")
}
