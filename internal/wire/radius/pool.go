package radius

import (
	"context"
	"runtime/debug"
	"sync"
	"time"
)

// job is one request on its way through the server, with the memory it needs.
type job struct {
	Request
	packet Packet
	buffer [MaxPacket]byte // the request's octets
	out    []byte          // the reply's
	origin origin
	key    requestKey
}

// origin is where a request came from and its reply goes. A reply of nil is
// silence. Neither j nor reply may be kept.
type origin interface {
	answer(j *job, reply []byte)
}

var jobs = sync.Pool{New: func() any { return new(job) }}

func newJob() *job {
	j := jobs.Get().(*job)
	j.Packet = &j.packet
	return j
}

func (j *job) free() {
	j.origin, j.Client, j.Secure, j.out = nil, Client{}, false, j.out[:0]
	jobs.Put(j)
}

// pool is the workers of one server.
type pool struct {
	settings
	server *Server
	queue  chan *job
	ctx    context.Context // the handlers'
	cancel context.CancelFunc
	unhook func() bool // from the end of the context that start got
	wg     sync.WaitGroup
}

// start starts the workers. Their context has what ctx carries, and outlives
// it by the drain time.
func (s *Server) start(ctx context.Context) *pool {
	p := &pool{settings: s.withDefaults(), server: s}
	p.queue = make(chan *job, p.settings.queue)
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.unhook = context.AfterFunc(ctx, p.hurry)
	for range p.workers {
		p.wg.Go(p.work)
	}
	return p
}

// hurry ends the handlers' context when the drain time is over.
func (p *pool) hurry() {
	timer := time.AfterFunc(p.drain, p.cancel)
	context.AfterFunc(p.ctx, func() { timer.Stop() })
}

// offer hands over a job; false when the queue is full.
func (p *pool) offer(j *job) bool {
	p.server.counters.waiting.Add(1)
	select {
	case p.queue <- j:
		return true
	default:
		p.server.counters.waiting.Add(-1)
		return false
	}
}

// put hands over a job and waits for a place until ctx ends.
func (p *pool) put(ctx context.Context, j *job) bool {
	p.server.counters.waiting.Add(1)
	select {
	case p.queue <- j:
		return true
	case <-ctx.Done():
		p.server.counters.waiting.Add(-1)
		return false
	}
}

// stop answers what is queued and under way, and ends the workers. Nothing may
// be offered any more.
func (p *pool) stop() {
	close(p.queue)
	if p.unhook() {
		p.hurry()
	}
	p.wg.Wait()
	p.cancel()
}

func (p *pool) work() {
	for j := range p.queue {
		p.server.counters.waiting.Add(-1)
		p.serve(j)
		j.free()
	}
}

func (p *pool) serve(j *job) {
	c := &p.server.counters
	c.handled.Add(1)
	reply := p.handle(j)
	if reply == nil {
		c.silent.Add(1)
		j.origin.answer(j, nil)
		return
	}
	out, err := reply.AppendReply(j.out[:0], j.Packet, j.Client.Secret)
	j.out = out
	if err != nil {
		c.unsent.Add(1)
		p.log.Error("radius: reply not sent", "client", j.Client.Name, "remote", j.Remote, "error", err)
		j.origin.answer(j, nil)
		return
	}
	j.origin.answer(j, out)
}

// handle calls the handler; a panic is logged, without the packet, and silent.
func (p *pool) handle(j *job) (reply *Packet) {
	if j.Packet.Code == StatusServer {
		return p.server.status()
	}
	defer func() {
		if cause := recover(); cause != nil {
			p.server.counters.panics.Add(1)
			p.log.Error("radius: handler panicked", "client", j.Client.Name, "remote", j.Remote, "cause", cause, "stack", string(debug.Stack()))
			reply = nil
		}
	}()
	return p.server.Handler(p.ctx, &j.Request)
}
