package tenant

import (
	"net/netip"
	"slices"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Detail is what is known of the person or the program behind an account.
type Detail struct {
	Email               string
	FirstName, LastName string
	Mobile              string
	AllowList           []netip.Prefix // where a program may call from; empty allows any
}

// Member is an account with its details.
type Member struct {
	Account
	Detail
}

// Token is a bearer token of a program. Only a hash of it is stored; ID names
// it in lists.
type Token struct {
	ID        int64
	Hash      []byte
	Account   string
	From      netip.Addr // where it was fetched from
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Bearer is who a live token speaks for.
type Bearer struct {
	Member
	Home     Portfolio
	Expires  time.Time // the token
	Features Features  // of an API user; none of others
}

// Refresh is a refresh token of an API user, which is exchanged for the next
// pair of tokens. Only a hash of it is stored.
type Refresh struct {
	ID        int64
	Hash      []byte
	Account   string
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    time.Time // zero before it is exchanged
}

// Listed reports whether an allow-list lets addr in; an empty one lets in all.
func Listed(list []netip.Prefix, addr netip.Addr) bool {
	addr = addr.Unmap()
	return len(list) == 0 || slices.ContainsFunc(list, func(n netip.Prefix) bool { return n.Contains(addr) })
}

// Live reports whether the account may be used at the given time.
func (a *Account) Live(now time.Time) bool {
	return !a.Disabled && (a.ExpiresAt.IsZero() || a.ExpiresAt.After(now))
}

// Names lists the permissions in the set.
func (s Permissions) Names() []string {
	out := make([]string, 0, permissions)
	for p := SIMGet; p < permissions; p++ {
		if s.Has(p) {
			out = append(out, p.String())
		}
	}
	return out
}

// Gives returns a Forbidden fault unless p holds every right in s: nobody gives
// away more than they have.
func (p *Principal) Gives(s Permissions) error {
	for need := SIMGet; need < permissions; need++ {
		if s.Has(need) {
			if err := p.Needs(need); err != nil {
				return err
			}
		}
	}
	return nil
}

// Role is a named set of rights that an account can hold.
type Role struct {
	ID    int64
	Title string // as stored: a letter, or a program's role
	Name  string
	Kind  Kind // of the accounts that can hold it
	May   Permissions
}

var roleList = []Role{
	{1, "A", "Admin", User, 0}, {2, "E", "Engineering", User, 0}, {3, "F", "Finance", User, 0},
	{4, "L", "Logistics", User, 0}, {5, "T", "Technical", User, 0}, {6, "U", "Standard user", User, 0},
	{11, "admin", "Admin", ServiceAccount, 0}, {12, "engineer", "Engineer", ServiceAccount, 0},
	{13, "support", "Support", ServiceAccount, 0}, {14, "finance", "Finance", ServiceAccount, 0},
	{15, "viewer", "Viewer", ServiceAccount, 0}, {16, "operator", "Operator", ServiceAccount, 0},
}

// Roles lists the roles that accounts of a kind can hold.
func Roles(kind Kind) []Role {
	var out []Role
	for _, r := range roleList {
		if r.Kind == kind {
			r.May = roles[r.Title]
			out = append(out, r)
		}
	}
	return out
}

// FindRole returns the role of a kind by its title or, when that is empty, by
// its id.
func FindRole(kind Kind, title string, id int64) (Role, error) {
	for _, r := range Roles(kind) {
		if title != "" && r.Title == title || title == "" && r.ID == id {
			return r, nil
		}
	}
	if title != "" {
		return Role{}, fault.InvalidField("title", "%q is no role of a %s", title, kind)
	}
	return Role{}, fault.InvalidField("permissionId", "%d is no role of a %s", id, kind)
}
