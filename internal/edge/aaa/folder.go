package aaa

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// folders are one for each share of what is kept.
type folders []*folder

func newFolders(o *Options) folders {
	all := make(folders, o.Fleet.Shares())
	for i := range all {
		all[i] = newFolder(o, i)
	}
	return all
}

// run counts until the folders are closed.
func (all folders) run(ctx context.Context) {
	var work sync.WaitGroup
	for _, f := range all {
		work.Go(func() { f.run(ctx) })
	}
	work.Wait()
}

// wake says that something was kept. It never blocks.
func (all folders) wake() {
	for _, f := range all {
		f.wake()
	}
}

// close lets run return once all is counted. What cannot be counted now is after
// the next start.
func (all folders) close() {
	for _, f := range all {
		f.once.Do(func() { close(f.over) })
	}
}

// folder has counted what was kept of a share, as soon as it is kept.
type folder struct {
	count   func(context.Context) (fleet.Folded, error)
	saw     Observer
	log     *slog.Logger
	trouble trouble
	bell    chan struct{} // there is something
	over    chan struct{} // nothing more will come
	once    sync.Once
}

// Pauses of the folder. The more reports are counted together, the less each
// costs: so where they come fast some are let come together. What other nodes have
// left behind is looked for now and then, and what failed is tried again.
const (
	fast       = 32 // reports since the last time
	gatherTime = 50 * time.Millisecond
	lookPause  = time.Second
	failPause  = 100 * time.Millisecond
)

func newFolder(o *Options, share int) *folder {
	count := func(ctx context.Context) (fleet.Folded, error) { return o.Fleet.FoldShare(ctx, share) }
	return &folder{count: count, saw: o.Observer, log: o.Log, bell: make(chan struct{}, 1), over: make(chan struct{}),
		trouble: trouble{log: o.Log, what: "what gateways have reported is kept, but cannot be counted; trying again"}}
}

func (f *folder) wake() {
	select {
	case f.bell <- struct{}{}:
	default:
	}
}

func (f *folder) run(ctx context.Context) {
	look := time.NewTicker(lookPause)
	defer look.Stop()
	for open := true; open; {
		select {
		case <-f.over:
			open = false
		case <-f.bell:
		case <-look.C:
		}
		if err := f.all(ctx); err != nil {
			f.pause(failPause)
			f.wake()
		}
	}
}

// all counts until little comes.
func (f *folder) all(ctx context.Context) error {
	for {
		begun := time.Now()
		done, err := f.count(ctx)
		if err != nil || done.Reports > 0 {
			f.saw.Folded(done, time.Since(begun), err)
		}
		if f.trouble.met(err); err != nil {
			return err
		}
		if done.SetAside > 0 {
			f.log.Error("reports of gateways cannot be counted, and were set aside in the table set_aside, each with the reason", "reports", done.SetAside)
		}
		if done.More {
			continue
		}
		if done.Reports < fast {
			return nil
		}
		f.pause(gatherTime)
	}
}

// pause waits, unless the folder is closed.
func (f *folder) pause(d time.Duration) {
	select {
	case <-f.over:
	case <-time.After(d):
	}
}
