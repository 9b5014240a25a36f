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
	buffer [MaxPacket]byte
	size   int    // octets of the buffer that came
	out    []byte // the reply's octets; none is silence
	origin origin
	key    requestKey
}

// origin is where requests came from and their replies go. Nothing of a job may
// be kept.
type origin interface {
	answer(jobs []*job)
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
	apart  chan *job       // those that may take long; nil where none are told apart
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
		p.wg.Go(func() { p.work(p.queue, p.together) })
	}
	if s.Apart != nil {
		p.apart = make(chan *job, DefaultApart)
		for range DefaultApart {
			p.wg.Go(func() { p.work(p.apart, 1) })
		}
	}
	return p
}

// queueOf is where a job waits.
func (p *pool) queueOf(j *job) chan<- *job {
	if p.isApart(j) {
		return p.apart
	}
	return p.queue
}

func (p *pool) isApart(j *job) bool { return p.apart != nil && p.server.Apart(j.Packet) }

// hurry ends the handlers' context when the drain time is over.
func (p *pool) hurry() {
	timer := time.AfterFunc(p.drain, p.cancel)
	context.AfterFunc(p.ctx, func() { timer.Stop() })
}

// offer hands over a job; false when the queue is full.
func (p *pool) offer(j *job) bool {
	p.server.counters.waiting.Add(1)
	select {
	case p.queueOf(j) <- j:
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
	case p.queueOf(j) <- j:
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
	if p.apart != nil {
		close(p.apart)
	}
	if p.unhook() {
		p.hurry()
	}
	p.wg.Wait()
	p.cancel()
}

// work answers what is queued: one request after the other, or, where the server
// has a Batch, with each also what has come meanwhile.
func (p *pool) work(queue <-chan *job, together int) {
	jobs := make([]*job, 0, together)
	for j := range queue {
		jobs = fill(queue, append(jobs[:0], j), together)
		p.server.counters.waiting.Add(int64(-len(jobs)))
		p.serve(jobs)
		for _, j := range jobs {
			j.free()
		}
	}
}

// fill adds what waits.
func fill(queue <-chan *job, jobs []*job, most int) []*job {
	for len(jobs) < most {
		select {
		case j, ok := <-queue:
			if !ok {
				return jobs
			}
			jobs = append(jobs, j)
		default:
			return jobs
		}
	}
	return jobs
}

// serve answers requests, of which those of one origin lie side by side more
// often than not.
func (p *pool) serve(jobs []*job) {
	p.server.counters.handled.Add(uint64(len(jobs)))
	for i, reply := range p.handle(jobs) {
		p.encode(jobs[i], reply)
	}
	for len(jobs) > 0 {
		n := 1
		for n < len(jobs) && jobs[n].origin == jobs[0].origin {
			n++
		}
		jobs[0].origin.answer(jobs[:n])
		jobs = jobs[n:]
	}
}

// encode writes and signs a reply.
func (p *pool) encode(j *job, reply *Packet) {
	c := &p.server.counters
	if reply == nil {
		c.silent.Add(1)
		return
	}
	out, err := reply.AppendReply(j.out[:0], j.Packet, j.Client.Secret)
	if err != nil {
		c.unsent.Add(1)
		p.log.Error("radius: reply not sent", "client", j.Client.Name, "remote", j.Remote, "error", err)
		out = out[:0]
	}
	j.out = out
}

// handle returns the replies, in the order of the requests.
func (p *pool) handle(jobs []*job) []*Packet {
	replies := make([]*Packet, len(jobs))
	if len(jobs) == 1 {
		replies[0] = p.alone(jobs[0])
		return replies
	}
	asked, at := make([]*Request, 0, len(jobs)), make([]int, 0, len(jobs))
	for i, j := range jobs {
		if j.Packet.Code == StatusServer {
			replies[i] = p.server.status()
		} else {
			asked, at = append(asked, &j.Request), append(at, i)
		}
	}
	got, ok := p.batch(asked)
	for i, n := range at {
		if ok {
			replies[n] = got[i]
		} else {
			replies[n] = p.alone(jobs[n])
		}
	}
	return replies
}

// batch asks for several replies at once. It is false when the handler panicked:
// then it is asked for each alone, so that only the one is silent that it
// panicked for.
func (p *pool) batch(asked []*Request) (replies []*Packet, ok bool) {
	defer func() {
		if recover() != nil {
			replies, ok = nil, false
		}
	}()
	replies = p.server.Batch(p.ctx, asked)
	return replies, len(replies) == len(asked)
}

// alone asks for one reply; a panic is logged, without the packet, and silent.
func (p *pool) alone(j *job) (reply *Packet) {
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
	if p.server.Batch != nil && !p.isApart(j) {
		return p.server.Batch(p.ctx, []*Request{&j.Request})[0]
	}
	return p.server.Handler(p.ctx, &j.Request)
}
