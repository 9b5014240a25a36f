// Package bulk says what a bulk job is: its types and their templates, the CSV
// files that it takes, and what a row may hold. It does no I/O of its own and
// decides nothing about a SIM.
package bulk

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/job"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Kind is the queue's name for bulk jobs.
const Kind = "bulk"

// Type is what a job does to each SIM of its file: the name of its template.
type Type string

// The types.
const (
	SetStatus    Type = "update-icc-status"
	SetPackage   Type = "update-icc-package"
	SetPortfolio Type = "update-icc-portfolio"
	SetSuspended Type = "update-icc-customerSuspend"
	SetName      Type = "update-iccAttribute-friendlyName"
	SetOrderID   Type = "update-iccAttribute-orderId"
)

// Values of [SetStatus] and [SetSuspended].
const (
	Active    = "active"
	Available = "available"
	Yes       = "yes"
	No        = "no"
)

// OrderID is the attribute that [SetOrderID] sets.
const OrderID = "orderId"

// template is what the file of a type holds.
type template struct {
	kind   Type
	column string // of the value, beside "value"
	sample string
	check  func(value string) error
}

var templates = []template{
	{SetStatus, "status", Active, oneOf(Active, Available)},
	{SetPackage, "packageId", "6685", func(v string) error { _, err := PackageID(v); return err }},
	{SetPortfolio, "portfolioId", strings.Repeat("0", 31) + "1", func(v string) error {
		_, err := ident.ParsePortfolioID(v)
		return ident.As("value", err)
	}},
	{SetSuspended, "customerSuspend", Yes, oneOf(Yes, No)},
	{SetName, "friendlyName", "Charger 12", func(v string) error { return sim.CheckAttribute(sim.LabelName, v) }},
	{SetOrderID, OrderID, "5791", func(v string) error { return sim.CheckAttribute(OrderID, v) }},
}

func oneOf(words ...string) func(string) error {
	return func(v string) error {
		if slices.Contains(words, v) {
			return nil
		}
		return fault.InvalidField("value", "must be one of %s", strings.Join(words, ", "))
	}
}

// PackageID reads the value of a row of [SetPackage].
func PackageID(v string) (int64, error) {
	var n int64
	if len(v) == 0 || len(v) > 18 {
		return 0, fault.InvalidField("value", "must be a package id: 1 to 18 digits")
	}
	for _, c := range v {
		if c < '0' || c > '9' {
			return 0, fault.InvalidField("value", "must be a package id: 1 to 18 digits")
		}
		n = n*10 + int64(c-'0')
	}
	return n, nil
}

// Types lists the types.
func Types() []Type {
	out := make([]Type, len(templates))
	for i, t := range templates {
		out[i] = t.kind
	}
	return out
}

func (t Type) template() *template {
	for i := range templates {
		if templates[i].kind == t {
			return &templates[i]
		}
	}
	return nil
}

// ParseType returns the type with that name.
func ParseType(s string) (Type, error) {
	if t := Type(s); t.template() != nil {
		return t, nil
	}
	names := make([]string, len(templates))
	for i, t := range templates {
		names[i] = string(t.kind)
	}
	return "", fault.InvalidField("type", "%q is not one of %s", s, strings.Join(names, ", "))
}

// Template is a file of the type to start from: the header and one row.
func (t Type) Template() string {
	return "iccId,value\n8944538500000000017," + t.template().sample + "\n"
}

// Job is one bulk job.
type Job struct {
	job.Job
	Type   Type
	Name   string
	DryRun bool  // everything is checked and undone
	File   int64 // its rows
	Result int64 // the file that its results are read from, once it is over; 0 before it was queued

	// Account is who queued it, and acts: by kind and name, as it signs in.
	AccountKind tenant.Kind
	AccountName string
	Via         string // the door
}

// Status is what a file is good for.
type Status string

// The statuses of a file.
const (
	Empty   Status = "setup"  // nothing was uploaded
	Whole   Status = "active" // it can be read
	Deleted Status = "deleted"
)

// File is a file of rows, or the results of a job, which are put together when
// they are read.
type File struct {
	ID         int64
	Portfolio  ident.PortfolioID // empty for the operator's own
	Name       string
	Status     Status
	Job        int64 // of a result: its job; 0 for what somebody uploads
	Upload     int64 // what its content is stored under; 0 for none
	Head       string
	Bytes      int64
	Rows       int64
	Chunks     int
	Actor      string
	CreatedAt  time.Time
	UploadedAt time.Time
}

// Query selects jobs or files, newest first.
type Query struct {
	Portfolio ident.PortfolioID
	Type      Type        // of jobs
	States    []job.State // of jobs
	File      int64       // of jobs: those of this file
	Before    int64       // older than this id; 0 for the newest
	Limit     int
}

// Failure is a row that was not carried out.
type Failure struct {
	Row     int        `json:"r"` // in its chunk, from 0
	Kind    fault.Kind `json:"k"`
	Code    string     `json:"c"`
	Message string     `json:"m"`
}

// NewFailure keeps of an error what the caller may read; ok is false for one
// that nobody labelled, which is ours.
func NewFailure(row int, err error) (f Failure, ok bool) {
	e, ok := errors.AsType[*fault.Error](err)
	if !ok || e.Kind == fault.Internal || e.Kind == fault.Unavailable {
		return f, false
	}
	told := *e
	told.Err = nil
	return Failure{row, e.Kind, e.Code, told.Error()}, true
}

// Fault is the failure as the edges translate it.
func (f *Failure) Fault() *fault.Error {
	return &fault.Error{Kind: f.Kind, Code: f.Code, Message: f.Message}
}
