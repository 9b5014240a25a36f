package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// unlimited is more than any list holds.
const unlimited = 1 << 40

// countedHits are worth reading with the page: counting them would find them
// all once more.
const countedHits = 1000

// keys reads the keys of the page, and at least one more when there is one.
func (l *listing) keys(ctx context.Context) ([]key, error) {
	if l.exact() && int64(l.q.Offset) >= l.total {
		return nil, nil
	}
	at, skip, err := l.start(ctx)
	if err != nil {
		return nil, err
	}
	want := l.q.Limit + 1
	if l.q.Limit == 0 {
		want = unlimited
	}
	var keys []key
	walked := false
	switch {
	case l.merges(skip + want):
		keys, err = l.merged(ctx, at, skip, want)
		walked = true
	case l.order.from != nil && skip+want <= l.lists.budget:
		keys, walked, err = l.walk(ctx, at, skip, want)
	}
	if err != nil {
		return nil, err
	}
	if !walked {
		if l.q.Count && l.base.hits != "" {
			want = max(want, countedHits)
		}
		if keys, err = l.sorted(ctx, at, skip, want); err != nil {
			return nil, err
		}
	}
	if at == nil && len(keys) < want && (len(keys) > 0 || skip == 0) {
		l.last, l.total = true, int64(skip+len(keys))
	}
	l.remember(keys)
	return keys, nil
}

// start is where reading begins, and how many SIMs it then skips: behind the
// cursor, at the nearest counted prefix of a list that nothing filters, or
// where an earlier page ended.
func (l *listing) start(ctx context.Context) (at *sim.Cursor, skip int, err error) {
	switch {
	case l.q.After != nil:
		l.lists.took("cursor")
		return l.q.After, 0, nil
	case l.order.from == nil: // few
		return nil, l.q.Offset, nil
	case l.q.Offset == 0:
		return nil, 0, nil
	case l.exact() && l.q.Sort == sim.ByICCID && !l.filtersCells() && l.base.from.only == "" && !l.base.from.spans:
		l.lists.took("seek")
		return l.seek(ctx)
	}
	at, skipped := l.lists.before(l.signature(), l.q.Offset)
	if at != nil {
		l.lists.took("trail")
	}
	return at, l.q.Offset - skipped, nil
}

// seek finds the prefix that the SIM at the offset has.
func (l *listing) seek(ctx context.Context) (*sim.Cursor, int, error) {
	target := int64(l.q.Offset)
	if l.q.Descending {
		target = l.total - target // so many SIMs do not stand before the page
	}
	where, args := l.scope("portfolio_no")
	p, err := l.rank(ctx, where, args, target)
	if err != nil {
		return nil, 0, err
	}
	if l.q.Descending {
		return &sim.Cursor{ICCID: ident.ICCID(p.prefix + "~")}, int(max(0, p.before+p.inside-target)), nil
	}
	return p.front(), int(target - p.before), nil
}

// remember notes where the page ended, for the one behind it.
func (l *listing) remember(keys []key) {
	if n := min(len(keys), l.q.Limit); n > 0 && l.q.After == nil && l.order.from != nil {
		l.lists.remember(l.signature(), l.q.Offset+n, *keys[n-1].cursor())
	}
}

// signature names the list, whatever the page of it.
func (l *listing) signature() string {
	q := l.q
	from, to := l.in.Bounds()
	optional := func(p *int64) string {
		if p == nil {
			return ""
		}
		return itoa(*p)
	}
	group, match := "", sim.Match{}
	if q.Group != nil {
		group = "=" + *q.Group
	}
	if q.Match != nil {
		match = *q.Match
	}
	return fmt.Sprintf("%q %q %q %q %q %q %q %q %q %q %d %d %d %d %d %d %d %#v %x %d %t", from, to, q.Portfolio, optional(q.Package), optional(q.MNO),
		optional(q.Spec), optional(q.Part), optional(q.RSP), group, q.Network, append([]sim.Status{q.Suspending}, q.Statuses...), q.Held, q.NotHeld, q.Barred, q.NotBarred,
		micros(q.ActivatedAt), micros(q.TerminatedAt), match, q.Tags, q.Sort, q.Descending)
}

// sorted lets the database sort the base.
func (l *listing) sorted(ctx context.Context, at *sim.Cursor, skip, want int) ([]key, error) {
	l.lists.took("sorted")
	columns := "{v} AS v, {i} AS i, {id} AS id"
	if l.base.from != nil && l.base.from.spans {
		columns = "({v} || '') AS v, ({i} || '') AS i, {id} AS id" // lest PostgreSQL walk an order for so few
	}
	text, args := l.base.write(l.engine, columns, l.sort, l.bound(at))
	return l.cut(ctx, skip, want, text, args)
}

// bound is the condition on what stands behind a cursor; nil for none.
func (l *listing) bound(at *sim.Cursor) *cond {
	switch {
	case at == nil:
		return nil
	case l.sort == "iccid":
		return &cond{where: "{i} " + l.behind() + " ?", args: []any{string(at.ICCID)}}
	}
	return &cond{where: "({v}, {i}) " + l.behind() + " (?, ?)", args: []any{at.Value, string(at.ICCID)}}
}

