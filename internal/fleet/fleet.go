// Package fleet holds the use cases: one file each. A use case authorises the
// caller, loads what it needs, decides with the words, and saves the state, the
// operation and the event in one transaction. Only then does the caller hear
// that it is done.
//
// It declares what it needs of the store, and knows no SQL, no HTTP and no
// network.
package fleet

import (
	"context"
	"time"

	"github.com/simurgh-iot/simurgh/internal/event"
	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/plan"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// Service is the use cases over one store. It is safe for concurrent use.
type Service struct {
	store    Store
	vault    Vault
	now      func() time.Time
	told     func(networks map[string]bool)
	cut      func()
	rules    Rules
	guard    *guard
	controls Controls
	does     func(driver string, k sim.ErrandKind) bool
	keys     *keys
	bearers  *bearers
	waiting  []*backlog // by share
}

// Options are what a Service needs besides its store.
type Options struct {
	Vault Vault
	Now   func() time.Time               // time.Now when nil
	Told  func(networks map[string]bool) // called after a commit, with the networks, and the queues, that have something to hear; may be nil
	Cut   func()                         // called after a commit that has sessions to cut; may be nil
	Rules Rules

	Controls Controls // nil when no network can be controlled

	// Does reports whether the networks of a driver do errands of a kind; nil for
	// none.
	Does func(driver string, k sim.ErrandKind) bool
}

// New returns the use cases over a store.
func New(store Store, o Options) *Service {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Told == nil {
		o.Told = func(map[string]bool) {}
	}
	if o.Cut == nil {
		o.Cut = func() {}
	}
	if o.Does == nil {
		o.Does = func(string, sim.ErrandKind) bool { return false }
	}
	// Databases keep microseconds; a caller is told what they will return.
	now := func() time.Time { return o.Now().UTC().Truncate(time.Microsecond) }
	return &Service{store: store, vault: o.Vault, now: now, told: o.Told, cut: o.Cut, rules: o.Rules.defaults(), guard: newGuard(now),
		controls: o.Controls, does: o.Does, keys: &keys{read: map[string][]byte{}}, bearers: &bearers{}, waiting: newBacklogs(store.Shares())}
}

// Request is who asks, and how.
type Request struct {
	Caller tenant.Principal
	Via    string // the door: "tigrillo", "simapi", "terminal", "portal", "cli", "sync"
	ID     string // of the request, for the audit trail

	// Key and Asked make a request idempotent: the same key and hash of what
	// was asked gets the stored answer for a day; another hash is refused.
	Key   string
	Asked []byte
}

// Vault seals, tags and hashes.
type Vault interface {
	SealSecrets(ident.ICCID, sim.Secrets) []byte
	OpenSecrets(ident.ICCID, []byte) (sim.Secrets, error)
	Tags(sim.Secrets) []sim.Tag
	Seal(label string, plain []byte) []byte
	Open(label string, sealed []byte) ([]byte, error)
	HashPassword(ctx context.Context, password string) (string, error)
	CheckPassword(ctx context.Context, hash, password string) (bool, error)
	NewToken() string
	HashToken(token string) []byte
}

// Store is a transactional store. What stands in each part is documented where
// it is implemented.
type Store interface {
	Reader
	Journal
	Write(ctx context.Context, fn func(Tx) error) error
	WriteBulk(ctx context.Context, fn func(Tx) error) error
	WriteAgain(ctx context.Context, fn func(Tx) error) error
}

// Reader reads within a sphere, unless a method says otherwise.
type Reader interface {
	SIMReader
	TenantReader
	UsageReader
	AlertStore
	AlertRuleReader
	AccessReader
	AdminReader
	MemberReader
	TokenReader
	APIUserReader
	ErrandReader
	CostReader
	AttributeReader
	CarriedReader
	CatalogueReader
	PortalReader
	SetAsideReader
	AssignmentReader
	ItemReader
	CollectionReader
	SeriesReader
	FileReader
	BulkReader
}

// SIMReader reads SIMs and what happened to them.
type SIMReader interface {
	SIM(ctx context.Context, in tenant.Sphere, iccid ident.ICCID) (sim.SIM, bool, error)
	List(ctx context.Context, in tenant.Sphere, q sim.Query) (sim.Page, error)
	Tallies(ctx context.Context, in tenant.Sphere) ([]sim.Tally, error)
	Groups(ctx context.Context, in tenant.Sphere) ([]string, error)
	Operations(ctx context.Context, in tenant.Sphere, q sim.OperationQuery) ([]sim.Operation, error)
	Events(ctx context.Context, in tenant.Sphere, q event.Query) ([]event.Event, error)
}

// TenantReader reads accounts, people and packages.
type TenantReader interface {
	Portfolio(ctx context.Context, in tenant.Sphere, id ident.PortfolioID) (tenant.Portfolio, error)
	Portfolios(ctx context.Context, in tenant.Sphere) ([]tenant.Portfolio, error)
	Accounts(ctx context.Context, in tenant.Sphere) ([]tenant.Account, error)
	Package(ctx context.Context, in tenant.Sphere, id int64) (plan.Package, error)
	Packages(ctx context.Context, in tenant.Sphere) ([]plan.Package, error)
	Link(ctx context.Context, pkg int64, portfolio ident.PortfolioID) (plan.Link, bool, error)
	Links(ctx context.Context, in tenant.Sphere, pkg int64) ([]plan.Link, error)
}

// UsageReader reads usage by the internal ids of SIMs that the caller has found
// in its sphere.
type UsageReader interface {
	Activity(ctx context.Context, simID int64) (usage.Activity, error)
	Activities(ctx context.Context, ids []int64) (map[int64]usage.Activity, error)
	Months(ctx context.Context, ids []int64, year, month int) (map[int64]usage.Month, error)
	Rated(ctx context.Context, simID int64, q usage.RatedQuery) ([]usage.RatedEvent, int64, error)
}

// AdminReader reads without a sphere: to find out who the caller is, and for
// Simurgh's own loops.
type AdminReader interface {
	AccountByName(ctx context.Context, kind tenant.Kind, name string) (tenant.Account, bool, error)
	SessionAccount(ctx context.Context, hash []byte, now time.Time) (tenant.Account, tenant.Portfolio, bool, error)
	Networks(ctx context.Context) ([]plan.Network, error)
	Expected(ctx context.Context, network string, after ident.IMSI, n int) ([]sim.SIM, error)
	InTest(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error)
	ReadySince(ctx context.Context, after sim.Term, before time.Time, n int) ([]sim.Term, error)
	QuarantineOver(ctx context.Context, network string, before time.Time, n int) ([]int64, error)
	QueueDepths(ctx context.Context) ([]sim.QueueDepth, error)
	Sealed(ctx context.Context, ids []int64) (map[int64][]byte, error)
	Setting(ctx context.Context, name string) ([]byte, bool, error)
	StoredAnswer(ctx context.Context, principal, key string, now time.Time) (asked, answer []byte, held time.Time, found bool, err error)
}

// Tx is one transaction. It reads what it has written.
type Tx interface {
	Reader
	SIMWriter
	QueueWriter
	TenantWriter
	MemberWriter
	TokenWriter
	APIUserWriter
	ErrandWriter
	AttributeWriter
	CarriedWriter
	CatalogueWriter
	PortalWriter
	AssignmentWriter
	ItemWriter
	CollectionWriter
	FileWriter
	BulkWriter
	UsageWriter
	CutWriter
	AccessWriter
	JournalWriter
	SetAsideWriter
	AlertRuleWriter
	ReadAlerts(ctx context.Context, in tenant.Sphere, ids []int64) (int64, error)
}

// SIMWriter changes SIMs.
type SIMWriter interface {
	Lock(ctx context.Context, in tenant.Sphere, iccids []ident.ICCID) ([]sim.SIM, error)
	LockIDs(ctx context.Context, ids []int64) ([]sim.SIM, error)
	Insert(ctx context.Context, portfolio ident.PortfolioID, sims []sim.NewSIM) error
	Taken(ctx context.Context, sims []sim.NewSIM) (map[string]ident.ICCID, error)
	Save(ctx context.Context, changes []sim.Change) error
	AddOperations(ctx context.Context, ops []sim.Operation) error
	Answered(ctx context.Context, ended []sim.Ended) error
	Decided(ctx context.Context, ended []sim.Ended) error
	AddEvents(ctx context.Context, events []event.Event) error
	StoreAnswer(ctx context.Context, principal, key string, asked, answer []byte, now, until time.Time) error
	HoldKey(ctx context.Context, principal, key string, asked []byte, held, now, until time.Time) error
	AnswerHeld(ctx context.Context, principal, key string, held time.Time, answer []byte) error
	FreeKey(ctx context.Context, principal, key string, held time.Time) error
}

// QueueWriter hands SIMs to the workers that tell the networks.
type QueueWriter interface {
	Claim(ctx context.Context, network string, n int, now, until time.Time) ([]sim.Claim, error)
	Held(ctx context.Context, claims []sim.Claim) (map[int64]bool, error)
	Dequeue(ctx context.Context, answers []sim.Answer, now time.Time) error
	Requeue(ctx context.Context, sims []sim.SIM, now time.Time) error
	Hurry(ctx context.Context, network string, now time.Time, n int) (int64, error)
	StartReconcile(ctx context.Context, network string, now, since time.Time) (bool, error)
}

// TenantWriter changes accounts, people, packages and networks.
type TenantWriter interface {
	AddPortfolio(ctx context.Context, p tenant.Portfolio) error
	SavePortfolio(ctx context.Context, p tenant.Portfolio) error
	LockPortfolio(ctx context.Context, id ident.PortfolioID) error
	LockAccount(ctx context.Context, id string) error
	LockPackage(ctx context.Context, id int64) error
	HoldPackage(ctx context.Context, id int64) error
	AddAccount(ctx context.Context, a tenant.Account) error
	AddSession(ctx context.Context, s tenant.Session) error
	EndSession(ctx context.Context, hash []byte) (bool, error)
	EndSessionsOf(ctx context.Context, account string, portfolio ident.PortfolioID) error
	DropExpired(ctx context.Context, now time.Time, n int) (int64, error)
	AddPackage(ctx context.Context, p *plan.Package) error
	SaveLink(ctx context.Context, l plan.Link) error
	AddNetwork(ctx context.Context, n plan.Network) error
	SaveNetwork(ctx context.Context, n plan.Network) error
	HoldNetwork(ctx context.Context, name string) error
	LockNetwork(ctx context.Context, name string) error
	DropNetwork(ctx context.Context, name string) error
	NetworkUser(ctx context.Context, name string) (string, error)
	SetOnce(ctx context.Context, name string, value []byte) ([]byte, error)
}

// missingSIM is what a SIM that does not exist, or lies outside the caller's
// sphere, gets.
func missingSIM(iccid ident.ICCID) error { return fault.Missing("sim", string(iccid)) }
