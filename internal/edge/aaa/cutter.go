package aaa

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// cutter has sessions cut: it claims them, tells their gateways with
// Disconnect-Requests (RFC 5176), and records the proof. With CoA-Requests it has
// gateways that take them report of a session more or less often.
type cutter struct {
	fleet    Fleet
	gateways *gateways
	links    *links
	observer Observer
	log      *slog.Logger
	now      func() time.Time
	woken    <-chan struct{}
	poll     time.Duration
	most     int
	sender   *radius.Sender
	trouble  trouble
}

// The pauses of a cut that does not succeed. A day after it was asked for it is
// given up: the session is then stale, or its gateway is gone.
const (
	cutLease   = time.Minute // more than a Disconnect-Request takes
	cutAgain   = 5 * time.Second
	cutLongest = 15 * time.Minute
	cutGiveUp  = 24 * time.Hour
	cutRecord  = 10 * time.Second // for the outcomes of what was under way when the server stops
)

func newCutter(o *Options, g *gateways, l *links) *cutter {
	return &cutter{fleet: o.Fleet, gateways: g, links: l, observer: o.Observer, log: o.Log, now: o.Now, woken: o.Woken, poll: o.Poll, most: o.Cuts,
		sender: &radius.Sender{Retry: o.Retry}, trouble: trouble{log: o.Log, what: "sessions to cut cannot be claimed or recorded"}}
}

// run works until ctx ends; what is under way then is handed back.
func (c *cutter) run(ctx context.Context) {
	defer func() { _ = c.sender.Close() }()
	done := make(chan usage.CutAnswer, c.most)
	taken := make(chan struct{}, c.most)
	var work, record sync.WaitGroup
	record.Go(func() { c.record(ctx, done) })
	for c.wait(ctx, taken) {
		n := c.claim(ctx, c.most-len(taken), func(cut usage.Cut) {
			taken <- struct{}{}
			work.Go(func() {
				done <- c.cut(ctx, cut)
				<-taken
			})
		})
		if n == 0 {
			c.rest(ctx)
		}
	}
	work.Wait()
	close(done)
	record.Wait()
}

// wait waits for a free place; false when ctx ends.
func (c *cutter) wait(ctx context.Context, taken chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case taken <- struct{}{}:
		<-taken
		return ctx.Err() == nil
	}
}

// rest waits until somebody rings, or for a while.
func (c *cutter) rest(ctx context.Context) {
	poll := time.NewTimer(c.poll)
	defer poll.Stop()
	select {
	case <-ctx.Done():
	case <-c.woken:
	case <-poll.C:
	}
}

// claim starts up to n cuts and returns how many.
func (c *cutter) claim(ctx context.Context, n int, start func(usage.Cut)) int {
	cuts, err := c.fleet.ClaimCuts(ctx, c.links.node, n, cutLease)
	if ctx.Err() != nil {
		return 0
	}
	c.trouble.met(err)
	for _, cut := range cuts {
		start(cut)
	}
	return len(cuts)
}