// cut reads a stretch of the keys that a statement selects as v, i and id.
func (l *listing) cut(ctx context.Context, skip, want int, text string, args []any) ([]key, error) {
	var out []key
	err := l.each(ctx, func(rows rowScanner) error {
		var k key
		err := rows.Scan(&k.value, &k.iccid, &k.id)
		out = append(out, k)
		return err
	}, text+" ORDER BY "+l.ordered("")+" LIMIT ? OFFSET ?", append(args, want, skip)...)
	return out, err
}

// behind is the operator of what stands behind a cursor.
func (l *listing) behind() string {
	if l.q.Descending {
		return "<"
	}
	return ">"
}

// ordered is the order of rows whose columns have the prefix.
func (l *listing) ordered(prefix string) string {
	direction := ""
	if l.q.Descending {
		direction = " DESC"
	}
	value, iccid := prefix+l.sort, prefix+"iccid"
	if prefix == "" {
		value, iccid = "v", "i"
	}
	if l.sort == "iccid" {
		return iccid + direction
	}
	return value + direction + ", " + iccid + direction
}

func (l *listing) compare(a, b key) int {
	c := cmp.Or(cmp.Compare(a.value, b.value), cmp.Compare(a.iccid, b.iccid))
	if l.q.Descending {
		return -c
	}
	return c
}

// walk merges the ranges of the order: it takes a few keys from each, and more
// from those that may still hold some of the page. It gives up, returning
// false, when it has looked at too many rows and the page is not full.
func (l *listing) walk(ctx context.Context, at *sim.Cursor, skip, want int) ([]key, bool, error) {
	l.lists.took("walk")
	w := &walk{listing: l, need: skip + want}
	for i := range l.order.arms {
		w.open = append(w.open, reach{arm: i, at: at})
	}
	for i, quota := 0, w.quota(); i < len(w.open); i++ {
		w.open[i].next = quota
	}
	for budget := l.budget(); len(w.open) > 0; {
		if w.looked > budget && w.promising() {
			budget = l.lists.budget
		}
		if w.looked > budget {
			return nil, false, l.giveUp(ctx)
		}
		w.choose()
		quota := min(w.open[0].next, (budget-w.looked)/len(w.open)+1)
		if err := w.round(ctx, quota); err != nil {
			return nil, false, err
		}
	}
	return w.keys[min(skip, len(w.keys)):], true, nil
}

// quota is how many rows of each range the page takes, going by what is known
// of the filters, and half as many again.
func (w *walk) quota() int {
	rows := int64(w.need + w.need/2)
	if w.sized && w.order.from != w.base.from {
		rows = rows * w.all / w.total
	}
	return max(4, int(rows/int64(len(w.open)))+1)
}

// budget is how many rows a walk may look at.
func (l *listing) budget() int {
	switch {
	case len(l.order.where) == 0:
		return unlimited // each row is one of the list
	case l.searches():
		return l.lists.budget / searchPart
	}
	return l.lists.budget
}

// giveUp changes the base to what is best sorted: the SIMs that have a code, or
// the hits of a search, unless there is less to look through in the sphere.
func (l *listing) giveUp(ctx context.Context) error {
	l.lists.took("give up")
	if len(l.common) > 0 {
		l.lists.took("tagged")
		ids, _, err := l.tagged(ctx, l.common[0], unlimited)
		where, arg := l.engine.list("s.id", ids)
		l.base = base{where: append([]cond{{where: where, args: []any{arg}}}, l.filters(nothing, "")...)}
		return err
	}
	if narrow := l.sized && l.total <= narrowTimes*l.lists.few; l.searches() && !narrow {
		l.lists.took("hits")
		l.base = l.hits()
	}
	return nil
}

// narrowTimes the SIMs that are few are still looked through more quickly than
// the whole platform's hits.
const narrowTimes = 5

// walk is one merge under way.
type walk struct {
	*listing
	need   int
	looked int
	found  int   // of those that were looked at
	keys   []key // in order, at most need
	open   []reach
	// waiting are ranges that have been read further than the open ones.
	waiting []reach
}

// reach is how far a range has been read.
type reach struct {
	arm int
	at  *sim.Cursor // nil for nothing yet
	// next are the rows to take next: more each time.
	next int
}

func (r reach) key() key { return key{value: r.at.Value, iccid: r.at.ICCID} }

// promising reports whether the page is likely to be full within what any walk
// may look at, going by what was found so far.
func (w *walk) promising() bool {
	return len(w.keys) > 0 && w.need*w.looked/len(w.keys) <= w.lists.budget
}

// choose leaves open the quarter of the ranges that has been read least far: the
// page cannot reach beyond them. The others wait.
func (w *walk) choose() {
	if w.looked == 0 {
		return // the first round is that of all
	}
	w.open = append(w.open, w.waiting...)
	slices.SortFunc(w.open, func(a, b reach) int { return w.compare(a.key(), b.key()) })
	n := (len(w.open) + 3) / 4
	w.open, w.waiting = w.open[:n:n], slices.Clone(w.open[n:])
}

