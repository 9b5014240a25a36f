package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/simurgh-iot/simurgh/internal/app"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/store"
)

type dbCmd struct {
	Migrate dbMigrate `cmd:"" help:"Bring the schema up to date; every other command does so, too."`
	Check   dbCheck   `cmd:"" help:"Look for damage, and for counters that differ from what they count."`
}

// database opens the database without changing it.
func (sh *shell) database(ctx context.Context, do func(*store.DB) error) error {
	o := store.Options{URL: sh.Database, Log: sh.log(slog.LevelWarn)}
	if o.URL == "" {
		var err error
		if o.Dir, err = sh.folder(); err != nil {
			return err
		}
	}
	db, err := store.OpenAsIs(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(do(db), db.Close())
}

type dbMigrate struct{}

// Help is the detail of the manual.
func (dbMigrate) Help() string { return example("simurgh db migrate") }

func (c *dbMigrate) Run(ctx context.Context, sh *shell) error {
	return sh.database(ctx, func(db *store.DB) error {
		before, _, err := db.Version(ctx)
		if err != nil {
			return err
		}
		if err := db.Migrate(ctx); err != nil {
			return err
		}
		now, _, err := db.Version(ctx)
		if err != nil {
			return err
		}
		words := fmt.Sprintf("brought from version %d to %d", before, now)
		if before == now {
			words = fmt.Sprintf("up to date at version %d", now)
		}
		return sh.say(map[string]any{"engine": db.EngineName(), "from": before, "version": now}, "The %s schema is %s.", db.EngineName(), words)
	})
}

type dbCheck struct{}

// Help is the detail of the manual.
func (dbCheck) Help() string { return example("simurgh db check") }

func (c *dbCheck) Run(ctx context.Context, sh *shell) error {
	return sh.database(ctx, func(db *store.DB) error {
		have, newest, err := db.Version(ctx)
		if err != nil {
			return err
		}
		if have != newest {
			return fault.New(fault.Precondition, "store.version", "the schema is at version %d, this program needs %d; run: simurgh db migrate", have, newest)
		}
		if err := db.Check(ctx); err != nil {
			return err
		}
		return sh.say(map[string]any{"engine": db.EngineName(), "version": have, "ok": true}, "The %s database is sound, at schema version %d.", db.EngineName(), have)
	})
}

type versionCmd struct{}

// Help is the detail of the manual.
func (versionCmd) Help() string { return example("simurgh version") }

type buildView struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Date     string `json:"date"`
	Modified bool   `json:"modified"` // built from a tree with changes that are in no commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func (c *versionCmd) Run(sh *shell) error {
	b := buildView{Version: app.Version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				b.Commit = s.Value
			case "vcs.time":
				b.Date = s.Value
			case "vcs.modified":
				b.Modified = s.Value == "true"
			}
		}
	}
	words := strings.Fields(strings.Join([]string{"simurgh", b.Version, b.Commit, b.Date, yes(b.Modified, "modified"), b.Go, b.Platform}, " "))
	return sh.say(b, "%s", strings.Join(words, " "))
}
