package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// globals are the flags that every command takes.
type globals struct {
	Data      string `group:"Everywhere" type:"path" placeholder:"DIR" help:"Folder of the embedded database, the sealing key and what networks keep on this machine. Default: simurgh in $XDG_DATA_HOME or ~/.local/share."`
	Database  string `group:"Everywhere" placeholder:"URL" help:"PostgreSQL instead of the embedded database: postgres://user@host/name."`
	KeyFile   string `group:"Everywhere" type:"path" placeholder:"FILE" help:"Key that subscriber keys are sealed with; secret.key in the data folder. Every node of one database needs the same."`
	JSON      bool   `group:"Everywhere" name:"json" help:"Print one JSON document, and errors as one JSON object on standard error."`
	LogLevel  string `group:"Everywhere" enum:",debug,info,warn,error" default:"" placeholder:"LEVEL" help:"debug, info, warn or error. Default: info for servers, warn for other commands."`
	LogFormat string `group:"Everywhere" enum:"auto,text,json" default:"auto" help:"text, json, or auto: text on a terminal, JSON elsewhere."`
}

// shell is what commands work in: the flags of all, and the terminal.
type shell struct {
	globals
	stdin          *os.File
	stdout, stderr *os.File
	rules          fleet.Rules       // of a server
	ports          map[string]string // where gateways reach it
	flags          []*kong.Flag      // of the command, to name them in errors
	lines          *lines            // of the log; nil before there is one
}

// with opens the platform for do and closes it. A platform that is not there
// is made, empty.
func (sh *shell) with(ctx context.Context, do func(*app.App) error) error {
	a, err := sh.open(ctx, slog.LevelWarn)
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

// open opens the platform and says where a new key was made.
func (sh *shell) open(ctx context.Context, level slog.Level) (*app.App, error) {
	data, err := sh.folder()
	if err != nil {
		return nil, err
	}
	a, err := app.Open(ctx, app.Config{Data: data, Database: sh.Database, KeyFile: sh.KeyFile, Log: sh.log(level), Rules: sh.rules})
	if err == nil && a.NewKey != "" && !sh.JSON {
		sh.note("A new sealing key was made: %s. Back it up, apart from the database: without it no subscriber key can be read.", a.NewKey)
	}
	return a, err
}

// folder returns the data folder.
func (sh *shell) folder() (string, error) {
	if sh.Data != "" {
		return sh.Data, nil
	}
	base := os.Getenv("XDG_DATA_HOME")
	if base == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fault.InvalidField("data", "is missing and there is no home folder; name a folder with --data or SIMURGH_DATA")
		}
		base = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(base, "simurgh"), nil
}

// log returns the log on standard error, at a level unless the operator chose.
func (sh *shell) log(level slog.Level) *slog.Logger {
	if sh.LogLevel != "" {
		_ = level.UnmarshalText([]byte(sh.LogLevel)) // one of the enum
	}
	o := &slog.HandlerOptions{Level: level}
	if sh.lines == nil {
		sh.lines = newLines(sh.stderr)
	}
	if sh.LogFormat == "text" || sh.LogFormat == "auto" && isTerminal(sh.stderr) {
		return slog.New(slog.NewTextHandler(sh.lines, o))
	}
	return slog.New(slog.NewJSONHandler(sh.lines, o))
}

// isTerminal reports whether a person sits behind f. The null device is a
// character device, too.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err != nil || !os.SameFile(info, null)
}

// request is how the operator's commands ask: as the operator, by the name of
// who sits at the keyboard.
func (sh *shell) request() fleet.Request {
	name := "cli"
	if u, err := user.Current(); err == nil && u.Username != "" {
		name = "cli/" + u.Username
	}
	return fleet.Request{Caller: tenant.Operator(name), Via: "cli", ID: rand.Text()[:12]}
}

// note tells a person something on standard error.
func (sh *shell) note(format string, args ...any) {
	_, _ = fmt.Fprintf(sh.stderr, format+"\n", args...)
}

// input opens a file that a command reads; "-" is standard input.
func (sh *shell) input(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(sh.stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fault.New(fault.Invalid, "input.file", "cannot read the file %s", name).Because(errors.Unwrap(err))
	}
	return f, nil
}

// words reads the arguments of a command, and where one is "-" the words of
// standard input in its place.
func (sh *shell) words(args []string) ([]string, error) {
	var out []string
	for _, a := range args {
		if a != "-" {
			out = append(out, a)
			continue
		}
		text, err := io.ReadAll(io.LimitReader(sh.stdin, 16<<20))
		if err != nil {
			return nil, err
		}
		out = append(out, strings.FieldsFunc(string(text), func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })...)
	}
	return out, nil
}
