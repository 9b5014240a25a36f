package aaa

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/simurgh-iot/simurgh/internal/usage"
	"github.com/simurgh-iot/simurgh/internal/wire/radius"
)

// cutter has sessions cut: it claims them, tells their gateways with
// Disconnect-Requests (RFC 5176), and records the proof.
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
	answer := usage.CutAnswer{Cut: cut, Outcome: c.tell(ctx, &cut.Session)}
	if answer.Outcome == "" && ctx.Err() == nil && c.now().Sub(cut.AskedAt) >= cutGiveUp {
		answer.Outcome = usage.CutGivenUp
		c.log.Warn("a session cannot be cut; it is given up", "session", cut.Session.Key.ID, "gateway", cut.Session.Key.NAS,
			"asked", cut.AskedAt, "attempts", cut.Attempts+1)
	}
	if answer.Outcome != "" {
		c.observer.Cut(string(answer.Outcome), c.now().Sub(cut.AskedAt))
		return answer
	}
	answer.RetryAt = c.now()
	if ctx.Err() == nil {
		c.observer.Cut(Retried, c.now().Sub(cut.AskedAt))
		answer.RetryAt = answer.RetryAt.Add(pause(cut.Attempts))
	}
	return answer
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

// tell sends the Disconnect-Request, over the gateway's own connection where it
// has one, else to its address, and reads the proof out of the answer; empty
// when there is none.
func (c *cutter) tell(ctx context.Context, s *usage.Session) usage.CutOutcome {
	gateway := c.gateway(s)
	if gateway == nil {
		return usage.CutNoWay
	}
	request := c.request(s)
	reply := c.links.exchange(ctx, gateway.Name, request)
	if reply == nil {
		to := s.Last.Where
		if to.Port() == 0 {
			if c.links.has(gateway.Name) {
				return "" // it will have another connection, or listen to this one
			}
			return usage.CutNoWay
		}
		var err error
		if reply, err = c.sender.Exchange(ctx, radius.Peer{Addr: to, Secret: gateway.Secret}, request); err != nil {
			if ctx.Err() == nil && !errors.Is(err, radius.ErrNoReply) {
				c.log.Warn("a Disconnect-Request cannot be sent", "gateway", gateway.Name, "error", err)
			}
			return ""
		}
	}
	return c.proof(gateway, s, reply)
}

// proof reads an answer.
func (c *cutter) proof(gateway *usage.NAS, s *usage.Session, reply *radius.Packet) usage.CutOutcome {
	if reply.Code == radius.DisconnectACK {
		return usage.CutAck
	}
	cause, _ := radius.ErrorCause.Get(reply)
	if cause == radius.CauseSessionNotFound {
		return usage.CutGone
	}
	c.log.Warn("a gateway does not cut a session; trying again", "gateway", gateway.Name, "session", s.Key.ID, "cause", cause.String())
	return ""
}

// request names the session as its gateway did (RFC 5176 section 3, 3GPP TS
// 29.061 section 16.3.2). Equipment that is strict about Message-Authenticator
// asks for it here, too.
func (c *cutter) request(s *usage.Session) *radius.Packet {
	p := radius.New(radius.DisconnectRequest)
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
	radius.TeardownIndicator.Add(p, 1)
	return p
}
