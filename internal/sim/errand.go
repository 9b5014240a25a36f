package sim

import (
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// ErrandKind says what is to be done once with a SIM on its network, beyond
// making it what it should be. The texts are stored.
type ErrandKind string

// The kinds of errand.
const (
	SendMessage     ErrandKind = "sms"      // a message to the device; the subject is its text
	ResetOnNetwork  ErrandKind = "reset"    // the device registers anew
	DownloadProfile ErrandKind = "download" // onto an eUICC; the subject is the profile's name, as with those below
	EnableProfile   ErrandKind = "enable"
	DeleteProfile   ErrandKind = "delete"
	InstallProfile  ErrandKind = "download_and_enable"
)

// OfProfile reports whether the errand changes a profile of an eUICC.
func (k ErrandKind) OfProfile() bool {
	return k == DownloadProfile || k == EnableProfile || k == DeleteProfile || k == InstallProfile
}

// Errand is one thing to be done, from the request to the proof. The errands of
// one SIM are done one after the other.
type Errand struct {
	ID       int64 // grows with time
	SIM      int64
	ICCID    ident.ICCID
	Network  string
	Kind     ErrandKind
	Subject  string
	Progress Progress // OpPending, OpDone or OpRefused
	Actor    string
	Request  string

	RequestedAt time.Time
	Attempts    int
	LastError   string
	Reference   string // the network's name for it
	DoneAt      time.Time

	Lease   int64
	Profile Profile // of a claimed one: the SIM as its network should have it
}

// ErrandAnswer is what became of an errand. A nil Err means that it is done.
type ErrandAnswer struct {
	Errand    Errand
	Reference string
	Err       error
	Refused   bool      // Err is final
	RetryAt   time.Time // when Err is not
}

// CardProfile is a profile that lies on an eUICC.
type CardProfile struct {
	Name        string
	Enabled     bool
	InstalledAt time.Time
}

// IsEUICC reports whether s is on a card that profiles can be downloaded to.
func (s *SIM) IsEUICC() bool { return s.EID != "" }
