// Package event is the catalogue of what happened: one list for the audit
// trail, a SIM's timeline and everything that is pushed out. An event is
// written in the transaction of the change that it tells of.
package event

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Kind names what happened. Receivers key on it: append only.
type Kind string

// The kinds.
const (
	SIMImported  Kind = "sim.imported"
	SIMCommanded Kind = "sim.commanded" // a command changed what is wanted; Verb, From, To
	SIMSettled   Kind = "sim.settled"   // the network agreed; From, To
	SIMRefused   Kind = "sim.refused"   // the network refused for good, or a person rejected; From, To, Reason
	SIMReturned  Kind = "sim.returned"  // back to stock
	SIMLabelled  Kind = "sim.labelled"  // Changes
	SIMAssigned  Kind = "sim.assigned"  // portfolio or package; Changes
	SIMDrifted   Kind = "sim.drifted"   // the network differs from what was agreed; Changes

	SIMAttributed Kind = "sim.attributed" // Changes
	SIMRefitted   Kind = "sim.refitted"   // what the card is was corrected; Changes
	SIMSwapped    Kind = "sim.swapped"    // Subject: the other SIM; Changes
	SIMControlled Kind = "sim.controlled" // something was asked of the network at once; Verb

	SIMNotControlled Kind = "sim.not_controlled" // the network did not do what was asked; Verb, Reason

	PortfolioCreated Kind = "portfolio.created"
	PortfolioChanged Kind = "portfolio.changed"
	PackageCreated   Kind = "package.created"
	PackageLinked    Kind = "package.linked"
	AccountCreated   Kind = "account.created"
	NetworkAdded     Kind = "network.added"
	NetworkChanged   Kind = "network.changed" // Changes
	NetworkRemoved   Kind = "network.removed"
	NASAdded         Kind = "nas.added"
	NASRemoved       Kind = "nas.removed"
	SignedIn         Kind = "session.started"
	SignInFailed     Kind = "session.refused"
	SignedOut        Kind = "session.ended"

	PackageChanged    Kind = "package.changed"
	AccountChanged    Kind = "account.changed"    // Changes
	Attributed        Kind = "attributes.changed" // of what is no SIM: Subject, Changes
	DictionaryChanged Kind = "dictionary.changed" // To: its status
	AddressChanged    Kind = "address.changed"    // likewise
	PortalChanged     Kind = "portal.changed"     // likewise
	TokensRevoked     Kind = "token.revoked"
	CollectionChanged Kind = "collection.changed"

	FileChanged Kind = "file.changed" // made, uploaded, deleted: Reason
	JobChanged  Kind = "job.changed"  // somebody asked for it: Verb
	JobEnded    Kind = "job.ended"    // To: what became of it; Reason

	SetAsideReplayed Kind = "set_aside.replayed" // Subject: its id; Reason: why it had been set aside
	SetAsideRemoved  Kind = "set_aside.removed"  // likewise
)

// Event is one thing that happened. Events of one SIM are in order by Seq.
type Event struct {
	ID        int64 // grows with time
	At        time.Time
	Kind      Kind
	Portfolio ident.PortfolioID // whose sphere sees it; empty for the operator's alone
	SIM       int64             // 0 when it is about no SIM
	ICCID     ident.ICCID
	Seq       int64 // the SIM's version that it tells of

	Actor   string
	Via     string
	Request string
	Data    Data
}

// Data is the detail of an event, stored as JSON. Secrets are never in it.
type Data struct {
	Verb    string   `json:"verb,omitempty"`
	From    string   `json:"from,omitempty"`
	To      string   `json:"to,omitempty"`
	Reason  string   `json:"reason,omitempty"`
	Subject string   `json:"subject,omitempty"` // what the event is about when that is no SIM
	Changes []Change `json:"changes,omitempty"`
}

// Change is one field that changed.
type Change struct {
	Field string `json:"field"`
	From  string `json:"from"`
	To    string `json:"to"`
}

// Query selects events, newest first.
type Query struct {
	ICCID  ident.ICCID // of one SIM
	Kinds  []Kind
	Since  time.Time
	Before int64 // older than this id; 0 for the newest
	Limit  int
}
