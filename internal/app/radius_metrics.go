package app

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/simurgh-iot/simurgh/internal/edge/aaa"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// gatewayMetrics are what the RADIUS edge counts. It implements aaa.Observer.
type gatewayMetrics struct {
	access      *prometheus.CounterVec // result
	answered    *prometheus.HistogramVec
	accounting  *prometheus.CounterVec   // step, result
	reports     *prometheus.CounterVec   // outcome
	commits     *prometheus.HistogramVec // of accounting
	folds       *prometheus.HistogramVec // of what was committed
	foldsFailed *prometheus.CounterVec
	dropped     *prometheus.CounterVec // port, kind
	unrecorded  *prometheus.CounterVec
	cuts        *prometheus.CounterVec   // outcome
	cutTook     *prometheus.HistogramVec // from the order to the proof

	mu     sync.Mutex
	server *aaa.Server
}

type (
	newCounter func(name, help string, labels ...string) *prometheus.CounterVec
	newSeconds func(name, help string, labels ...string) *prometheus.HistogramVec
)

func newGatewayMetrics(counter newCounter, seconds newSeconds) *gatewayMetrics {
	m := &gatewayMetrics{
		access:      counter("radius_access_total", "Questions of gateways, by the answer or why it was no.", "result"),
		answered:    seconds("radius_access_seconds", "Time to answer a question of a gateway."),
		accounting:  counter("radius_accounting_total", "Accounting messages, by what became of them.", "step", "result"),
		reports:     counter("radius_reports_total", "Reports of data sessions: taken, ignored (repetitions), unknown (no such SIM), set aside (cannot be counted), or failed (not answered).", "outcome"),
		commits:     seconds("radius_commit_seconds", "Time to make a group of accounting messages durable."),
		folds:       seconds("radius_fold_seconds", "Time to count a group of reports that are durable."),
		foldsFailed: counter("radius_folds_failed_total", "Tries to count durable reports that failed, and were made again."),
		dropped:     counter("radius_dropped_total", "Packets that were not looked at, by port and kind.", "port", "kind"),
		unrecorded:  counter("radius_unrecorded_total", "Answers to gateways that the timelines of their SIMs lack."),
		cuts:        counter("radius_cuts_total", "Tries to have a session cut, by outcome.", "outcome"),
		cutTook:     seconds("radius_cut_seconds", "Time from the order to cut a session to the proof."),
	}
	m.reports.WithLabelValues("set aside") // shown before the first
	m.foldsFailed.WithLabelValues()
	for _, port := range []string{aaa.PortAuth, aaa.PortAcct, aaa.PortRadSec} {
		for _, kind := range aaa.Drops() {
			m.dropped.WithLabelValues(port, kind) // shown before the first
		}
	}
	return m
}

// watch lets the gauges of waiting requests look at a server; nil for none.
func (m *gatewayMetrics) watch(s *aaa.Server) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.server = s
}

// waiting returns how many requests wait, by what for; nil without a server.
func (m *gatewayMetrics) waiting() map[string]int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.server == nil {
		return nil
	}
	questions, reports, records := m.server.Waiting()
	return map[string]int{"access": questions, "accounting": reports, "records": records}
}

// Access implements aaa.Observer.
func (m *gatewayMetrics) Access(result string, took time.Duration) {
	m.access.WithLabelValues(result).Inc()
	m.answered.WithLabelValues().Observe(took.Seconds())
}

// Accounting implements aaa.Observer.
func (m *gatewayMetrics) Accounting(step, result string) {
	m.accounting.WithLabelValues(step, result).Inc()
}

// Kept implements aaa.Observer.
func (m *gatewayMetrics) Kept(reports int, took time.Duration, err error) {
	m.commits.WithLabelValues().Observe(took.Seconds())
	if err != nil {
		m.reports.WithLabelValues("failed").Add(float64(reports))
	}
}

// Folded implements aaa.Observer.
func (m *gatewayMetrics) Folded(done fleet.Folded, took time.Duration, err error) {
	m.folds.WithLabelValues().Observe(took.Seconds())
	if err != nil {
		m.foldsFailed.WithLabelValues().Inc()
	}
	m.reports.WithLabelValues("taken").Add(float64(done.Taken))
	m.reports.WithLabelValues("ignored").Add(float64(done.Ignored))
	m.reports.WithLabelValues("unknown").Add(float64(done.Unknown))
	m.reports.WithLabelValues("set aside").Add(float64(done.SetAside))
}

// Dropped implements aaa.Observer.
func (m *gatewayMetrics) Dropped(port, kind string) { m.dropped.WithLabelValues(port, kind).Inc() }

// Unrecorded implements aaa.Observer.
func (m *gatewayMetrics) Unrecorded(n int) { m.unrecorded.WithLabelValues().Add(float64(n)) }

// Cut implements aaa.Observer.
func (m *gatewayMetrics) Cut(outcome string, since time.Duration) {
	m.cuts.WithLabelValues(outcome).Inc()
	if outcome != aaa.Retried {
		m.cutTook.WithLabelValues().Observe(since.Seconds())
	}
}
