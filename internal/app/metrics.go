package app

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/simurgh-iot/simurgh/internal/edge/httpx"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// metrics are what a server counts. Every label takes its values from a closed
// list, or from the networks that the operator has set up.
type metrics struct {
	registry *prometheus.Registry

	requests *prometheus.CounterVec   // edge, route, status: its class
	turned   *prometheus.CounterVec   // edge, problem
	answers  *prometheus.HistogramVec // edge, route

	told    *prometheus.CounterVec   // network, outcome: SIMs
	batches *prometheus.CounterVec   // network
	took    *prometheus.HistogramVec // network

	wrote *prometheus.HistogramVec // lane
	begun *prometheus.CounterVec   // verb, via
	ended *prometheus.CounterVec   // progress

	turns    *prometheus.CounterVec   // kind, outcome
	turnTook *prometheus.HistogramVec // kind
	gateways *gatewayMetrics

	drifted  *prometheus.CounterVec // network
	unknown  *prometheus.GaugeVec   // network
	readBack *prometheus.GaugeVec   // network

	answering  *prometheus.GaugeVec // network
	answerTime *prometheus.GaugeVec // network
	conditions *prometheus.GaugeVec // network
}

func newMetrics() *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		c := prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "simurgh", Name: name, Help: help}, labels)
		m.registry.MustRegister(c)
		return c
	}
	gauge := func(name, help string, labels ...string) *prometheus.GaugeVec {
		g := prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "simurgh", Name: name, Help: help}, labels)
		m.registry.MustRegister(g)
		return g
	}
	seconds := func(name, help string, labels ...string) *prometheus.HistogramVec {
		h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: "simurgh", Name: name, Help: help,
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}}, labels)
		m.registry.MustRegister(h)
		return h
	}
	m.requests = counter("http_requests_total", "Requests answered, by class of status.", "edge", "route", "status")
	m.turned = counter("http_refused_total", "Requests that did not get as far as their edge.", "edge", "problem")
	m.answers = seconds("http_request_seconds", "Time to answer a request.", "edge", "route")
	m.told = counter("sync_sims_total", "SIMs told to a network, by what it answered.", "network", "outcome")
	m.batches = counter("sync_batches_total", "Batches told to a network.", "network")
	m.took = seconds("sync_batch_seconds", "Time that a network took for a batch.", "network")
	m.wrote = seconds("store_write_seconds", "Time from asking for a transaction to its commit, the wait for others included.", "lane")
	m.begun = counter("operations_begun_total", "Commands accepted, one per SIM.", "verb", "via")
	m.ended = counter("operations_ended_total", "Answers to commands, one per SIM.", "progress")
	m.turns = counter("job_turns_total", "Turns of jobs: a long job has many.", "kind", "outcome")
	m.turnTook = seconds("job_turn_seconds", "Time that a turn of a job took.", "kind")
	m.gateways = newGatewayMetrics(counter, seconds)
	m.drifted = counter("reconcile_drifted_total", "SIMs that a network had otherwise than it agreed.", "network")
	m.unknown = gauge("reconcile_unknown", "Subscribers of a network that no SIM stands for.", "network")
	m.readBack = gauge("reconcile_last_timestamp_seconds", "When this server last read a network back.", "network")
	m.answering = gauge("network_up", "1 when the network answered as it was last looked at.", "network")
	m.answerTime = gauge("network_answer_seconds", "How long it took to answer then.", "network")
	m.conditions = gauge("network_conditions", "What on the network is not set up as it should be; simurgh network check says what.", "network")
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Observe counts one request. It implements httpx.Observer.
func (m *metrics) Observe(s httpx.Sample) {
	m.requests.WithLabelValues(s.Edge, s.Route, s.Class).Inc()
	m.answers.WithLabelValues(s.Edge, s.Route).Observe(s.Took.Seconds())
	if s.Problem != 0 {
		m.turned.WithLabelValues(s.Edge, s.Problem.String()).Inc()
	}
}

// Batch counts one batch of a network. It implements sync.Observer.
func (m *metrics) Batch(network string, agreed, refused, failed int, took time.Duration) {
	m.batches.WithLabelValues(network).Inc()
	m.took.WithLabelValues(network).Observe(took.Seconds())
	m.told.WithLabelValues(network, "agreed").Add(float64(agreed))
	m.told.WithLabelValues(network, "refused").Add(float64(refused))
	m.told.WithLabelValues(network, "failed").Add(float64(failed))
}