// record stores outcomes, those that came while the last were stored together.
// One that cannot be stored comes back when its lease is over.
func (c *cutter) record(ctx context.Context, done <-chan usage.CutAnswer) {
	for first := range done {
		batch := []usage.CutAnswer{first}
		for more := true; more && len(batch) < c.most; {
			select {
			case next, ok := <-done:
				if more = ok; ok {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutRecord)
		c.trouble.met(c.fleet.CutDone(storing, batch))
		cancel()
	}
}

// cut tries once to have a session cut.
func (c *cutter) cut(ctx context.Context, cut usage.Cut) usage.CutAnswer {
	if node := c.handOver(ctx, &cut); node != "" {
		return usage.CutAnswer{Cut: cut, Node: node, RetryAt: c.now()}
	}
	answer := usage.CutAnswer{Cut: cut, Outcome: c.tell(ctx, &cut)}
	if answer.Outcome == "" && ctx.Err() == nil && c.now().Sub(cut.AskedAt) >= cutGiveUp {
		answer.Outcome = usage.CutGivenUp
		c.log.Warn("an order about a session is given up", "order", cut.Reason, "session", cut.Session.Key.ID, "gateway", cut.Session.Key.NAS,
			"asked", cut.AskedAt, "attempts", cut.Attempts+1)
	}
	if answer.Outcome != "" {
		c.observer.Cut(outcomeOf(&cut, string(answer.Outcome)), c.now().Sub(cut.AskedAt))
		return answer
	}
	answer.RetryAt = c.now()
	if ctx.Err() == nil {
		c.observer.Cut(outcomeOf(&cut, Retried), c.now().Sub(cut.AskedAt))
		answer.RetryAt = answer.RetryAt.Add(pause(cut.Attempts))
	}
	return answer
}

// outcomeOf tells what became of a session that goes on from what became of one
// that was to end.
func outcomeOf(cut *usage.Cut, outcome string) string {
	if cut.Interim == 0 {
		return outcome
	}
	outcome, _, _ = strings.Cut(outcome, ":") // the cause is the gateway's to choose
	return "coa " + outcome
}

// pause doubles with every attempt; each is up to a fifth shorter at random, so
// that a gateway that comes back is not asked for everything at once.
func pause(attempts int) time.Duration {
	d := min(cutAgain<<min(attempts, 16), cutLongest)
	return d - time.Duration(rand.Int64N(int64(d)/5))
}

// gateway finds who has a session.
func (c *cutter) gateway(s *usage.Session) *usage.NAS {
	if !s.Last.Where.IsValid() {
		return nil
	}
	return c.gateways.list.Load().at(s.Last.Where.Addr())
}

// handOver returns another node that a cut is to be left to, because the gateway
// is connected to it and not to this one. It is left to another once.
func (c *cutter) handOver(ctx context.Context, cut *usage.Cut) string {
	gateway := c.gateway(&cut.Session)
	if gateway == nil || cut.Node != "" || c.links.has(gateway.Name) {
		return ""
	}
	return c.links.at(ctx, gateway.Name)
}

// tell sends the order, over the gateway's own connection where it
// has one, else to its address, and reads the proof out of the answer; empty
// when there is none.
func (c *cutter) tell(ctx context.Context, cut *usage.Cut) usage.CutOutcome {
	s := &cut.Session
	gateway := c.gateway(s)
	switch {
	case gateway == nil:
		return usage.CutNoWay
	case cut.Interim > 0 && !gateway.CoA:
		return usage.CutUnasked
	}
	request := c.request(cut)
	reply := c.links.exchange(ctx, gateway.Name, request)
	if reply == nil {
		to := s.Last.Where
		if to.Port() == 0 {
			return "" // it will have a connection again, or listen to the one that it has
		}
		var err error
		if reply, err = c.sender.Exchange(ctx, radius.Peer{Addr: to, Secret: gateway.Secret}, request); err != nil {
			if ctx.Err() == nil && !errors.Is(err, radius.ErrNoReply) {
				c.log.Warn("an order cannot be sent", "order", request.Code.String(), "gateway", gateway.Name, "error", err)
			}
			return ""
		}
	}
	return c.proof(gateway, cut, reply)
}

// proof reads an answer; empty for one that may be another one later.
func (c *cutter) proof(gateway *usage.NAS, cut *usage.Cut, reply *radius.Packet) usage.CutOutcome {
	if reply.Code == radius.DisconnectACK || reply.Code == radius.CoAACK {
		return usage.CutAck
	}
	cause, _ := radius.ErrorCause.Get(reply)
	if cause == radius.CauseSessionNotFound {
		return usage.CutGone
	}
	if cut.Interim > 0 && !passes(cause) {
		c.log.Warn("a gateway refuses a CoA-Request; the session goes on as it did", "gateway", gateway.Name, "session", cut.Session.Key.ID,
			"order", cut.Reason, "cause", cause.String())
		return usage.CutRefused + usage.CutOutcome(": "+cause.String())
	}
	c.log.Warn("a gateway does not carry out an order; trying again", "gateway", gateway.Name, "session", cut.Session.Key.ID, "cause", cause.String())
	return ""
}

// passes reports whether a gateway that has named this cause may do what was
// asked later on: what it cannot read, does not do, or is not allowed (RFC 5176
// section 3.5), it will not.
func passes(c radius.Cause) bool {
	return c == radius.CauseNotRoutable || c == radius.CauseProxyError || c == radius.CauseResources || c == radius.CauseRequestInitiated
}

// request names the session as its gateway did (RFC 5176 section 3, 3GPP TS
// 29.061 section 16.3.2). Equipment that is strict about Message-Authenticator
// asks for it here, too.
func (c *cutter) request(cut *usage.Cut) *radius.Packet {
	s, p := &cut.Session, radius.New(radius.DisconnectRequest)
	if cut.Interim > 0 {
		p = radius.New(radius.CoARequest)
		radius.AcctInterimInterval.Add(p, uint32(cut.Interim/time.Second))
	} else {
		radius.TeardownIndicator.Add(p, 1)
	}
	radius.MessageAuthenticator.Add(p, [16]byte{})
	if addr, err := netip.ParseAddr(s.Key.NAS); err != nil {
		radius.NASIdentifier.Add(p, s.Key.NAS)
	} else if addr.Is4() {
		radius.NASIPAddress.Add(p, addr)
	} else {
		radius.NASIPv6Address.Add(p, addr)
	}
	radius.AcctSessionID.Add(p, s.Key.ID)
	if s.Last.IMSI != "" {
		radius.IMSI.Add(p, string(s.Last.IMSI))
	}
	if s.Last.IP.Is4() {
		radius.FramedIPAddress.Add(p, s.Last.IP)
	} else if s.Last.IP.Is6() {
		radius.FramedIPv6Prefix.Add(p, netip.PrefixFrom(s.Last.IP, 64).Masked())
	}
	radius.EventTimestamp.Add(p, c.now())
	return p
}
