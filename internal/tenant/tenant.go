// Package tenant says who may do what, as pure predicates: portfolios in a
// tree, principals, permissions, and the sphere that every read and write of
// tenant data goes through.
package tenant

import (
	"net/netip"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/money"
)

// Portfolio is an account: a node of the tree that owns SIMs, people and
// packages. Its descendants are its customers' accounts.
type Portfolio struct {
	ID         ident.PortfolioID
	Parent     ident.PortfolioID // empty for a root
	Path       string            // see Path
	Name       string
	Currency   money.Currency
	BillingDay int // day of the month on which a cycle starts, 1 to 28
	Status     Status

	AllowList     []netip.Prefix // source addresses of its API callers; empty allows any
	Overdue       money.Amount   // owed past its due date; new activations wait while it is positive
	NoActivations bool           // the operator has stopped new activations
	Suspended     Suspensions    // its own
	Above         bool           // a portfolio above it is suspended; it is read, never stored
	CreatedAt     time.Time
}

// Status is the life cycle that portfolios and packages share.
type Status string

// The statuses. Setup is an account's before it may use anything: see
// Portfolio.Ready.
const (
	Setup   Status = "setup"
	Active  Status = "active"
	Deleted Status = "deleted"
)

// NotReady is the code of the fault that an account is still being set up.
const NotReady = "portfolio.setup"

// Ready returns a Precondition fault while p is being set up: nothing can be
// activated in it.
func (p *Portfolio) Ready() error {
	if p.Status != Setup {
		return nil
	}
	return fault.New(fault.Precondition, NotReady, "portfolio %s is being set up; it needs an active billing address, and then the status active", p.ID)
}

// MaxDepth bounds the tree, so that no path grows without limit.
const MaxDepth = 16

// Path returns the path of a portfolio below its parent's path: the ids from
// the root down, each followed by a slash. A prefix of a path is an ancestor.
func Path(parent string, id ident.PortfolioID) string { return parent + string(id) + "/" }

// Depth returns how many portfolios the path names.
func Depth(path string) int { return strings.Count(path, "/") }

// Sphere is the part of the tree that a caller may see: one portfolio and its
// descendants, or everything. What lies outside looks missing. The zero sphere
// contains nothing.
type Sphere struct {
	path   string
	all    bool
	lapsed bool
}

// Everything is the operator's sphere: the command line and the sync loop.
func Everything() Sphere { return Sphere{all: true} }

// Below returns the sphere of the portfolio with this path.
func Below(path string) Sphere { return Sphere{path: path} }

// WithLapsed returns s for who also sees the packages that were offered in it,
// and are no more.
func (s Sphere) WithLapsed() Sphere {
	s.lapsed = true
	return s
}

// Lapsed reports whether s is so.
func (s Sphere) Lapsed() bool { return s.lapsed }

// Contains reports whether the portfolio with this path lies in s.
func (s Sphere) Contains(path string) bool {
	return s.all || (s.path != "" && strings.HasPrefix(path, s.path))
}

// Root is the id of the root of the tree that s lies in; empty for Everything,
// and for nothing. Top says that s begins at that root.
func (s Sphere) Root() (id string, top bool) {
	id, rest, _ := strings.Cut(s.path, "/")
	return id, id != "" && rest == ""
}

// All reports whether s is Everything.
func (s Sphere) All() bool { return s.all }

// Bounds returns the half-open range of paths in s, for an index to walk. The
// byte after the final slash ends it: paths hold only hexadecimal digits and
// slashes.
func (s Sphere) Bounds() (from, to string) {
	if s.all {
		return "", "~"
	}
	if s.path == "" {
		return "~", "~"
	}
	return s.path, s.path[:len(s.path)-1] + "0"
}

// Allows reports whether a caller at addr may use p's APIs.
func (p *Portfolio) Allows(addr netip.Addr) bool {
	return Listed(p.AllowList, addr)
}

// ParseAllowList parses addresses and networks in CIDR form, separated by
// commas. A bare address allows that one host.
func ParseAllowList(s string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if a, err := netip.ParseAddr(part); err == nil && a.Zone() == "" {
			a = a.Unmap()
			out = append(out, netip.PrefixFrom(a, a.BitLen()))
			continue
		}
		n, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fault.InvalidField("allow", "%q is neither an address nor a network such as 192.0.2.0/24", part)
		}
		out = append(out, n.Masked())
	}
	return out, nil
}