// looked notes what was seen of a network.
func (m *metrics) looked(network string, seen *Look) {
	up := 1.0
	if seen.Err != nil {
		up = 0
	}
	m.answering.WithLabelValues(network).Set(up)
	m.answerTime.WithLabelValues(network).Set(seen.Took.Seconds())
	m.conditions.WithLabelValues(network).Set(float64(len(seen.Report.Conditions)))
}

// forget drops what was seen of a network that is removed.
func (m *metrics) forget(network string) {
	for _, g := range []*prometheus.GaugeVec{m.answering, m.answerTime, m.conditions, m.unknown, m.readBack} {
		g.DeleteLabelValues(network)
	}
}

// operated counts what a transaction did.
func (m *metrics) operated(seen *tally) {
	type command struct {
		verb sim.Verb
		via  string
	}
	begun, ended := map[command]int{}, map[sim.Progress]int{}
	for i := range seen.begun {
		begun[command{seen.begun[i].Verb, seen.begun[i].Via}]++
	}
	for i := range seen.ended {
		ended[seen.ended[i].Progress]++
	}
	for c, n := range begun {
		m.begun.WithLabelValues(c.verb.String(), c.via).Add(float64(n))
	}
	for p, n := range ended {
		m.ended.WithLabelValues(p.String()).Add(float64(n))
	}
}

// gauges reads from the database what is gauged there, when it is asked for.
type gauges struct {
	a                        *App
	waiting, failing, oldest *prometheus.Desc
	sims, jobs, up, gateways *prometheus.Desc
	kept, keptOldest         *prometheus.Desc
}

// gaugeTime bounds how long a scrape waits for the database.
const gaugeTime = 5 * time.Second

func newGauges(a *App) *gauges {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("simurgh_"+name, help, labels, nil)
	}
	return &gauges{a: a,
		waiting:    desc("sync_queue_depth", "SIMs that wait for a network.", "network"),
		failing:    desc("sync_queue_failing", "SIMs among them that were tried without success.", "network"),
		oldest:     desc("sync_queue_oldest_seconds", "For how long the SIM that is due first has been due.", "network"),
		sims:       desc("sims", "SIMs by status.", "status"),
		jobs:       desc("jobs", "Jobs that wait or run.", "kind", "state"),
		up:         desc("database_up", "1 when the database answers."),
		gateways:   desc("radius_waiting", "Requests of gateways that wait for the database, by what for.", "what"),
		kept:       desc("radius_journal_reports", "Durable reports of all nodes that wait to be counted."),
		keptOldest: desc("radius_journal_oldest_seconds", "For how long the oldest of them has waited."),
	}
}

// Describe implements prometheus.Collector.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{g.waiting, g.failing, g.oldest, g.sims, g.jobs, g.up, g.gateways, g.kept, g.keptOldest} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), gaugeTime)
	defer cancel()
	set := func(d *prometheus.Desc, v float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	for what, n := range g.a.metrics.gateways.waiting() {
		set(g.gateways, float64(n), what)
	}
	queues, err1 := g.a.Fleet.QueueDepths(ctx)
	tallies, err2 := g.a.Fleet.Tallies(ctx, self("metrics"))
	networks, err3 := g.a.Fleet.Networks(ctx, self("metrics"))
	jobs, err4 := g.a.Fleet.JobDepths(ctx)
	kept, err5 := g.a.Fleet.Backlog(ctx)
	if errors.Join(err1, err2, err3, err4, err5) != nil {
		set(g.up, 0)
		return
	}
	set(g.up, 1)
	set(g.kept, float64(kept.Reports))
	set(g.keptOldest, due(kept.Oldest))
	depth := map[string]sim.QueueDepth{}
	for _, q := range queues {
		depth[q.Network] = q
	}
	for _, n := range networks {
		q := depth[n.Name]
		set(g.waiting, float64(q.Waiting), n.Name)
		set(g.failing, float64(q.Failing), n.Name)
		set(g.oldest, due(q.Oldest), n.Name)
	}
	for _, d := range jobs {
		set(g.jobs, float64(d.Count), d.Kind, d.State.String())
	}
	count := map[sim.Status]int64{}
	for _, t := range tallies {
		count[t.Status] += t.Count
	}
	for _, s := range sim.Statuses() {
		set(g.sims, float64(count[s]), s.String())
	}
}

// due returns for how many seconds something has been due; 0 for not yet.
func due(since time.Time) float64 {
	if since.IsZero() {
		return 0
	}
	return max(0, time.Since(since).Seconds())
}
