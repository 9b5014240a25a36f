package tenant

import (
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Portal is a site under a name of its own, with the accounts that use it: what
// stands above portfolios. It belongs to a portfolio, and accounts at or below
// that one can be in it. Every tree has one of its own besides, see OwnPortal.
type Portal struct {
	ID        string // 32 hexadecimal digits
	Root      string // of the tree
	Owner     ident.PortfolioID
	OwnerPath string // it is read, never stored
	Name      string
	Title     string // short, without blanks, and its own in the tree
	Status    Status
	CreatedAt time.Time
}

// MainPortal is the title of every tree's own portal.
const MainPortal = "main"

// OwnPortal is the portal that a tree has without anybody making it: it has the
// id, the name and the age of the root, and stays as it is.
func OwnPortal(root *Portfolio) Portal {
	return Portal{ID: string(root.ID), Root: string(root.ID), Owner: root.ID, OwnerPath: root.Path, Name: root.Name, Title: MainPortal,
		Status: Active, CreatedAt: root.CreatedAt}
}

// Own reports whether p is its tree's own.
func (p *Portal) Own() bool { return p.ID == p.Root }

// Covers reports whether the portfolio with this path can be in p.
func (p *Portal) Covers(path string) bool { return Below(p.OwnerPath).Contains(path) }

// PortalSteps says, by their paths, which portfolios were put into which portal.
// Those below them are there, too, unless they were put elsewhere.
type PortalSteps map[string]string

// Of returns the portal of the portfolio with this path: of the nearest at or
// above it that was put somewhere, or else its tree's own.
func (s PortalSteps) Of(path string) string {
	for at := path; at != ""; at = at[:1+strings.LastIndexByte(at[:len(at)-1], '/')] {
		if portal := s[at]; portal != "" {
			return portal
		}
	}
	root, _, _ := strings.Cut(path, "/")
	return root
}

// Seen lists the portals that the portfolios of a sphere are in.
func (s PortalSteps) Seen(in Sphere) map[string]bool {
	out := map[string]bool{s.Of(in.path): true}
	for path, portal := range s {
		if in.Contains(path) {
			out[portal] = true
		}
	}
	return out
}