// beyond reports whether nothing behind a key reaches into the page.
func (w *walk) beyond(k key) bool {
	return len(w.keys) == w.need && w.compare(k, w.keys[w.need-1]) >= 0
}

// round takes up to quota rows of every open range, and closes those that are
// at their end, and all that cannot reach into the page any more.
func (w *walk) round(ctx context.Context, quota int) error {
	text, args := w.statement(quota)
	rows, last := make([]int, len(w.open)), make([]key, len(w.open))
	err := w.each(ctx, func(r rowScanner) error {
		var k key
		var n int
		passes := true
		dest := []any{&n, &k.value, &k.iccid, &k.id}
		if len(w.order.where) > 0 {
			dest = append(dest, &passes)
		}
		if err := r.Scan(dest...); err != nil {
			return err
		}
		if rows[n]++; rows[n] == 1 || w.compare(k, last[n]) > 0 {
			last[n] = k
		}
		if passes {
			w.found++
			w.keys = append(w.keys, k)
		}
		return nil
	}, text, args...)
	if err != nil {
		return err
	}
	slices.SortFunc(w.keys, w.compare)
	w.keys = w.keys[:min(len(w.keys), w.need)]
	for _, n := range rows {
		w.looked += n
	}
	open, next := w.open[:0], w.next(quota)
	for n, r := range w.open {
		if rows[n] == quota && !w.beyond(last[n]) {
			open = append(open, reach{r.arm, last[n].cursor(), next})
		}
	}
	for _, r := range w.waiting {
		if !w.beyond(r.key()) {
			open = append(open, r)
		}
	}
	w.open, w.waiting = open, nil
	return nil
}

// next is how many rows to take of a range after so many: what a page takes of
// one, and a quarter more, by how many were found so far. Too few cost a round,
// which takes four times as many when little is known.
func (w *walk) next(quota int) int {
	if w.found < knownFinds {
		return 4 * quota
	}
	page := w.need * w.looked / w.found
	return page + page/4
}

// knownFinds tell how often SIMs are found in a range.
const knownFinds = 5

// statement reads the next rows of the open ranges, and whether each passes
// the conditions.
func (w *walk) statement(quota int) (string, []any) {
	from := w.behindIn(w.order.from, w.open[0].at)
	alias, id := from.alias()
	columns, rows := w.relation()
	with, args := w.engine.relation(columns, rows)
	value := alias + "." + w.sort
	selected := fmt.Sprintf("a.n, %s, %s.iccid, %s.%s", value, alias, alias, id)
	if len(w.order.where) > 0 {
		test, more := conjunction(w.order.where)
		selected, args = selected+", "+test, append(args, more...)
	}
	inner := " FROM " + from.table + " x WHERE " + from.match("x")
	switch {
	case w.open[0].at == nil:
	case w.sort == "iccid":
		inner += " AND x.iccid " + w.behind() + " a.i"
	default:
		inner += fmt.Sprintf(" AND (x.%s, x.iccid) %s (a.v, a.i)", w.sort, w.behind())
	}
	inner += " ORDER BY " + w.ordered("x.") + " LIMIT ?"
	keys := []string{w.sort, "iccid"}
	if w.sort == "iccid" {
		keys = keys[:1]
	}
	// Held to the index, SQLite does not look through all of another one that has
	// the tested columns, and select the keys anew for each row of that.
	table := from.table + " " + alias + w.engine.using(from.index)
	first := w.engine.first(table, alias, from.match(alias), keys, inner)
	return fmt.Sprintf("WITH %s SELECT %s FROM a%s%s", with, selected, first, w.order.joins(w.engine, w.sort)), append(args, quota)
}

// relation holds the open ranges: which it is, its values, and how far it has
// been read.
func (w *walk) relation() ([]column, [][]any) {
	columns := append([]column{{"n", "bigint"}}, w.order.from.columns()...)
	columns = append(columns, column{"v", "text"}, column{"i", "text"})
	rows := make([][]any, len(w.open))
	for n, r := range w.open {
		at := sim.Cursor{}
		if r.at != nil {
			at = *r.at
		}
		rows[n] = append(append([]any{int64(n)}, w.order.arms[r.arm]...), at.Value, string(at.ICCID))
	}
	return columns, rows
}

// count counts the list: by the counters where they know. What takes long is
// counted once for all its pages.
func (l *listing) count(ctx context.Context) (int64, error) {
	if l.last || l.exact() {
		return l.total, nil
	}
	kept := l.failed == nil && (l.base.from != nil || l.base.hits != "") // neither a transaction nor a handful
	signature := ""
	if kept {
		signature = l.signature()
		if n, ok := l.lists.totals.of(signature, l.asksStates()); ok {
			l.lists.took("total")
			return n, nil
		}
	}
	counted := l.lists.totals.present()
	text, args := l.base.write(l.engine, "count(*)", "iccid", nil)
	_, err := l.one(ctx, []any{&counted.n}, text, args...)
	if err == nil && kept {
		l.lists.totals.keep(signature, counted)
	}
	return counted.n, err
}
