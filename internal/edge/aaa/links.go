package aaa

import (
	"context"
	"crypto/rand"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// links are the connections over TLS that gateways have to this node, and the
// nodes that others have theirs to. Orders to a gateway go over its own
// connection where there is one.
type links struct {
	fleet   Fleet
	list    *gateways
	log     *slog.Logger
	now     func() time.Time
	node    string // this one, by a name that no other has
	answer  time.Duration
	refresh time.Duration
	changed chan struct{}
	trouble trouble
	waiting trouble

	mu   sync.Mutex
	open map[string][]*radius.Back // by gateway, oldest first
	back map[string]bool           // gateways that have a link again, whose orders wait
	deaf map[string]time.Time      // gateways that take no orders over their connections, until when

	elsewhere map[string]string // nodes by gateway, as they were read
	readAt    time.Time
	reading   sync.Mutex
}

const (
	linkLasts = time.Minute      // what a node that died said of its links
	linkDeaf  = 5 * time.Minute  // before a gateway that takes no orders over its link is tried again
	linkKnown = time.Second      // how old what is known of other nodes may be
	linkSaves = 20 * time.Second // between two words of this node
)

func newLinks(o *Options, g *gateways) *links {
	return &links{fleet: o.Fleet, list: g, log: o.Log, now: o.Now, node: rand.Text(), answer: o.Answer, refresh: linkSaves, changed: make(chan struct{}, 1),
		open: map[string][]*radius.Back{}, back: map[string]bool{}, deaf: map[string]time.Time{},
		trouble: trouble{log: o.Log, what: "the connections of gateways cannot be stored; other nodes do not know of them"},
		waiting: trouble{log: o.Log, what: "orders that wait for gateways that are connected again cannot be hurried; they are tried later"}}
}

// opened notes a connection of a gateway.
func (l *links) opened(c radius.Client, b *radius.Back) (ended func()) {
	l.mu.Lock()
	if len(l.open[c.Name]) == 0 {
		l.back[c.Name] = true
	}
	l.open[c.Name] = append(l.open[c.Name], b)
	l.mu.Unlock()
	l.change()
	return func() {
		l.mu.Lock()
		rest := slices.DeleteFunc(l.open[c.Name], func(o *radius.Back) bool { return o == b })
		if l.open[c.Name] = rest; len(rest) == 0 {
			delete(l.open, c.Name)
			delete(l.deaf, c.Name)
		}
		l.mu.Unlock()
		l.change()
	}
}

func (l *links) change() {
	select {
	case l.changed <- struct{}{}:
	default:
	}
}

// of returns the connections of a gateway that takes orders over them, newest
// first.
func (l *links) of(gateway string) []*radius.Back {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.now().Before(l.deaf[gateway]) {
		return nil
	}
	out := slices.Clone(l.open[gateway])
	slices.Reverse(out)
	return out
}

// has reports whether a gateway is connected to this node.
func (l *links) has(gateway string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open[gateway]) > 0
}

// exchange sends an order over the connections of a gateway, one after the other
// until one knows the session; nil when none answers. One that breaks leaves it
// to the next. A gateway that does not expect orders there is not asked again
// for a while.
func (l *links) exchange(ctx context.Context, gateway string, p *radius.Packet) *radius.Packet {
	var last *radius.Packet
	for _, b := range l.of(gateway) {
		waiting, cancel := context.WithTimeout(ctx, l.answer)
		reply, err := b.Exchange(waiting, p)
		silent := waiting.Err() != nil && ctx.Err() == nil
		cancel()
		if err != nil && !silent {
			continue
		}
		var cause radius.Cause
		if err == nil {
			cause, _ = radius.ErrorCause.Get(reply)
		}
		if silent || cause == radius.CauseUnsupportedExtension {
			l.ignores(gateway)
			return last
		}
		if last = reply; cause != radius.CauseSessionNotFound {
			return reply
		}
	}
	return last
}

func (l *links) ignores(gateway string) {
	l.mu.Lock()
	l.deaf[gateway] = l.now().Add(linkDeaf)
	l.mu.Unlock()
	l.log.Warn("a gateway takes no orders over its own connection; they go to its address", "gateway", gateway)
}

// at returns another node that a gateway is connected to; empty for none.
func (l *links) at(ctx context.Context, gateway string) string {
	l.reading.Lock()
	defer l.reading.Unlock()
	if now := l.now(); now.Sub(l.readAt) > linkKnown {
		all, err := l.fleet.GatewayLinks(ctx)
		if err != nil {
			return "" // then as if there were none
		}
		l.elsewhere, l.readAt = all, now
	}
	if node := l.elsewhere[gateway]; node != l.node {
		return node
	}
	return ""
}

// run tells the other nodes which gateways are connected here, and has the orders
// tried that wait for one that is connected again, until ctx ends.
func (l *links) run(ctx context.Context) {
	tick := time.NewTicker(l.refresh)
	defer tick.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			if told {
				last, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutRecord)
				l.trouble.met(l.fleet.SaveLinks(last, l.node, nil, 0))
				cancel()
			}
			return
		case <-l.changed:
		case <-tick.C:
		}
		l.mu.Lock()
		names := slices.Sorted(maps.Keys(l.open))
		l.mu.Unlock()
		if len(names) > 0 || told {
			err := l.fleet.SaveLinks(ctx, l.node, names, linkLasts)
			told = len(names) > 0 || err != nil
			l.trouble.met(err)
		}
		l.hurry(ctx)
	}
}

// hurry has the orders tried at once that wait for gateways that are back.
func (l *links) hurry(ctx context.Context) {
	l.mu.Lock()
	back := slices.Collect(maps.Keys(l.back))
	l.mu.Unlock()
	known := l.list.list.Load().name
	for _, name := range back {
		if n := known[name]; n != nil {
			hurried, err := l.fleet.HurryCuts(ctx, n.Prefix)
			if l.waiting.met(err); err != nil {
				return // until the next tick
			}
			if hurried > 0 {
				l.log.Info("a gateway is connected again; orders that waited for it are tried", "gateway", name, "orders", hurried)
			}
		}
		l.mu.Lock()
		delete(l.back, name)
		l.mu.Unlock()
	}
}
