package simapi

import (
	"net/url"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// values are query parameters that the contract's check has let through.
type values url.Values

// text returns a parameter; "" when it is missing.
func (q values) text(name string) string { return url.Values(q).Get(name) }

// id returns a number; nil when it is missing.
func (q values) id(name string) *int64 {
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// moment returns a time; the zero time when it is missing.
func (q values) moment(name string) (time.Time, error) {
	s := q.text(name)
	if s == "" {
		return time.Time{}, nil
	}
	return instant(name, s)
}

// Bounds of a page.
const (
	defaultPage = 50
	firstPage   = "0"
)

// pageSize returns how many items a page takes.
func (q values) pageSize() int {
	if n := q.id("pageSize"); n != nil {
		return int(*n)
	}
	return defaultPage
}

// pageToken returns the token of the page that is asked for.
func (q values) pageToken() string {
	if t := q.text("pageToken"); t != "" {
		return t
	}
	return firstPage
}

// duration is one of the contract's periods, and its step.
type duration struct{ whole, step time.Duration }

const day = 24 * time.Hour

var periods = map[string]duration{
	"hour": {time.Hour, time.Minute}, "4": {time.Hour, time.Minute},
	"day": {day, time.Hour}, "7": {day, time.Hour},
	"month": {31 * day, day}, "9": {31 * day, day},
}

// span returns the time that a period covers: from startTime on, or up to now.
// Its ends lie on whole steps.
func (q values) span(name, otherwise string, now time.Time) (from, to time.Time, d duration, err error) {
	word := q.text(name)
	if word == "" {
		word = otherwise
	}
	d = periods[word]
	start, err := q.moment("startTime")
	if err != nil {
		return from, to, d, err
	}
	if start.IsZero() {
		start = now.Truncate(d.step).Add(d.step - d.whole)
	}
	if start.After(now.AddDate(1, 0, 0)) {
		return from, to, d, fault.InvalidField("startTime", "lies in the future")
	}
	from = start.Truncate(d.step)
	return from, from.Add(d.whole), d, nil
}
