package store

import (
	"strings"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// history is a page of a table of what happened, newest first: that of one SIM,
// of everybody, or of the portfolios of a sphere. Its rows are h, their
// portfolio, where they have one, is p.
type history struct {
	table  string
	iccid  ident.ICCID
	before int64 // older than this id; 0 for the newest
	limit  int   // 0 for none
	apiece bool  // read it portfolio by portfolio, for an index that is so
	join   string

	where string
	args  []any
}

// add narrows the page by a condition on h.
func (h *history) add(where string, args ...any) {
	h.where, h.args = h.where+" AND "+where, append(h.args, args...)
}

func (h *history) write(d dialect, in tenant.Sphere, columns string) (string, []any) {
	if h.before != 0 {
		h.add("h.id < ?", h.before)
	}
	limit := h.limit
	if limit <= 0 {
		limit = unlimited
	}
	if h.iccid == "" && (h.apiece || !in.All()) {
		// Each portfolio gives its newest: few rows, however much happens
		// elsewhere.
		from, to := in.Bounds()
		inner := " FROM " + h.table + " x WHERE x.portfolio_no = p.no" + strings.ReplaceAll(h.where, "h.", "x.") + " ORDER BY x.id DESC LIMIT ?"
		return "SELECT " + columns + " FROM portfolio p" + d.first(h.table+" h", "h", "1 = 1", []string{"id"}, inner) + h.join +
				" WHERE p.path >= ? AND p.path < ? ORDER BY h.id DESC LIMIT ?",
			append(append([]any{}, h.args...), limit, from, to, limit)
	}
	where, args := within(in)
	if h.iccid != "" {
		where += " AND h.sim_id <> 0 AND h.sim_id = (SELECT id FROM sim WHERE iccid = ?)"
		args = append(args, string(h.iccid))
	}
	return "SELECT " + columns + " FROM " + h.table + " h LEFT JOIN portfolio p ON p.no = h.portfolio_no" + h.join +
		" WHERE " + where + h.where + " ORDER BY h.id DESC LIMIT ?", append(append(args, h.args...), limit)
}
